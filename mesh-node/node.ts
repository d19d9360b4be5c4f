/**
 * A mesh node, put together: identity, blobs, ledger, network, executors and the agent. Opens what it
 * needs in the order in which failures are cheapest, and closes all of it again. Parses no flags.
 */
import { freemem } from 'node:os'
import { ClassicLevel } from 'classic-level'
import {
  assert,
  type Cid,
  type LogId,
  MeshError,
  type MeshId,
  openGenesis,
  type PeerId,
  type SignedGenesis,
  type Signer,
  type Tier,
  type UnitKind
} from '#contracts'
import { Ledger } from '#ledger'
import type { AgentStatus } from '#mesh-node/core'
import { type EngineStats, ExecutorPool, type Provider } from '#mesh-node/exec'
import { DiskBlobStore } from '#mesh-node/store'
import { AgentDriver } from './agent/agent-driver.ts'
import { systemClock } from './agent/clock-driver.ts'
import type { Drill } from './agent/drill.ts'
import type { AgentDriverOptions } from './agent/driver-options.ts'
import type { AgentReport } from './agent/ports.ts'
import { drawIncarnation, openKeyFile } from './keys/key-file.ts'
import { nodeSigner, nodeVerifier } from './keys/node-signer.ts'
import { linkLedger } from './ledger-links.ts'
import { checkLevelLogs } from './level-log.ts'
import { BlobExchange } from './net/blob-exchange.ts'
import { createNetwork } from './net/create-network.ts'
import type { NetworkLogger } from './net/network.ts'
import type { MeshNetwork } from './net/ports.ts'
import { serveStatus } from './net/status-link.ts'
import {
  blobDir,
  certificateFile,
  findGenesis,
  genesisCid,
  keepGenesis,
  keyFile,
  ledgerDir,
  type MeshName
} from './node-files.ts'

const MIB = 1024 * 1024

export interface NodeOptions {
  readonly dataDir: string
  readonly mesh: MeshName
  readonly bootstrap: readonly string[]
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  /** Whether it lends addresses to peers that nobody can dial; false where absent. */
  readonly relay?: boolean
  /** Who answers for the node; null: the node for itself. */
  readonly owner: string | null
  readonly kinds: readonly UnitKind[]
  /** Tiers served as a pod; empty: no `llm` units. */
  readonly podTiers: readonly Tier[]
  readonly zones: readonly string[]
  readonly region: string | null
  readonly tenants: readonly string[] | null
  readonly slots: number
  readonly queueMax: number
  /** All executors together. */
  readonly memoryMb: number
  readonly cacheMb: number
  /** What runs the models; cpu where absent. */
  readonly provider?: Provider
  readonly drainGraceMs: number
  readonly drill: Drill | null
}

export interface NodePorts {
  readonly report: (report: AgentReport) => void
  /** Our own mistake: the caller ends the process. */
  readonly fatal: (error: unknown) => void
  readonly logger?: NetworkLogger
}

export interface NodeStatus {
  readonly peerId: PeerId
  readonly owner: string
  readonly mesh: MeshId
  readonly meshName: string
  readonly addresses: readonly string[]
  readonly peers: number
  readonly upMs: number
  readonly agent: AgentStatus
  readonly executors: EngineStats
  readonly cache: { readonly blobs: number; readonly bytes: number }
  readonly log: { readonly id: string; readonly entries: number }
  /** Logs whose authors said two things, of which nothing more is taken. */
  readonly forked: { readonly logs: number; readonly sequencer: boolean }
  readonly drill: Drill | null
}

export interface RunningNode {
  readonly peerId: PeerId
  readonly mesh: MeshId
  addresses(): readonly string[]
  status(): NodeStatus
  pause(): void
  resume(): void
  /** Finishes or hands back every lease, within the grace period. */
  drain(): Promise<void>
  /** Lets go of everything; what was not handed back before ends with its lease. */
  stop(): Promise<void>
}

/**
 * Starts a node. Resolves when it listens and has tried each bootstrap address once. Throws
 * `identity.*`, `genesis.*`, `store.*`, `ledger.*` and `net.*`, with nothing left open.
 */
