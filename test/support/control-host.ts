/**
 * The gateway's side of a mesh for tests: real network, real ledger on disk, real blobs, the real
 * gateway driver; and nodes that are whole. The judge takes every output whose value can be read.
 */
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import {
  decodeValue,
  type EventDraft,
  type FabricSignal,
  type Judge,
  type PeerId,
  type SessionSpec,
  type SignedGenesis,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import { Ledger, type LevelPort } from '#ledger'
import {
  BlobExchange,
  createNetwork,
  GatewayDriver,
  type GatewayReport,
  gatewayLedger,
  gatewayPrice,
  gatewayTrust,
  genesisCid,
  linkLedger,
  type MeshNetwork,
  nodeSigner,
  nodeVerifier,
  type RunningNode,
  systemClock
} from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import { testGenesis } from './genesis-fixtures.ts'
import { seed } from './mesh-fixtures.ts'
import { LOOPBACK, type Started, until } from './mesh-hosts.ts'
import { spec } from './mesh-units.ts'
import { type WholeNodeOptions, wholeNode } from './whole-node.ts'

const INCARNATION = seed(88)

export interface ControlOptions {
  readonly dataDir: string
  /** Fill of the control node's key: another key is another mesh. */
  readonly key?: number
  readonly judge?: Judge
  readonly blobs?: MemoryBlobs
  readonly sync?: boolean
  readonly listen?: readonly string[]
  readonly recoveryGraceMs?: number
}

const takesReadable: Judge = (_unit, output) => {
  decodeValue(output)
  return { ok: true, issues: [], trigger: null }
}

export class ControlHost {
  readonly genesis: SignedGenesis
  readonly network: MeshNetwork
  readonly ledger: Ledger
  readonly blobs: MemoryBlobs
  readonly gateway: GatewayDriver
  readonly outcomes = new Map<UnitId, UnitOutcome>()
  readonly events: EventDraft[] = []
  readonly reports: GatewayReport[] = []
  readonly fatal: unknown[] = []
  readonly #sync: { close(): unknown }

  private constructor(parts: {
    genesis: SignedGenesis
    network: MeshNetwork
    ledger: Ledger
    options: ControlOptions
  }) {
    const { genesis, network, ledger, options } = parts
    this.genesis = genesis
    this.network = network
    this.ledger = ledger
    this.blobs = options.blobs ?? new MemoryBlobs()
    const fatal = (error: unknown): void => {
      this.fatal.push(error)
    }
    this.#sync = linkLedger({ network, ledger, verifier: nodeVerifier, clock: systemClock, fatal })
    const exchange = new BlobExchange({ network, store: this.blobs })
    this.gateway = new GatewayDriver(
      {
        mesh: genesis.id,
        log: ledger.ownLog,
        trusted: new Set(),
        price: gatewayPrice(ledger),
        trust: gatewayTrust(ledger),
        tenantLeasesMax: null,
        ...(options.recoveryGraceMs === undefined
          ? {}
          : { recoveryGraceMs: options.recoveryGraceMs })
      },
      {
        network,
        ledger: gatewayLedger(ledger),
        judge: options.judge ?? takesReadable,
        blobs: this.blobs,
        fetchBlob: async (cid, from) => {
          await exchange.fetch(cid, { from })
        },
        signer: nodeSigner(seed(options.key ?? 90)),
        verifier: nodeVerifier,
        clock: systemClock,
        onSignal: (signal) => this.#heard(signal),
        report: (report) => this.reports.push(report),
        fatal
      }
    )
    this.gateway.start()
  }

  static async start(options: ControlOptions): Promise<ControlHost> {
    const key = seed(options.key ?? 90)
    const genesis = testGenesis(nodeSigner(key), INCARNATION)
    const level: LevelPort = new ClassicLevel<Uint8Array, Uint8Array>(
      join(options.dataDir, 'ledger'),
      { keyEncoding: 'view', valueEncoding: 'view' }
    )
    const ledger = await Ledger.open({
      level,
      genesis,
      signer: nodeSigner(key),
      verifier: nodeVerifier,
      incarnation: () => INCARNATION,
      isSequencer: true,
      sync: options.sync ?? false
    })
    const listen = options.listen ?? [LOOPBACK]
    const network = await createNetwork({ seed: key, mesh: genesis.id, listen })
    const host = new ControlHost({ genesis, network, ledger, options })
    await host.blobs.put(genesis.bytes, genesisCid(genesis.id))
    return host
  }

  get address(): string {
    return this.network.addresses()[0] ?? ''
  }

  open(over: Partial<SessionSpec> = {}): Promise<void> {
    return this.gateway.open(spec(over))
  }

  async outcome(...units: readonly UnitId[]): Promise<UnitOutcome[]> {
    await until(() => units.every((id) => this.outcomes.has(id)), 'outcomes', 30_000)
    return units.flatMap((id) => this.outcomes.get(id) ?? [])
  }

  connected(): readonly PeerId[] {
    return this.gateway
      .snapshot()
      .nodes.filter(({ connected }) => connected)
      .map(({ node }) => node)
  }

  async stop(): Promise<void> {
    await this.gateway.stop()
    this.#sync.close()
    await this.network.stop()
    await this.ledger.close()
  }

  #heard(signal: FabricSignal): void {
    if (signal.type === 'event') this.events.push(signal.event)
    else if (signal.type === 'outcome') this.outcomes.set(signal.outcome.unitId, signal.outcome)
  }
}

/** A whole node of this mesh, in this process. */
export const joinedNode = (
  started: Started,
  host: ControlHost,
  over: Partial<WholeNodeOptions> = {}
): Promise<RunningNode> =>
  wholeNode(started, {
    mesh: { kind: 'id', id: host.genesis.id },
    bootstrap: [host.address],
    ...over
  })
