/** The verbs of `kora sim` that run scenarios. The simulator is loaded only when one is asked for. */
import { type Command, Option } from 'commander'
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { groupOf, jsonOption, SWEEP_DESCRIPTION, setOption, wholeNumber } from './options.ts'

const NODES_MAX = 200_000
const UNITS_MAX = 100_000
const FASTER_MAX = 1_000_000

const seedOption = () =>
  new Option('--seed <number>', 'what chance begins with')
    .argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .default(1)

type Settle = (outcome: Exit) => void

export function addRunCommands(sim: Command, context: CommandContext, settle: Settle): void {
  addRun(sim, context, settle)
  addSweep(sim, context, settle)
  sim
    .command('report')
    .argument('<file>', 'the JSON that `kora sim run --report` wrote, or that `--json` printed')
    .description('make the page of a run again from its figures')
    .option('--out <file>', 'where the page goes; beside the figures by default')
    .action(async (file, options) => {
      const { simReport } = await import('./commands/sim-report.ts')
      settle(simReport(file, options, context))
    })
  sim
    .command('list')
    .description('the scenarios that ship, and what each claims')
    .addOption(jsonOption())
    .action(async (options) => {
      const { simList } = await import('./commands/sim-run.ts')
      settle(simList(options, context))
    })
}

function addRun(sim: Command, context: CommandContext, settle: Settle): void {
  sim
    .command('run')
    .argument('<scenario>', 'one of `kora sim list`, or a YAML file')
    .description('run a scenario: the same seed gives the same run')
    .addOption(
      new Option('--nodes <count>', 'other than the scenario says').argParser(
        wholeNumber(1, NODES_MAX)
      )
    )
    .addOption(
      new Option('--units <count>', 'other than the scenario says').argParser(
        wholeNumber(1, UNITS_MAX)
      )
    )
    .addOption(setOption())
    .addOption(seedOption())
    .addOption(
      new Option(
        '--signer <kind>',
        'how nodes sign: a keyed hash, or real Ed25519 for small meshes'
      )
        .choices(['hash', 'ed25519'])
        .default('hash')
    )
    .option(
      '--workflow <file>',
      "a WfCommons trace (WfFormat 1.5, JSON or gzipped): its tasks are the scenario's units"
    )
    .addOption(
      new Option('--faster <times>', 'let each task of the workflow run so many times as fast')
        .argParser(wholeNumber(1, FASTER_MAX))
        .default(1)
    )
    .option('--real', 'on the real network stack: slower, for up to some hundred nodes', false)
    .option('--report <file>', 'also write a page with plots there, and its figures beside it')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample: kora sim run churn --nodes 500 --seed 7 --set actors.liars=100'
    )
    .action(async (scenario, options) => {
      const { simRun } = await import('./commands/sim-run.ts')
      settle(await simRun(scenario, options, context))
    })
}

function addSweep(sim: Command, context: CommandContext, settle: Settle): void {
  groupOf(sim, 'sweep', SWEEP_DESCRIPTION)
    .command('nodes')
    .argument('<scenario>', 'one of `kora sim list`, or a YAML file')
    .description(
      'the scenario with meshes of several sizes: what grows with the mesh, and what not'
    )
    .addOption(
      new Option('--nodes <count>', 'a size; repeat for more')
        .argParser((text: string, before: readonly number[]) => [
          ...before,
          wholeNumber(1, NODES_MAX)(text)
        ])
        .default([], '10, 100, 1000, 10000')
    )
    .addOption(
      new Option('--units-per-node <count>', 'the work grows with the mesh')
        .argParser(wholeNumber(1, 1_000))
        .default(4)
    )
    .addOption(setOption())
    .addOption(seedOption())
    .addOption(jsonOption())
    .action(async (scenario, options) => {
      const { sweepNodes } = await import('./commands/sim-sweep.ts')
      settle(await sweepNodes(scenario, options, context))
    })
}
