/**
 * Puts a control node together: mesh folder, ledger, blobs, network, gateway, models, and the nodes
 * that it starts on this machine. Opens in the order in which failures are cheapest, and closes all
 * of it again in the reverse order.
 */
import { join } from 'node:path'
import {
  type Cid,
  type ErrorCode,
  type EventDraft,
  type FabricSignal,
  isTabAddress,
  MeshError,
  type PeerId,
  parseLogId,
  parseSessionId,
  parseUnitId,
  type SignedGenesis
} from '#contracts'
import {
  BlobExchange,
  createNetwork,
  GatewayDriver,
  gatewayLedger,
  gatewayPrice,
  gatewayTrust,
  genesisCid,
  linkLedger,
  nodeVerifier,
  RefusalLog,
  systemClock
} from '#mesh-node'
import { DiskBlobStore } from '#mesh-node/store'
import { DiskResultCache } from '../cache/result-cache.ts'
import { ModelRegistry } from '../registry/model-registry.ts'
import { SessionJudge } from '../verify/judge.ts'
import type { AllowedClient } from './allowed-client.ts'
import { openAccess } from './client-access.ts'
import { ControlLinks } from './control-links.ts'
import { blobsFolder, ControlNode, type ControlParts } from './control-node.ts'
import { EventLog } from './event-log.ts'
import { openLedgerFolder } from './ledger-folder.ts'
import { localNodeSeed, localNodesFolder } from './local-keys.ts'
import { startLocalNodes } from './local-nodes.ts'
import {
  certificateFile,
  genesisFile,
  type MeshFolder,
  meshNamed,
  openOrCreateMeshFolder
} from './mesh-folder.ts'
import { ModelOffer } from './model-offer.ts'
import { RecordedControl } from './recorded-control.ts'
import { SessionFeed } from './session-feed.ts'
import { SignalBoard } from './signal-board.ts'
import { TenantService } from './tenant-service.ts'

export interface ControlOptions {
  readonly data: string
  /** The mesh that the folder must be of, by id or genesis file; null: whichever it is. */
  readonly mesh: string | null
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly localNodes: number
}

export interface OpenControl {
  readonly node: ControlNode
  /**
   * Lets clients on other machines ask: those that the operator lists, and whoever has this folder's
   * key. Throws `control.tenant_unknown`.
   */
  serveClients(allowed: readonly AllowedClient[]): Promise<void>
  /** Rejects where the node cannot go on: a disk that refuses, a defect. Stop then; nothing is lost. */
  readonly failed: Promise<never>
  close(): Promise<void>
}

/** `say` gets lines for the operator's log. */
export async function openControl(
  options: ControlOptions,
  say: (line: string) => void
): Promise<OpenControl> {
  const opened: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of opened.splice(0).reverse()) await end()
  }
  const { promise: failed, reject: fatal } = Promise.withResolvers<never>()
  // it may fail before anybody waits for it
  failed.catch(() => {})
  try {
    const mesh = openOrCreateMeshFolder(options.data, Date.now())
    checkMesh(mesh.genesis, options.mesh)
    const trusted = new Set<string>(mesh.genesis.genesis.zones['trusted'] ?? [])
    const refusals = refusalLog(say)
    opened.push(async () => refusals.close())
    const opening = { opened, close, fatal, failed, trusted, refusals, say }
    const parts = await assemble(mesh, options, opening)
    const node = new ControlNode(parts)
    if (options.localNodes > 0) {
      const nodes = await startLocalNodes({
        count: options.localNodes,
        genesisFile: genesisFile(mesh.folder),
        bootstrap: node.addresses(),
        dataRoot: localNodesFolder(mesh.folder),
        seedOf: (index) => localNodeSeed(mesh.seed, index)
      })
      opened.push(() => nodes.stop())
      // processes of this operator on this machine: what is `local_only` may run there
      for (const { peerId } of nodes.nodes) trusted.add(peerId)
    }
    const serveClients = (allowed: readonly AllowedClient[]): Promise<void> =>
      startControlLinks(allowed, { mesh, parts, node, opening })
    return { node, failed, serveClients, close: () => node.close() }
  } catch (error) {
    await close()
    throw error
  }
}

interface Opening {
  readonly opened: (() => Promise<unknown>)[]
  readonly refusals: RefusalLog
  readonly close: () => Promise<void>
  /** A defect, or a disk that refuses, found where nobody waits for an answer. */
  readonly fatal: (error: unknown) => void
  readonly failed: Promise<never>
  readonly trusted: ReadonlySet<string>
  /** Lines for the operator's log. */
  readonly say: (line: string) => void
}

