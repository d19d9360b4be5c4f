/**
 * `krako-node`: the command of a donor who runs a node. Declares verbs and flags; the work of each
 * verb is in `commands/` and is loaded only when it is asked for.
 */
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { EXIT, type Exit } from '#contracts'
import { defaultData, envName, SETTING_KEYS, SETTINGS, type SettingKey } from './node-settings.ts'
import { type CommandContext, endProcess, runProgram } from './run-program.ts'

const EXITS = Object.entries(EXIT)
  .map(([name, code]) => `${code} ${name.replace('_', ' ')}`)
  .join(', ')

type Settle = (outcome: Exit) => void

function program(context: CommandContext, settle: Settle): Command {
  const root = new Command('krako-node')
    .description('Run AI work for a mesh on this machine, inside the limits that you set.')
    .version(version(), '--version', 'print the version')
  withExamples(root, [
    'krako-node start --mesh genesis.cbor --bootstrap /ip4/10.0.0.5/tcp/4001/p2p/12D3KooW...',
    'krako-node status',
    'krako-node cache list'
  ])
  root.addHelpText('after', `\nExit codes: ${EXITS}`)
  addStart(root, context)
  addStatus(root, context)
  addIdentity(root, context)
  addCache(root, context, settle)
  return root
}

function addStart(root: Command, context: CommandContext): void {
  const command = root
    .command('start')
    .description('join a mesh and work for it until Ctrl-C')
    .option('--config <file>', 'a YAML file with these settings; flags and KRAKO_* win over it')
    .option('--print-config', 'print what the settings come to, and start nothing', false)
    .addOption(jsonOption('print one JSON line when ready'))
  const nameOf = new Map<SettingKey, string>()
  for (const key of SETTING_KEYS) {
    const { flag, summary } = SETTINGS[key]
    const option = new Option(flag, `${summary} [${envName(key)}]`)
    nameOf.set(key, option.attributeName())
    command.addOption(option)
  }
  withExamples(command, [
    'krako-node start --mesh genesis.cbor --bootstrap /ip4/10.0.0.5/tcp/4001/p2p/12D3KooW...',
    'krako-node start --config node.yaml --pod large --slots 2 --memory-mb 8192',
    'KRAKO_MESH=4f1c... krako-node start --print-config'
  ])
  command.action(async (options: Record<string, unknown>) => {
    const { start } = await import('./commands/start.ts')
    const settings: Partial<Record<SettingKey, unknown>> = {}
    for (const [key, name] of nameOf) {
      if (options[name] !== undefined) settings[key] = options[name]
    }
    const { config, json, printConfig } = options
    const flags = { settings, config: typeof config === 'string' ? config : null }
    await start({ ...flags, json: json === true, printConfig: printConfig === true }, context)
  })
}

function addStatus(root: Command, context: CommandContext): void {
  const status = root
    .command('status')
    .description('what the running node does, and why it is idle')
    .addOption(dataOption())
    .addOption(jsonOption())
    .option('--watch', 'show it again every second until Ctrl-C', false)
  withExamples(status, ['krako-node status --watch', 'krako-node status --json'])
  status.action(async (flags) => {
    const commands = await import('./commands/status.ts')
    await commands.status(flags, context)
  })
  const verbs = [
    ['pause', 'hand back unfinished work and take no more', true],
    ['resume', 'take work again', false]
  ] as const
  for (const [verb, summary, paused] of verbs) {
    const command = root
      .command(verb)
      .description(summary)
      .addOption(dataOption())
      .addOption(jsonOption())
    withExamples(command, [`krako-node ${verb}`])
    command.action(async (flags) => {
      const { setPaused } = await import('./commands/status.ts')
      await setPaused(paused, flags, context)
    })
  }
}

function addIdentity(root: Command, context: CommandContext): void {
  const command = root
    .command('identity')
    .description("this node's peer id and public key; drawn now where there is none")
    .addOption(dataOption())
    .addOption(jsonOption())
  withExamples(command, ['krako-node identity', 'krako-node identity --data /var/lib/krako --json'])
  command.action(async (flags) => {
    const { identity } = await import('./commands/identity.ts')
    await identity(flags, context)
  })
}

function addCache(root: Command, context: CommandContext, settle: Settle): void {
  const cache = root.command('cache').description('the models and data that this node keeps')
  withExamples(cache, ['krako-node cache list', 'krako-node cache verify --json'])
  const verb = (name: string, summary: string, example: string): Command => {
    const command = cache
      .command(name)
      .description(summary)
      .addOption(dataOption())
      .addOption(jsonOption())
    withExamples(command, [example])
    return command
  }
  const load = () => import('./commands/cache.ts')
  verb('list', 'every blob with its size', 'krako-node cache list --json').action(async (flags) => {
    await (await load()).cacheList(flags, context)
  })
  verb('verify', 'read every blob again', 'krako-node cache verify').action(async (flags) => {
    settle(await (await load()).cacheVerify(flags, context))
  })
  verb('clear', 'remove every blob', 'krako-node cache clear').action(async (flags) => {
    await (await load()).cacheClear(flags, context)
  })
  verb('add', 'keep files, such as models from a medium', 'krako-node cache add model.onnx')
    .argument('<file...>', 'files to copy in')
    .action(async (files: string[], flags) => {
      await (await load()).cacheAdd(files, flags, context)
    })
}

const dataOption = (): Option =>
  new Option('--data <folder>', "the node's data folder").env('KRAKO_DATA').default(defaultData())

const jsonOption = (summary = 'print one JSON document'): Option =>
  new Option('--json', summary).default(false)

function withExamples(command: Command, examples: readonly string[]): void {
  command.addHelpText('after', ['', 'Examples:', ...examples.map((one) => `  ${one}`)].join('\n'))
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const read: { version?: unknown } = JSON.parse(text)
  return typeof read.version === 'string' ? read.version : 'unknown'
}

endProcess(await runProgram(program, process.argv.slice(2)))
