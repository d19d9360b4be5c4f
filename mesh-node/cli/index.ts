export {
  type CommandContext,
  type Io,
  processIo,
  runProgram,
  table
} from './run-program.ts'