export async function startNode(options: NodeOptions, ports: NodePorts): Promise<RunningNode> {
  const opened: (() => Promise<unknown>)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    return await assemble(options, ports, { opened, closeAll })
  } catch (error) {
    await closeAll()
    throw error
  }
}

interface Opened {
  readonly opened: (() => Promise<unknown>)[]
  readonly closeAll: () => Promise<void>
}

interface Parts {
  readonly signer: Signer
  readonly store: DiskBlobStore
  readonly network: MeshNetwork
  readonly exchange: BlobExchange
  readonly ledger: Ledger
  readonly genesis: SignedGenesis
}

/** A folder that another process holds is found out before anything is heard on the network. */
async function openParts(
  options: NodeOptions,
  ports: NodePorts,
  opened: Opened['opened']
): Promise<Parts> {
  const { dataDir } = options
  const seed = openKeyFile(keyFile(dataDir))
  const signer = nodeSigner(seed)
  const store = await DiskBlobStore.open(blobDir(dataDir), { bytesMax: options.cacheMb * MIB })
  const open = async (genesis: SignedGenesis): Promise<Ledger> => {
    const ledger = await openLedger(options, genesis, signer)
    opened.push(() => ledger.close())
    return ledger
  }
  const known = findGenesis(dataDir, options.mesh, nodeVerifier)
  const early = known === null ? null : await open(known)
  const network = await openNetwork(options, { seed, mesh: meshOf(options, known), ports })
  opened.push(() => network.stop())
  const exchange = new BlobExchange({ network, store })
  const genesis = known ?? (await fetchGenesis(options, { network, exchange }))
  const ledger = early ?? (await open(genesis))
  return { signer, store, network, exchange, ledger, genesis }
}

async function assemble(
  options: NodeOptions,
  ports: NodePorts,
  { opened, closeAll }: Opened
): Promise<RunningNode> {
  const parts = await openParts(options, ports, opened)
  const { signer, store, network, exchange, ledger, genesis } = parts
  const sync = linkLedger({
    network,
    ledger,
    verifier: nodeVerifier,
    clock: systemClock,
    onRefused: ({ peer, error }) => ports.report({ type: 'ledger-refused', peer, error }),
    onFork: (fork) => ports.report({ type: 'forked', fork }),
    fatal: ports.fatal
  })
  opened.push(() => sync.close())
  const engine = new ExecutorPool({
    slots: options.slots,
    inputRoots: [store.dir],
    provider: options.provider ?? 'cpu'
  })
  opened.push(() => engine.close())
  const driver = new AgentDriver(
    agentOptions(options, { genesis, node: signer.peerId, log: ledger.ownLog, engine }),
    {
      network,
      engine,
      blobs: store,
      fetchBlob: (cid: Cid, from: readonly PeerId[]) => fetchInto(exchange, cid, from),
      ledger,
      signer,
      verifier: nodeVerifier,
      clock: systemClock,
      report: ports.report,
      fatal: ports.fatal
    }
  )
  opened.push(() => driver.stop())
  const startedMs = systemClock.nowMs()
  const status = () => statusOf(options, { ...parts, driver, engine, startedMs })
  serveStatus(network, status)
  driver.start()
  return {
    peerId: signer.peerId,
    mesh: genesis.id,
    addresses: () => network.addresses(),
    status,
    pause: () => driver.pause(),
    resume: () => driver.resume(),
    drain: () => driver.drain(),
    stop: closeAll
  }
}

interface StatusParts extends Parts {
  readonly driver: AgentDriver
  readonly engine: ExecutorPool
  readonly startedMs: number
}

function statusOf(options: NodeOptions, parts: StatusParts): NodeStatus {
  const { signer, store, network, ledger, genesis, driver, engine } = parts
  return {
    peerId: signer.peerId,
    owner: options.owner ?? signer.peerId,
    mesh: genesis.id,
    meshName: genesis.genesis.name,
    addresses: network.addresses(),
    peers: network.peers().length,
    upMs: systemClock.nowMs() - parts.startedMs,
    agent: driver.status(),
    executors: engine.stats(),
    cache: { blobs: store.list().length, bytes: store.bytes },
    log: { id: ledger.ownLog, entries: (ledger.head(ledger.ownLog)?.seq ?? -1) + 1 },
    forked: { logs: ledger.forks.logs().length, sequencer: ledger.forks.has(ledger.sequencerLog) },
    drill: options.drill
  }
}

