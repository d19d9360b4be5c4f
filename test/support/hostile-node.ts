/**
 * A node that says over the real network whatever a test wants, rightly signed or not: the product's
 * own network and frames, and no rule of the agent. Keeps what its gateway answers.
 */
import {
  type Attestation,
  type Cid,
  cidOfBytes,
  encodeAttestation,
  type Frame,
  type FrameOf,
  type GatewayFrame,
  isGatewayFrame,
  type MeshId,
  type NodeFrame,
  openFrame,
  openUnit,
  type PeerId,
  type Signer,
  sealFrame,
  signResults
} from '#contracts'
import { createNetwork, type Link, type MeshNetwork, nodeSigner, nodeVerifier } from '#mesh-node'
import { decodeBlobFrame, encodeBlobFrame } from '../../mesh-node/net/blob-frames.ts'
import { seed } from './mesh-fixtures.ts'
import { LOOPBACK, type Started, until } from './mesh-hosts.ts'
import { attestationOf, ModelNode } from './model-node.ts'

export type Offer = FrameOf<'grant'>['leases'][number]

export interface HostileOptions {
  readonly mesh: MeshId
  readonly address: string
  /** Of its key. */
  readonly fill: number
}

export class HostileNode {
  readonly network: MeshNetwork
  readonly signer: Signer
  readonly heard: GatewayFrame[] = []
  readonly #mesh: MeshId
  readonly #gateway: PeerId
  readonly #model: ModelNode
  #link: Link | null = null

  private constructor(network: MeshNetwork, gateway: PeerId, { mesh, fill }: HostileOptions) {
    this.network = network
    this.signer = nodeSigner(seed(fill))
    this.#mesh = mesh
    this.#gateway = gateway
    this.#model = new ModelNode(fill, {})
  }

  /** Linked, and silent. */
  static async start(started: Started, options: HostileOptions): Promise<HostileNode> {
    const { mesh, address, fill } = options
    const network = started.add(
      await createNetwork({ seed: seed(fill), mesh, listen: [LOOPBACK] }),
      (one) => one.stop()
    )
    const hostile = new HostileNode(network, await network.dial(address), options)
    await hostile.open()
    return hostile
  }

  get peer(): PeerId {
    return this.signer.peerId
  }

  get isLinked(): boolean {
    return this.#link !== null
  }

  /** A new link to the gateway. */
  async open(): Promise<void> {
    const link = await this.network.openLink(this.#gateway, 'work')
    this.#link = link
    link.onClose(() => {
      if (this.#link === link) this.#link = null
    })
    link.onFrame((raw) => {
      const context = { mesh: this.#mesh, verifier: nodeVerifier, from: this.#gateway }
      const frame = openFrame(raw, context)
      if (isGatewayFrame(frame)) this.heard.push(frame)
    })
  }

  sendRaw(bytes: Uint8Array): void {
    this.#link?.send(bytes)
  }

  sealed(frame: Frame): Uint8Array {
    return sealFrame(frame, { mesh: this.#mesh, signer: this.signer })
  }

  send(frame: Frame): void {
    this.sendRaw(this.sealed(frame))
  }

  helloFrame(): Extract<NodeFrame, { kind: 'hello' }> {
    const { descriptor } = this.#model
    const log = 'cd'.repeat(32)
    const body = { v: 1, node: this.peer, log, descriptor, holding: [], models: [] } as const
    return { kind: 'hello', body: { ...body, holding: [], models: [] } }
  }

  /** Says hello and claims whatever there is. */
  join(): void {
    this.send(this.helloFrame())
    const body = { v: 1, claim: 1, batch: null, models: [], slots: 64, standing: true } as const
    this.send({ kind: 'claim', body: { ...body, kinds: ['deterministic'], models: [] } })
  }

  offers(): Offer[] {
    return this.heard.flatMap((frame) => (frame.kind === 'grant' ? frame.body.leases : []))
  }

  async granted(count: number): Promise<Offer[]> {
    await until(() => this.offers().length >= count, `${count} leases`, 20_000)
    return this.offers()
  }

  /** What it was told of each result, in order: `verdict reason earned`. */
  verdicts(): string[] {
    return this.heard.flatMap((frame) =>
      frame.kind === 'ack'
        ? frame.body.verdicts.map((one) => `${one.verdict} ${one.reason} ${one.earned_micro}`)
        : []
    )
  }

  revoked(): string[] {
    return this.heard.flatMap((frame) => (frame.kind === 'revoke' ? [frame.body.reason] : []))
  }

  /** A rightly signed result of the lease, with the output beside it or only named. */
  result(offer: Offer, output: Uint8Array, { inline = true } = {}): Frame {
    const right = attestationOf(this.#model, offer, openUnit(offer.unit), 'honest')
    const attestation: Attestation = {
      ...right,
      node: this.peer,
      output_cid: cidOfBytes(output)
    }
    const context = { mesh: this.#mesh, signer: this.signer }
    const { head, items } = signResults([encodeAttestation(attestation)], context)
    const outputs = inline ? [output] : []
    return { kind: 'result', body: { v: 1, head, attestations: [...items], outputs } }
  }

  /** Answers every request for a blob with these bytes, whatever was asked; gives what was asked. */
  serve(bytes: Uint8Array): Cid[] {
    const asked: Cid[] = []
    this.network.onLink('blob', (link) =>
      link.onFrame((raw) => {
        const frame = decodeBlobFrame(raw)
        if (frame.type !== 'request') return
        const { id, cid } = frame
        asked.push(cid)
        link.send(encodeBlobFrame({ type: 'header', id, size: bytes.length }))
        link.send(encodeBlobFrame({ type: 'chunk', id, bytes }))
      })
    )
    return asked
  }
}
