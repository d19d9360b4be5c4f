/** The verbs that need no fabric: plan, studio, models, init, identity. */
import { type Command, Option } from 'commander'
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { dataOption, inputOption, jsonOption, outOption, wholeNumber } from './options.ts'

/** More tenants' credit than any local run spends; a mesh for others sets its own. */
const GRANT_MICRO_DEFAULT = 1_000_000_000

type Settle = (outcome: Exit) => void

export function addLocalCommands(kora: Command, context: CommandContext, settle: Settle): void {
  kora
    .command('plan <graph>')
    .description('show what a graph would do and cost; runs nothing')
    .addOption(inputOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample: kora plan examples/transcribe/graph.yaml --input audio=talk.wav'
    )
    .action(async (graph, options) => {
      const { plan } = await import('./commands/plan.ts')
      settle(await plan({ graph, ...options }, context))
    })
  kora
    .command('init')
    .description('make a mesh: its key and its signed genesis')
    .option('--name <name>', 'name of the mesh', 'kora')
    .option('--tenant <id>', 'the tenant that may spend', 'local')
    .addOption(
      new Option('--grant <micro>', "the tenant's credit in micro-credits")
        .argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER))
        .default(GRANT_MICRO_DEFAULT)
    )
    .addOption(
      new Option('--trust <policy>', "how the mesh checks its nodes' results (docs/trust.md)")
        .choices(['probation', 'credibility'])
        .default('probation')
    )
    .option(
      '--trusted <peer id...>',
      'nodes of your own on other machines, by `krako-node identity`: their word is taken'
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { init } = await import('./commands/init.ts')
      settle(await init(options, context))
    })
  kora
    .command('identity')
    .description('by which peer id this folder is known to other operators')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { identity } = await import('./commands/identity.ts')
      settle(await identity(options, context))
    })
  addStudio(kora, context, settle)
  addModels(kora, context, settle)
}

function addStudio(kora: Command, context: CommandContext, settle: Settle): void {
  const studio = kora
    .command('studio')
    .description('KORA on this machine alone: no mesh, no ledger')
  studio
    .command('run <graph>')
    .description('run a graph here')
    .addOption(inputOption())
    .addOption(dataOption())
    .addOption(new Option('--no-cache', 'run units again that were run before'))
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample: kora studio run examples/transcribe/graph.yaml --input audio=talk.wav'
    )
    .action(async (graph, options) => {
      const { studioRun } = await import('./commands/studio.ts')
      settle(await studioRun({ graph, ...options }, context))
    })
}

function addModels(kora: Command, context: CommandContext, settle: Settle): void {
  const models = kora.command('models').description('the models that graphs may name')
  models
    .command('list')
    .description('registered models, with licence, size and where they came from')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { modelsList } = await import('./commands/models.ts')
      settle(await modelsList(options, context))
    })
  models
    .command('add <file>')
    .description('register any ONNX model: read its signature, hash it, make golden vectors')
    .option('--name <name>', 'the name that graphs use; the file name where absent')
    .option('--licence <spdx>', 'its licence', 'unknown')
    .addOption(
      new Option('--tier <tier>', 'small, medium or large')
        .choices(['small', 'medium', 'large'])
        .default('small')
    )
    .option(
      '--golden <file>',
      'inputs for the golden vectors: JSON of name to .npy file or numbers; drawn where absent'
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample: kora models add classifier.onnx --name classifier --licence MIT'
    )
    .action(async (file, options) => {
      const { modelsAdd } = await import('./commands/models.ts')
      settle(await modelsAdd({ file, ...options }, context))
    })
}