async function assemble(
  mesh: MeshFolder,
  { listen, bootstrap }: ControlOptions,
  opening: Opening
): Promise<ControlParts> {
  const { opened, close, fatal, failed, say } = opening
  const { folder, genesis } = mesh
  const ledger = await openLedgerFolder(mesh)
  opened.push(() => ledger.close())
  const blobs = await DiskBlobStore.open(blobsFolder(folder))
  await blobs.put(genesis.bytes, genesisCid(genesis.id))
  const network = await createNetwork({
    seed: mesh.seed,
    mesh: genesis.id,
    listen,
    bootstrap,
    // tabs find each other through whoever they came to
    relay: listen.some(isTabAddress),
    certificateFile: certificateFile(folder)
  })
  opened.push(() => network.stop())
  const exchange = new BlobExchange({ network, store: blobs })
  const sync = linkLedger({
    ...{ network, ledger, verifier: nodeVerifier, clock: systemClock, fatal },
    onFork: ({ code, facts }) => say(forkLine(code, facts))
  })
  opened.push(() => sync.close())
  const judge = new SessionJudge()
  const cache = await DiskResultCache.open(join(folder, 'cache'))
  const signals = new SignalBoard((event) => {
    keepDoubt(event, { folder, fatal, say })
    sayTrust(event, say)
  })
  const onSignal = (signal: FabricSignal): void => {
    if (signal.type === 'event') passOver(signal.event, cache, fatal)
    signals.post(signal)
  }
  const on = { network, ledger, blobs, exchange, judge, onSignal }
  const gateway = gatewayOn(mesh, opening, on)
  opened.push(() => gateway.stop())
  const registry = await ModelRegistry.open(join(folder, 'models'))
  const offer = await ModelOffer.open({ ...{ registry, ledger, blobs, gateway, fatal }, say })
  opened.push(() => offer.close())
  gateway.start()
  return {
    folder,
    ledger,
    blobs,
    network,
    gateway,
    registry,
    offer,
    cache,
    judge,
    recorded: new RecordedControl(folder, ledger),
    feed: new SessionFeed(),
    signals,
    close,
    fatal,
    failed
  }
}

type GatewayGround = Pick<ControlParts, 'network' | 'ledger' | 'blobs' | 'judge'> & {
  readonly onSignal: (signal: FabricSignal) => void
  readonly exchange: BlobExchange
}

function gatewayOn(
  { genesis, signer }: MeshFolder,
  { trusted, refusals, fatal }: Opening,
  { network, ledger, blobs, exchange, judge, onSignal }: GatewayGround
): GatewayDriver {
  return new GatewayDriver(
    {
      mesh: genesis.id,
      log: parseLogId(genesis.genesis.sequencer_log),
      trusted,
      price: gatewayPrice(ledger),
      trust: gatewayTrust(ledger),
      tenantLeasesMax: null
    },
    {
      network,
      ledger: gatewayLedger(ledger),
      judge: judge.judge,
      blobs,
      fetchBlob: async (cid: Cid, from: readonly PeerId[]) =>
        void (await exchange.fetch(cid, { from })),
      signer,
      verifier: nodeVerifier,
      clock: systemClock,
      onSignal,
      report: (report) => {
        if (report.type === 'refused') refusals.add(report.node, report)
      },
      fatal
    }
  )
}

/** What the operator should know of a node: that it was caught, suspected or cleared, or all of them are. */
const TOLD_REASONS = /^probation\.(convicted|refuted|cleared|mood_\w+)$/

const forkLine = (code: ErrorCode, { log, author }: MeshError['facts']): string =>
  code === 'ledger.sequencer_forked'
    ? 'this mesh has two ledgers under the key of its control node, and nodes follow it no more: did another process run with a copy of this folder?'
    : `node ${author} signed two logs that cannot both be right: nothing more of its log ${log} joins the ledger`

function sayTrust({ type, data }: EventDraft, say: (line: string) => void): void {
  const { node, reason } = data
  if (type !== 'trust.updated' || typeof reason !== 'string' || !TOLD_REASONS.test(reason)) return
  say(`trust of ${node}: ${reason}, score ${data['score_milli']} of 1000`)
}

/** What a session of later would take from the cache is run again instead. */
function passOver(
  { type, work_unit_id: unit }: EventDraft,
  cache: DiskResultCache,
  fatal: (error: unknown) => void
): void {
  if (type === 'workunit.doubted' && unit !== null) cache.doubt(parseUnitId(unit)).catch(fatal)
}

/** An output that was delivered and is in doubt since: the session's telemetry has it, and the operator. */
function keepDoubt(
  event: EventDraft,
  { folder, fatal, say }: Pick<Opening, 'fatal' | 'say'> & { readonly folder: string }
): void {
  const { type, execution_session_id: session, work_unit_id: unit } = event
  if (type !== 'workunit.doubted' || session === null) return
  const log = new EventLog({
    dataFolder: folder,
    session: parseSessionId(session),
    failed: fatal
  })
  log.append(event)
  log.flush()
  say(`in doubt: unit ${unit} of session ${session}, by ${event.data['node']}`)
}

const refusalLog = (say: (line: string) => void): RefusalLog =>
  new RefusalLog({
    nowMs: () => systemClock.nowMs(),
    say: (peer, { code, facts }) => say(`refused ${peer}: ${code} ${JSON.stringify(facts)}`),
    sayMore: (count) => say(`refused ${count} more within a minute`)
  })

interface Serving {
  readonly mesh: MeshFolder
  readonly parts: ControlParts
  readonly node: ControlNode
  readonly opening: Opening
}

async function startControlLinks(
  allowed: readonly AllowedClient[],
  { mesh: { genesis, signer }, parts, node, opening }: Serving
): Promise<void> {
  const access = await openAccess(allowed, parts.ledger)
  const links = new ControlLinks({
    network: parts.network,
    mesh: genesis.id,
    signer,
    verifier: nodeVerifier,
    blobs: parts.blobs,
    serviceOf(client) {
      const tenant = access.tenantOf(client)
      return tenant === null ? null : new TenantService(node, tenant)
    },
    onRefused: (peer, error) => opening.refusals.add(peer, error),
    fatal: opening.fatal
  })
  opening.opened.push(() => links.close())
  links.start()
}

/** A folder of another mesh than the one named is refused. */
function checkMesh(genesis: SignedGenesis, expected: string | null): void {
  const id = expected === null ? genesis.id : meshNamed(expected)
  if (id !== genesis.id)
    throw new MeshError('genesis.other_mesh', { expected: id, found: genesis.id })
}
