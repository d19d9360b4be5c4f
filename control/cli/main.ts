/**
 * `kora`: the command of a control node's operator. Declares verbs and flags; each verb's work is in
 * `commands/` and is loaded only when it is asked for, so that `kora studio` loads no fabric.
 */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { EXIT, type Exit } from '#contracts'
import { type CommandContext, endProcess, runProgram } from '#mesh-node/cli'
import { addSimCommands } from './commands/sim.ts'
import { addFabricCommands } from './fabric-commands.ts'
import { addLocalCommands } from './local-commands.ts'

const EXITS = Object.entries(EXIT)
  .map(([name, code]) => `${code} ${name.replace('_', ' ')}`)
  .join(', ')

function program(context: CommandContext, settle: (outcome: Exit) => void): Command {
  const kora = new Command('kora')
    .description('Plan AI work, run it on a mesh of machines, check it, bill it, replay it.')
    .version(version(), '--version', 'print the version')
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  kora plan examples/transcribe/graph.yaml',
        '  kora run examples/transcribe/graph.yaml --input audio=talk.wav --local-nodes 3',
        '  kora studio run examples/transcribe/graph.yaml --input audio=talk.wav',
        '  kora up',
        '',
        `Exit codes: ${EXITS}`
      ].join('\n')
    )
  addLocalCommands(kora, context, settle)
  addFabricCommands(kora, context, settle)
  addSimCommands(kora, context, settle)
  return kora
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const read: { version?: unknown } = JSON.parse(text)
  return typeof read.version === 'string' ? read.version : 'unknown'
}

endProcess(await runProgram(program, process.argv.slice(2)))
