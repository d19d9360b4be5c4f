/**
 * Joins a mesh from a tab: opens key, blobs, network, genesis, ledger and engine, in the order in
 * which failures are cheapest, and closes what it opened. Runs no unit.
 */
import {
  cidOfBlobDigest,
  hexToBytes,
  MeshError,
  type MeshId,
  openGenesis,
  type SignedGenesis,
  type Signer
} from '#contracts'
import { Ledger } from '#ledger'
import {
  BlobExchange,
  type BlobShelf,
  linkLedger,
  type MeshNetwork,
  slices
} from '#mesh-node/portable'
import { BlobSource } from './blob-source.ts'
import { GatedEngine } from './gated-engine.ts'
import { quickSigner } from './quick-keys.ts'
import type { SessionNews, SessionOptions } from './session-ports.ts'
import type { TabEngine, TabPorts } from './tab-ports.ts'

const MIB = 1024 * 1024
const INCARNATION_BYTES = 32
/** Of the page's thread, for the ledger: half a frame. */
const SLICE_MS = 8

export interface SessionParts {
  readonly signer: Signer
  readonly genesis: SignedGenesis
  readonly shelf: BlobShelf
  readonly source: BlobSource
  readonly network: MeshNetwork
  readonly ledger: Ledger
  readonly engine: TabEngine
  readonly gated: GatedEngine
}

interface Opening {
  readonly news: SessionNews
  readonly opened: (() => unknown)[]
}

export async function openParts(
  options: SessionOptions,
  ports: TabPorts,
  { news, opened }: Opening
): Promise<SessionParts> {
  const { profile, limits, mesh, peers } = options
  const seed = await profile.seed(ports.random)
  const signer = quickSigner(seed)
  const { cpu, gpu, memoryMb } = limits
  const opening = ports.openEngine({ cpu, gpu, memoryMb })
  opening.catch(() => {})
  const disk = await ports.openShelf(limits.cacheMb * MIB)
  opened.push(() => disk.close())
  const { shelf } = disk
  const network = await ports.openNetwork({
    ...{ seed, mesh, traffic: news.traffic },
    listen: [],
    bootstrap: peers
  })
  opened.push(() => network.stop())
  news.network(network)
  network.onPeer(() => news.changed())
  const exchange = new BlobExchange({ network, store: shelf })
  const source = new BlobSource({
    ...{ shelf, exchange, host: ports.host },
    isModel: news.isModel,
    guard: news.guardFetch,
    onBytes: (bytes) => news.traffic.down(bytes),
    onProgress: news.fetching
  })
  opened.push(() => source.close())
  const genesis = await findGenesis(options, ports, { network, exchange })
  news.genesis(genesis)
  const ledger = await Ledger.open({
    ...{ genesis, signer, verifier: ports.verifier },
    level: ports.openLedgerLevel(mesh),
    incarnation: () => ports.random(INCARNATION_BYTES),
    breathe: slices(SLICE_MS),
    isSequencer: false
  })
  opened.push(() => ledger.close())
  opened.push(ledger.onEntries(() => news.changed()))
  const sync = linkLedger({
    ...{ network, ledger, verifier: ports.verifier, clock: ports.clock, fatal: ports.fatal },
    onRefused: ({ peer, error }) => news.report({ type: 'ledger-refused', peer, error }),
    onFork: (fork) => news.report({ type: 'forked', fork })
  })
  opened.push(() => sync.close())
  const engine = await opening
  opened.push(() => engine.close())
  opened.push(engine.subscribe(() => news.changed()))
  const gated = new GatedEngine(engine, news)
  return { signer, genesis, shelf, source, network, ledger, engine, gated }
}

const genesisKey = (mesh: MeshId): string => `mesh/${mesh}/genesis`

/** The genesis of an earlier visit, of the page's host, or null. Bytes of another mesh are refused. */
export async function knownGenesis(
  { mesh, profile }: Pick<SessionOptions, 'mesh' | 'profile'>,
  { host, verifier }: Pick<TabPorts, 'host' | 'verifier'>
): Promise<SignedGenesis | null> {
  const kept = await profile.bytes(genesisKey(mesh))
  const read = kept === undefined ? null : tryGenesis(kept, mesh, verifier)
  if (read !== null) return read
  const offered = await host.genesis(mesh).catch(() => null)
  const genesis = offered === null ? null : openGenesis(offered, verifier, mesh)
  if (genesis !== null) await profile.keepBytes(genesisKey(mesh), genesis.bytes)
  return genesis
}

function tryGenesis(
  bytes: Uint8Array,
  mesh: MeshId,
  verifier: TabPorts['verifier']
): SignedGenesis | null {
  try {
    return openGenesis(bytes, verifier, mesh)
  } catch (error) {
    if (error instanceof MeshError) return null
    throw error
  }
}

/** A first visit in a mesh whose page's host knows nothing of it: any peer of it has the genesis. */
async function findGenesis(
  options: SessionOptions,
  ports: TabPorts,
  { network, exchange }: { readonly network: MeshNetwork; readonly exchange: BlobExchange }
): Promise<SignedGenesis> {
  const known = await knownGenesis(options, ports)
  if (known !== null) return known
  const { mesh, profile } = options
  await somePeer(network)
  const bytes = await exchange.fetchBytes(cidOfBlobDigest(hexToBytes(mesh)), {
    from: network.peers()
  })
  const genesis = openGenesis(bytes, ports.verifier, mesh)
  await profile.keepBytes(genesisKey(mesh), genesis.bytes)
  return genesis
}

function somePeer(network: MeshNetwork): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  network.onPeer((change) => {
    if (change === 'connected') resolve()
  })
  if (network.peers().length > 0) resolve()
  return promise
}

/** The last opened is closed first; one that fails keeps none of the others open. */
export async function closeAll(opened: (() => unknown)[]): Promise<void> {
  for (const close of opened.splice(0).reverse()) {
    try {
      await close()
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
    }
  }
}
