/**
 * The verbs of `kora sim` that compare trust policies. The arena is loaded only when one is asked for.
 */
import { type Command, Option } from 'commander'
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { collect, groupOf, jsonOption, SWEEP_DESCRIPTION, wholeNumber } from './options.ts'

type Settle = (outcome: Exit) => void

const SEED_MAX = 0xffff_ffff
const SEEDS_MAX = 10_000
/** A seed of more takes longer than anybody waits. */
const NODES_MAX = 10_000
const UNITS_MAX = 10_000_000
const POLICIES =
  'none, 2-first, 3-first, boinc-adaptive, poco-100, sarmenta, sarmenta-no-blacklist, probation'

const seedsOption = () =>
  new Option('--seeds <count>', 'runs of each case').argParser(wholeNumber(1, SEEDS_MAX)).default(5)

const fromOption = () =>
  new Option('--from <seed>', 'the seed of the first')
    .argParser(wholeNumber(0, SEED_MAX))
    .default(1)

const reportOption = () =>
  new Option('--report <file>', 'also write a page with plots there, and its figures beside it')

export function addSabotageCommands(sim: Command, context: CommandContext, settle: Settle): void {
  const compare = groupOf(sim, 'compare', 'measure several policies on the same runs')
  compare
    .command('sabotage')
    .description('what trust policies cost, and how many wrong results they accept')
    .addOption(seedsOption())
    .addOption(fromOption())
    .addOption(
      new Option('--policy <name>', `one of ${POLICIES}; repeat for more`)
        .argParser(collect)
        .default([], 'all')
    )
    .addOption(
      new Option(
        '--column <name>',
        'reference, honest, cunning, all or one by name; repeat for more'
      )
        .argParser(collect)
        .default([], 'reference')
    )
    .addOption(
      new Option('--nodes <count>', 'other than the column says').argParser(
        wholeNumber(10, NODES_MAX)
      )
    )
    .addOption(
      new Option('--units <count>', 'other than the column says').argParser(
        wholeNumber(1, UNITS_MAX)
      )
    )
    .addOption(reportOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample: kora sim compare sabotage --policy probation --seeds 20')
    .action(async (options) => {
      const { compareSabotage } = await import('./commands/sim-compare.ts')
      const column = options.column.length > 0 ? options.column : ['reference']
      settle(await compareSabotage({ ...options, column }, context))
    })
  compare
    .command('earnings')
    .description('what a sleeper has of its lies under our policy, for each patience')
    .addOption(seedsOption())
    .addOption(fromOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { compareEarnings } = await import('./commands/sim-compare.ts')
      settle(await compareEarnings(options, context))
    })
  groupOf(sim, 'sweep', SWEEP_DESCRIPTION)
    .command('sabotage')
    .description('the frontier of our policy: cost against wrong results')
    .addOption(seedsOption())
    .addOption(fromOption())
    .option('--column <name>', 'the population', 'f20-s10')
    .addOption(reportOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { sweepSabotage } = await import('./commands/sim-compare.ts')
      settle(await sweepSabotage(options, context))
    })
}