interface AgentParts {
  readonly genesis: SignedGenesis
  readonly node: PeerId
  readonly log: LogId
  readonly engine: ExecutorPool
}

/** What the operator allows, as the agent takes it: it works for the mesh's own gateway alone. */
function agentOptions(
  options: NodeOptions,
  { genesis, node, log, engine }: AgentParts
): AgentDriverOptions {
  const { sequencer } = genesis.genesis
  const runMemoryMb = Math.floor(options.memoryMb / options.slots)
  return {
    node,
    log,
    mesh: genesis.id,
    descriptor: {
      owner: options.owner ?? node,
      kinds: [...options.kinds],
      pod_tiers: [...options.podTiers],
      zones: [...options.zones],
      region: options.region,
      memory_mb: runMemoryMb,
      accelerators:
        options.provider === undefined || options.provider === 'cpu' ? [] : [options.provider],
      slots: options.slots,
      queue_max: options.queueMax,
      backend: engine.backendFor()
    },
    tenants: options.tenants,
    authorized: [sequencer],
    gateways: [{ gateway: sequencer, addresses: options.bootstrap }],
    drainGraceMs: options.drainGraceMs,
    runMemoryMb,
    drill: options.drill,
    freeMemoryMb: () => freemem() / MIB
  }
}

function meshOf({ mesh }: NodeOptions, known: SignedGenesis | null): MeshId {
  if (known !== null) return known.id
  assert(mesh.kind === 'id', 'a mesh named by its file has its genesis')
  return mesh.id
}

function openNetwork(
  { dataDir, listen, announce, bootstrap, relay = false }: NodeOptions,
  { seed, mesh, ports }: { seed: Uint8Array; mesh: MeshId; ports: NodePorts }
): Promise<MeshNetwork> {
  const logging = ports.logger === undefined ? {} : { logger: ports.logger }
  return createNetwork({
    seed,
    mesh,
    listen,
    announce,
    bootstrap,
    relay,
    certificateFile: certificateFile(dataDir),
    ...logging
  })
}

async function openLedger(
  { dataDir }: NodeOptions,
  genesis: SignedGenesis,
  signer: Signer
): Promise<Ledger> {
  checkLevelLogs(ledgerDir(dataDir))
  const level = new ClassicLevel<Uint8Array, Uint8Array>(ledgerDir(dataDir), {
    keyEncoding: 'view',
    valueEncoding: 'view'
  })
  try {
    return await Ledger.open({
      level,
      genesis,
      signer,
      verifier: nodeVerifier,
      incarnation: drawIncarnation,
      isSequencer: false
    })
  } catch (error) {
    // a level begins to open by itself, so it is closed even where nothing asked it to open
    await level.close()
    throw error
  }
}

/** The first start in a mesh that is known by its id alone: any peer of it has the genesis. */
async function fetchGenesis(
  { dataDir, mesh, bootstrap }: NodeOptions,
  { network, exchange }: { network: MeshNetwork; exchange: BlobExchange }
): Promise<SignedGenesis> {
  assert(mesh.kind === 'id', 'only a mesh named by its id is fetched')
  const from = network.peers()
  if (from.length === 0) {
    const reason = 'no peer to fetch the genesis from: give a --bootstrap address that answers'
    throw new MeshError('net.unreachable', { address: bootstrap.join(' '), reason })
  }
  const bytes = await exchange.fetchBytes(genesisCid(mesh.id), { from })
  const genesis = openGenesis(bytes, nodeVerifier, mesh.id)
  keepGenesis(dataDir, genesis)
  return genesis
}

async function fetchInto(exchange: BlobExchange, cid: Cid, from: readonly PeerId[]): Promise<void> {
  await exchange.fetch(cid, { from })
}
