/** The verbs of a control node: run, up, and everything that asks one what happened. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Exit, LOCAL_NODES_MAX } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { type AllowedClient, parseAllowed } from '../drivers/allowed-client.ts'
import { collect, dataOption, inputOption, jsonOption, outOption, wholeNumber } from './options.ts'

type Settle = (outcome: Exit) => void

export function addFabricCommands(kora: Command, context: CommandContext, settle: Settle): void {
  addRun(kora, context, settle)
  addUp(kora, context, settle)
  addSessions(kora, context, settle)
  addLedger(kora, context, settle)
}

const listenOption = () =>
  new Option('--listen <multiaddr>', 'where nodes reach this control node; repeat for more')
    .argParser(collect)
    .default([], '/ip4/127.0.0.1/tcp/0')
const bootstrapOption = () =>
  new Option('--bootstrap <multiaddr>', 'a peer to dial at the start; repeat for more')
    .argParser(collect)
    .default([], 'none')
const localNodesOption = () =>
  new Option('--local-nodes <count>', 'start so many nodes on this machine').argParser(
    wholeNumber(0, LOCAL_NODES_MAX)
  )
const meshOption = () =>
  new Option(
    '--mesh <id>',
    'the mesh to work on, by id or genesis file; the one in --data where absent, with --bootstrap another'
  ).env('KORA_MESH')
const configOption = () =>
  new Option(
    '--config <file>',
    'YAML with any of: mesh, listen, bootstrap, port, local_nodes, allow, purpose, page, page_host, page_port, …'
  ).env('KORA_CONFIG')
const allowOption = () =>
  new Option(
    '--allow <peer id[=tenant[:micro]]>',
    'let a client on another machine submit, as a tenant with so much credit; repeat for more'
  )
    .argParser(collectAllowed)
    .default([], 'nobody')

const pageOptions = (): readonly Option[] => [
  new Option('--purpose <words>', 'what the mesh is for, as donors read it; kept until said anew'),
  new Option('--no-page', 'serve no donate page, and listen for no tabs'),
  new Option('--page-host <host>', 'where the donate page listens; 0.0.0.0: the whole network'),
  new Option('--page-port <port>', 'its port; 8744, or what earlier links name').argParser(
    wholeNumber(0, 65_535)
  ),
  new Option('--page-url <url>', 'its address for others, where that is another: behind a proxy'),
  new Option('--page-cert <file>', 'certificate in PEM form: serve the page over https'),
  new Option('--page-key <file>', 'the key of that certificate')
]

function collectAllowed(text: string, before: readonly AllowedClient[]): readonly AllowedClient[] {
  const allowed = parseAllowed(text)
  if (allowed !== null) return [...before, allowed]
  throw new InvalidArgumentError(
    'Give a peer id, as `kora identity` prints it, then =tenant:micro.'
  )
}

function addRun(kora: Command, context: CommandContext, settle: Settle): void {
  kora
    .command('run <graph>')
    .description('run a graph on the mesh: plan, publish, verify, bill')
    .addOption(inputOption())
    .addOption(localNodesOption())
    .addOption(meshOption())
    .addOption(listenOption())
    .addOption(bootstrapOption())
    .addOption(configOption())
    .addOption(new Option('--no-cache', 'run units again that were run before'))
    .addOption(outOption())
    .addOption(
      new Option('--timeout <seconds>', 'cancel the session after this long').argParser(
        wholeNumber(1, 86_400)
      )
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  kora run examples/transcribe/graph.yaml --input audio=talk.wav --local-nodes 3 --json',
        "  kora run graph.yaml --mesh <id> --bootstrap <address>   another operator's mesh, as its client"
      ].join('\n')
    )
    .action(async (graph, options) => {
      const { run } = await import('./commands/run.ts')
      settle(await run({ graph, ...options }, context))
    })
}

function addUp(kora: Command, context: CommandContext, settle: Settle): void {
  const command = kora
    .command('up')
    .description('start a control node and keep it running; sessions that were cut off go on')
    .addOption(
      localNodesOption().default(
        undefined,
        '1 where the donate page is served: the first donor needs another owner to agree with'
      )
    )
    .addOption(meshOption())
    .addOption(listenOption())
    .addOption(bootstrapOption())
    .addOption(configOption())
    .addOption(allowOption())
    .addOption(
      new Option('--port <port>', 'HTTP port on loopback; 0: any free one')
        .argParser(wholeNumber(0, 65_535))
        .default(0)
    )
    .addOption(dataOption())
    .addOption(jsonOption())
  for (const option of pageOptions()) command.addOption(option)
  command
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  kora up --local-nodes 2 --port 8077',
        '  kora up --purpose "Transcribing the recordings of a public library"',
        '  kora up --page-host 0.0.0.0 --page-cert page.pem --page-key page.key   tabs of the network'
      ].join('\n')
    )
    .action(async (options) => {
      const { up } = await import('./commands/up.ts')
      settle(await up(options, context))
    })
}

function addSessions(kora: Command, context: CommandContext, settle: Settle): void {
  const verb = (name: string, description: string): Command =>
    kora
      .command(name)
      .description(description)
      .addOption(meshOption())
      .addOption(bootstrapOption())
      .addOption(configOption())
      .addOption(dataOption())
      .addOption(jsonOption())
  const sessions = () => import('./commands/sessions.ts')
  verb('status', 'sessions, nodes, spend').action(async (options) => {
    settle(await (await sessions()).status(options, context))
  })
  verb('watch [session]', 'follow a session live; the newest where none is named').action(
    async (session, options) => {
      settle(await (await sessions()).watch({ session, ...options }, context))
    }
  )
  verb('explain <unit>', 'what happened to a unit, and which rule refused which node').action(
    async (unit, options) => {
      settle(await (await sessions()).explain({ unit, ...options }, context))
    }
  )
  verb('cancel <session>', 'end a session; what is verified stays billed').action(
    async (session, options) => {
      settle(await (await sessions()).cancel({ session, ...options }, context))
    }
  )
  verb('result <session>', 'outputs, units and bill of a session')
    .addOption(outOption())
    .action(async (session, options) => {
      settle(await (await sessions()).result({ session, ...options }, context))
    })
  verb('replay <session>', 'rebuild the session from the log and compare the state hash').action(
    async (session, options) => {
      settle(await (await sessions()).replay({ session, ...options }, context))
    }
  )
}

function addLedger(kora: Command, context: CommandContext, settle: Settle): void {
  const ledger = kora.command('ledger').description('the signed record behind bills and trust')
  const verb = (name: string, description: string): Command =>
    ledger.command(name).description(description).addOption(dataOption()).addOption(jsonOption())
  const commands = () => import('./commands/ledger.ts')
  verb('verify', 'check every chain, signature and receipt, and fold again').action(
    async (options) => {
      settle(await (await commands()).verify(options, context))
    }
  )
  verb('balance', 'balances of all accounts; they sum to zero').action(async (options) => {
    settle(await (await commands()).balance(options, context))
  })
  verb('bill [session]', 'itemised bill of a session; of all where none is named').action(
    async (session, options) => {
      settle(await (await commands()).bill({ session, ...options }, context))
    }
  )
  verb('export', 'every entry as one JSON object a line')
    .option('--out <file>', 'write there instead of to the screen')
    .action(async (options) => {
      settle(await (await commands()).exportEntries(options, context))
    })
}
