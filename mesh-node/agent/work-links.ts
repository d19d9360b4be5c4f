/**
 * The node's work links, one per gateway: finds and opens them, seals and opens frames, and keeps the
 * order when a link is full. What a frame means is the driver's affair.
 */
import {
  type Frame,
  type GatewayFrame,
  MeshError,
  type MeshId,
  type NodeFrame,
  openFrame,
  type PeerId,
  type Signer,
  sealFrame,
  type Verifier
} from '#contracts'
import type { Link, MeshNetwork } from '../net/ports.ts'

/** Frames that wait for one link: a heartbeat a second for a quarter of an hour. */
const FRAMES_WAITING_MAX = 1_024

export interface WorkLinksPorts {
  readonly network: MeshNetwork
  readonly mesh: MeshId
  readonly signer: Signer
  readonly verifier: Verifier
  readonly onFrame: (gateway: PeerId, frame: GatewayFrame) => void
  readonly onRefused: (gateway: PeerId, error: MeshError) => void
  readonly onClosed: (gateway: PeerId) => void
}

interface Line {
  readonly link: Link
  /** Frames that wait for the link to drain. */
  readonly waiting: Uint8Array[]
  isFull: boolean
}

export class WorkLinks {
  readonly #ports: WorkLinksPorts
  readonly #lines = new Map<PeerId, Line>()

  constructor(ports: WorkLinksPorts) {
    this.#ports = ports
  }

  /** Connects by the first address that answers, unless the network knows the peer already. */
  async open(gateway: PeerId, addresses: readonly string[]): Promise<void> {
    const { network } = this.#ports
    if (!network.peers().includes(gateway)) await this.#dial(addresses)
    const link = await network.openLink(gateway, 'work')
    const line: Line = { link, waiting: [], isFull: false }
    this.#lines.set(gateway, line)
    link.onClose(() => {
      if (this.#lines.get(gateway) !== line) return
      this.#lines.delete(gateway)
      this.#ports.onClosed(gateway)
    })
    link.onFrame((bytes) => this.#receive(line, bytes))
  }

  /** Sends in order; frames for a gateway without a link are dropped: the machine says them again. */
  send(gateway: PeerId, frame: NodeFrame): void {
    const line = this.#lines.get(gateway)
    if (line === undefined) return
    const bytes = sealFrame(frame, this.#ports)
    if (line.isFull && line.waiting.length >= FRAMES_WAITING_MAX) {
      // a peer that reads nothing for so long gets a new link, and is told again what matters
      void line.link.close()
      return
    }
    if (line.isFull) {
      line.waiting.push(bytes)
      return
    }
    if (!line.link.send(bytes)) this.#waitFor(line)
  }

  async close(): Promise<void> {
    const lines = [...this.#lines.values()]
    this.#lines.clear()
    await Promise.all(lines.map(({ link }) => link.close()))
  }

  async #dial(addresses: readonly string[]): Promise<void> {
    let lastError: unknown = null
    for (const address of addresses) {
      try {
        await this.#ports.network.dial(address)
        return
      } catch (error) {
        lastError = error
      }
    }
    if (lastError !== null) throw lastError
  }

  #waitFor(line: Line): void {
    line.isFull = true
    const { link } = line
    const drained = link.drained().then(() => {
      line.isFull = false
      while (!line.isFull) {
        const next = line.waiting.shift()
        if (next === undefined) return
        if (!link.send(next)) this.#waitFor(line)
      }
    })
    // a link that closes first says so through onClose
    drained.catch(() => line.waiting.splice(0))
  }

  #receive(line: Line, bytes: Uint8Array): void {
    const { mesh, verifier } = this.#ports
    const gateway = line.link.peer
    let frame: Frame
    try {
      frame = openFrame(bytes, { mesh, verifier, from: gateway })
      if (!isFromGateway(frame)) throw new MeshError('wire.kind_unknown', { kind: frame.kind })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#ports.onRefused(gateway, error)
      // what follows on a stream that carries such bytes is not to be believed either
      void line.link.close()
      return
    }
    this.#ports.onFrame(gateway, frame)
  }
}

const GATEWAY_KINDS: readonly Frame['kind'][] = ['welcome', 'grant', 'reveal', 'revoke', 'ack']
const isFromGateway = (frame: Frame): frame is GatewayFrame => GATEWAY_KINDS.includes(frame.kind)
