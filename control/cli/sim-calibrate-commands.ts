/** `kora sim calibrate`. The simulator is loaded only when it is asked for. */
import { type Command, Option } from 'commander'
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { jsonOption, wholeNumber } from './options.ts'

const SEEDS_MAX = 1_000
const BYTES_MAX = 65_536
const counted = wholeNumber(2, 1_000)

export function addCalibrateCommands(
  sim: Command,
  context: CommandContext,
  settle: (outcome: Exit) => void
): void {
  sim
    .command('calibrate')
    .description("the model's gossip beside the real stack's, on the same latencies")
    .addOption(
      new Option('--nodes <count>', 'how many nodes; repeat for more')
        .argParser((text: string, before: readonly number[]) => [...before, counted(text)])
        .default([], '20, 50 and 100')
    )
    .addOption(
      new Option('--seeds <count>', 'runs of each, with the seeds from 1')
        .argParser(wholeNumber(1, SEEDS_MAX))
        .default(30)
    )
    .addOption(
      new Option('--bytes <count>', 'of each message (default 400)').argParser(
        wholeNumber(16, BYTES_MAX)
      )
    )
    .addOption(jsonOption())
    .addHelpText('after', '\nExample: kora sim calibrate --nodes 20 --seeds 3 --json')
    .action(async (options) => {
      const { simCalibrate } = await import('./commands/sim-calibrate.ts')
      settle(await simCalibrate(options, context))
    })
}
