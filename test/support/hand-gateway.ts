/**
 * A gateway that a test drives by hand over the real network: it keeps what a node says and sends what
 * the test wants, right or wrong. Grants nothing by itself.
 */
import {
  type Attestation,
  type Cid,
  cidOfBytes,
  encodeValue,
  type Frame,
  type FrameOf,
  type GatewayFrame,
  INLINE_BLOB_BYTES_MAX,
  isNodeFrame,
  type LeaseId,
  leaseIdOf,
  type NodeFrame,
  openFrame,
  openResults,
  packUnit,
  type SignedGenesis,
  sealFrame,
  type UnitInput,
  type Value,
  type WorkUnit
} from '#contracts'
import {
  BlobExchange,
  createNetwork,
  genesisCid,
  type Link,
  type MeshNetwork,
  nodeSigner,
  nodeVerifier
} from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import { testGenesis } from './genesis-fixtures.ts'
import { seed } from './mesh-fixtures.ts'
import { LOOPBACK, until } from './mesh-hosts.ts'

const KEY = seed(77)
const SIGNER = nodeSigner(KEY)
const INCARNATION = seed(78)

export interface Granted {
  readonly lease: LeaseId
  readonly unit: WorkUnit
}

export class HandGateway {
  readonly genesis: SignedGenesis
  readonly network: MeshNetwork
  readonly blobs: MemoryBlobs
  readonly heard: NodeFrame[] = []
  #link: Link | null = null
  /** Leases that the next welcome lets stand; null: all that the node holds. */
  standing: readonly LeaseId[] | null = null

  private constructor(genesis: SignedGenesis, network: MeshNetwork, blobs: MemoryBlobs) {
    this.genesis = genesis
    this.network = network
    this.blobs = blobs
    network.onLink('work', (link) => this.#accept(link))
  }

  /** Serves what is in the store, as the store likes. */
  static async start(
    blobs = new MemoryBlobs(),
    listen: readonly string[] = [LOOPBACK]
  ): Promise<HandGateway> {
    const genesis = testGenesis(SIGNER, INCARNATION)
    const network = await createNetwork({ seed: KEY, mesh: genesis.id, listen })
    await blobs.put(genesis.bytes, genesisCid(genesis.id))
    new BlobExchange({ network, store: blobs })
    return new HandGateway(genesis, network, blobs)
  }

  get address(): string {
    return this.network.addresses()[0] ?? ''
  }

  get link(): Link {
    if (this.#link === null) throw new Error('no node has linked')
    return this.#link
  }

  get isLinked(): boolean {
    return this.#link !== null
  }

  send(frame: GatewayFrame): void {
    this.link.send(sealFrame(frame, { mesh: this.genesis.id, signer: SIGNER }))
  }

  /** Grants leases of these units to the linked node, with small inputs beside them. */
  grant(
    units: readonly WorkUnit[],
    options: { ttlMs?: number; commit?: boolean; attempt?: number; blobs?: Uint8Array[] } = {}
  ): Granted[] {
    const { ttlMs = 60_000, commit = false, attempt = 1, blobs = [] } = options
    const packed = units.map(packUnit)
    const node = this.link.peer
    const leases = packed.map(({ id, bytes }) => ({
      lease_id: leaseIdOf(id, attempt, node),
      attempt,
      unit: bytes,
      expires_at_ms: 0,
      ttl_ms: ttlMs,
      commit
    }))
    this.send({ kind: 'grant', body: { v: 1, leases, blobs } })
    return packed.map(({ id, unit }) => ({ lease: leaseIdOf(id, attempt, node), unit }))
  }

  acknowledge(leases: readonly LeaseId[]): void {
    const verdicts = leases.map((lease_id) => ({
      lease_id,
      verdict: 'accepted' as const,
      reason: 'schema',
      earned_micro: 5
    }))
    this.send({ kind: 'ack', body: { v: 1, verdicts } })
  }

  bodies<K extends NodeFrame['kind']>(kind: K): FrameOf<K>[] {
    return this.heard.flatMap((frame) => (isKind(frame, kind) ? [frame.body] : []))
  }

  /** Every attestation heard so far, checked as a gateway would. */
  attestations(): Attestation[] {
    return this.bodies('result').flatMap(
      (body) => openResults(body, { mesh: this.genesis.id, verifier: nodeVerifier }).attestations
    )
  }

  /** The output that an attestation names, of those that came inline. */
  output(cid: Cid): Uint8Array | undefined {
    const inline = this.bodies('result').flatMap(({ outputs }) => outputs)
    return inline.find((bytes) => cidOfBytes(bytes) === cid)
  }

  /** Waits until the node has sent `count` frames of the kind. */
  async hears<K extends NodeFrame['kind']>(kind: K, count = 1): Promise<FrameOf<K>[]> {
    await until(() => this.bodies(kind).length >= count, `${count} ${kind} frames`, 20_000)
    return this.bodies(kind)
  }

  async attests(count: number): Promise<Attestation[]> {
    await until(() => this.attestations().length >= count, `${count} attestations`, 20_000)
    return this.attestations()
  }

  /** A value as an input of a unit: its bytes, and how the unit names them. */
  async input(name: string, value: Value): Promise<{ input: UnitInput; bytes: Uint8Array }> {
    const bytes = encodeValue(value)
    const cid = await this.blobs.put(bytes)
    return { input: { name, cid, dtype: 'value', shape: [bytes.length] }, bytes }
  }

  async stop(): Promise<void> {
    await this.network.stop()
  }

  #accept(link: Link): void {
    this.#link = link
    link.onClose(() => {
      if (this.#link === link) this.#link = null
    })
    link.onFrame((bytes) => {
      const context = { mesh: this.genesis.id, verifier: nodeVerifier, from: link.peer }
      const frame: Frame = openFrame(bytes, context)
      if (isNodeFrame(frame)) this.#hear(frame)
    })
  }

  #hear(frame: NodeFrame): void {
    this.heard.push(frame)
    if (frame.kind !== 'hello') return
    const standing = [...(this.standing ?? frame.body.holding)]
    const log = this.genesis.genesis.sequencer_log
    this.send({ kind: 'welcome', body: { v: 1, log, standing, heartbeat_ms: 200 } })
  }
}

const isKind = <K extends NodeFrame['kind']>(
  frame: NodeFrame,
  kind: K
): frame is NodeFrame & { kind: K; body: FrameOf<K> } => frame.kind === kind

export const LARGE_BYTES = INLINE_BLOB_BYTES_MAX + 1
