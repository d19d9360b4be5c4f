/**
 * The verbs of `kora sim` that look for failing seeds and take them apart. The simulator is loaded only
 * when one is asked for.
 */
import type { Command } from 'commander'
import { Argument, Option } from 'commander'
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { jsonOption, wholeNumber } from './options.ts'

type Settle = (outcome: Exit) => void

/** Seeds are 32 bits of the streams that they begin. */
const SEED_MAX = 0xffff_ffff
const SEEDS_MAX = 1_000_000
const SOAK_SEEDS_DEFAULT = 200
const NODES_MAX = 100_000
const JOBS_MAX = 64

const seedArgument = (): Argument =>
  new Argument('<seed>', 'as the soak named it').argParser(wholeNumber(0, SEED_MAX))
const nodesOption = (): Option =>
  new Option('--nodes <count>', 'as the soak was given it: the seed is of a large mesh').argParser(
    wholeNumber(1, NODES_MAX)
  )

export function addSearchCommands(sim: Command, context: CommandContext, settle: Settle): void {
  sim
    .command('soak')
    .description('small meshes, each with the faults that its seed draws; says which seeds fail')
    .addOption(
      new Option('--seeds <count>', 'how many')
        .argParser(wholeNumber(1, SEEDS_MAX))
        .default(SOAK_SEEDS_DEFAULT)
    )
    .addOption(
      new Option('--from <seed>', 'the first').argParser(wholeNumber(0, SEED_MAX)).default(1)
    )
    .addOption(
      new Option(
        '--nodes <count>',
        'large meshes of so many nodes, with every kind of fault, for 15 virtual seconds'
      ).argParser(wholeNumber(1, NODES_MAX))
    )
    .addOption(
      new Option('--jobs <count>', 'seeds at once (default: one for each core)').argParser(
        wholeNumber(1, JOBS_MAX)
      )
    )
    .addOption(new Option('--twice', 'run each seed again and compare the traces').default(false))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample: kora sim soak --seeds 1000 --twice; with --nodes 1000 it takes hours, and --from goes on'
    )
    .action(async (options) => {
      const { soakSeeds } = await import('./commands/sim-search.ts')
      settle(await soakSeeds(options, context))
    })
  sim
    .command('replay')
    .description('run one seed of the soak again')
    .addArgument(seedArgument())
    .addOption(nodesOption())
    .addOption(jsonOption())
    .action(async (seed, options) => {
      const { replaySeed } = await import('./commands/sim-search.ts')
      settle(await replaySeed(seed, options, context))
    })
  sim
    .command('shrink')
    .description('cut a failing seed down; prints the scenario that is left, as YAML')
    .addArgument(seedArgument())
    .addOption(nodesOption())
    .addOption(jsonOption())
    .action(async (seed, options) => {
      const { shrinkSeed } = await import('./commands/sim-search.ts')
      settle(await shrinkSeed(seed, options, context))
    })
  sim
    .command('bisect <report> <other>')
    .description('where two runs part, by the marks in their reports')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample: kora sim replay 7 --json > a.json, the same elsewhere > b.json, kora sim bisect a.json b.json'
    )
    .action(async (report, other, options) => {
      const { bisectReports } = await import('./commands/sim-search.ts')
      settle(await bisectReports([report, other], options, context))
    })
}
