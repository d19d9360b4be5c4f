/**
 * A control node's gateway and a donor's agent, put together as the product puts them together: its
 * drivers, ledgers, blob exchange and links, over a given network, with stores in memory.
 */
import {
  type Cid,
  DEFAULT_PRICES,
  decodeValue,
  type FabricSignal,
  type Judge,
  logIdOf,
  type PeerId,
  type SignedGenesis,
  signGenesis
} from '#contracts'
import { Ledger } from '#ledger'
import {
  AgentDriver,
  BlobExchange,
  GatewayDriver,
  gatewayLedger,
  gatewayPrice,
  gatewayTrust,
  genesisCid,
  linkLedger,
  type MeshNetwork,
  nodeSigner,
  nodeVerifier,
  systemClock
} from '#mesh-node'
import type { HeldBlob } from '#mesh-node/store'
import { MemoryBlobs } from '#mesh-node/store'
import { MemoryLevel } from '../kernel/memory-level.ts'
import { FAKE_BACKEND, FAKE_MODEL, FakeEngine } from './fake-model.ts'
import { addressOf } from './memory-transport.ts'
import type { RealOptions } from './options.ts'
import { seededBytes } from './seeded-bytes.ts'
import { keyOf } from './world.ts'

export const TENANT = 'local'
const GRANT_MICRO = 1_000_000_000_000
const MEMORY_MB = 1_024
const DRAIN_GRACE_MS = 2_000

export interface PartPorts {
  readonly network: MeshNetwork
  readonly genesis: SignedGenesis
  readonly fatal: (error: unknown) => void
}

const incarnationOf = ({ seed }: RealOptions, node: number): Uint8Array =>
  seededBytes(seed, `incarnation ${node}`)

/** Of a mesh whose sequencer is node 0. */
export function genesisOf(options: RealOptions): SignedGenesis {
  const signer = nodeSigner(keyOf(options, 0))
  return signGenesis(
    {
      v: 1,
      name: 'simulated',
      operator: signer.peerId,
      sequencer: signer.peerId,
      sequencer_log: logIdOf(signer.peerId, incarnationOf(options, 0)),
      witnesses: [],
      witness_quorum: 0,
      tenants: [{ id: TENANT, grant_micro: GRANT_MICRO }],
      prices: DEFAULT_PRICES,
      policies: { trust: options.trust, scheduler: 'weighted-v1' },
      zones: {},
      created_at_ms: 1
    },
    signer
  )
}

const takesReadable: Judge = (_unit, output) => {
  decodeValue(output)
  return { ok: true, issues: [], trigger: null }
}

async function openLedger(
  options: RealOptions,
  node: number,
  { network, genesis, fatal }: PartPorts
): Promise<Ledger> {
  const ledger = await Ledger.open({
    level: new MemoryLevel(),
    genesis,
    signer: nodeSigner(keyOf(options, node)),
    verifier: nodeVerifier,
    incarnation: () => incarnationOf(options, node),
    isSequencer: node === 0
  })
  linkLedger({ network, ledger, verifier: nodeVerifier, clock: systemClock, fatal })
  return ledger
}

export interface ControlPart {
  readonly gateway: GatewayDriver
  readonly ledger: Ledger
  readonly blobs: MemoryBlobs
}

/** Node 0: the gateway, with the model offered to whoever asks. */
export async function openControl(
  options: RealOptions,
  ports: PartPorts,
  onSignal: (signal: FabricSignal) => void
): Promise<ControlPart> {
  const { network, genesis, fatal } = ports
  const ledger = await openLedger(options, 0, ports)
  const blobs = new MemoryBlobs()
  await blobs.put(genesis.bytes, genesisCid(genesis.id))
  for (const blob of FAKE_MODEL.blobs.slice(0, 3)) await blobs.put(blob)
  await blobs.put(FAKE_MODEL.blobs[3], FAKE_MODEL.cid)
  const exchange = new BlobExchange({ network, store: blobs })
  const gateway = new GatewayDriver(
    {
      mesh: genesis.id,
      log: ledger.ownLog,
      trusted: new Set(),
      price: gatewayPrice(ledger),
      trust: gatewayTrust(ledger),
      tenantLeasesMax: null
    },
    {
      network,
      ledger: gatewayLedger(ledger),
      judge: takesReadable,
      blobs,
      fetchBlob: (cid, from) => fetchInto(exchange, cid, from),
      signer: nodeSigner(keyOf(options, 0)),
      verifier: nodeVerifier,
      clock: systemClock,
      onSignal,
      report: () => {},
      fatal
    }
  )
  const { cost, tier, memory_mb: memoryMb, name } = FAKE_MODEL.manifest
  const { base_us: baseUs, us_per_kib: usPerKib } = cost
  gateway.knowModel({ cid: FAKE_MODEL.cid, tier, memoryMb, cost: { baseUs, usPerKib } })
  await ledger.append([
    { kind: 'model.registered', body: { model: FAKE_MODEL.cid, name, ...cost } }
  ])
  gateway.start()
  return { gateway, ledger, blobs }
}

export interface AgentPart {
  readonly agent: AgentDriver
  readonly ledger: Ledger
  readonly engine: FakeEngine
}

export async function openAgent(
  options: RealOptions,
  node: number,
  ports: PartPorts
): Promise<AgentPart> {
  const { network, genesis, fatal } = ports
  const ledger = await openLedger(options, node, ports)
  const blobs = new HeldMemoryBlobs()
  const exchange = new BlobExchange({ network, store: blobs })
  const engine = new FakeEngine(options.work?.serviceMs ?? 0)
  const { sequencer } = genesis.genesis
  const agent = new AgentDriver(
    {
      node: network.peerId,
      log: ledger.ownLog,
      mesh: genesis.id,
      descriptor: {
        owner: `owner ${node}`,
        kinds: ['deterministic', 'small_model'],
        pod_tiers: [],
        zones: [],
        region: null,
        memory_mb: MEMORY_MB,
        accelerators: [],
        slots: 1,
        queue_max: 512,
        backend: FAKE_BACKEND
      },
      tenants: null,
      authorized: [sequencer],
      gateways: [{ gateway: sequencer, addresses: [`${addressOf(0)}/p2p/${sequencer}`] }],
      drainGraceMs: DRAIN_GRACE_MS,
      runMemoryMb: MEMORY_MB,
      drill: null,
      freeMemoryMb: () => MEMORY_MB
    },
    {
      network,
      engine,
      blobs,
      fetchBlob: (cid, from) => fetchInto(exchange, cid, from),
      ledger,
      signer: nodeSigner(keyOf(options, node)),
      verifier: nodeVerifier,
      clock: systemClock,
      report: () => {},
      fatal
    }
  )
  agent.start()
  return { agent, ledger, engine }
}

async function fetchInto(exchange: BlobExchange, cid: Cid, from: readonly PeerId[]): Promise<void> {
  await exchange.fetch(cid, { from })
}

/** Blobs that are used as files, though no file is there: the model needs none. */
class HeldMemoryBlobs extends MemoryBlobs {
  async hold(cid: Cid): Promise<HeldBlob | null> {
    const size = await this.size(cid)
    return size === null ? null : { path: `/memory/${cid}`, size, release() {} }
  }
}
