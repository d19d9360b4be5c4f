export {
  type CommandContext,
  endProcess,
  type Io,
  processIo,
  runProgram,
  table
} from './run-program.ts'
