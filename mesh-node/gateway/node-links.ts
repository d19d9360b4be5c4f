/**
 * The gateway's work links, one per node: seals and opens frames, keeps the order when a link is full,
 * and refuses what was not signed by the peer at its other end. What a frame means is the driver's
 * affair.
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
import type { Link } from '../net/ports.ts'

/** Frames that wait for a node that reads too slowly; beyond this it gets a new link. */
const FRAMES_WAITING_MAX = 1_024

export interface NodeLinksPorts {
  readonly mesh: MeshId
  readonly signer: Signer
  readonly verifier: Verifier
  readonly onFrame: (node: PeerId, frame: NodeFrame) => void
  readonly onRefused: (node: PeerId, error: MeshError) => void
  readonly onClosed: (node: PeerId) => void
  readonly fatal: (error: unknown) => void
}

interface Line {
  readonly link: Link
  waiting: Uint8Array[]
  isFull: boolean
}

export class NodeLinks {
  readonly #ports: NodeLinksPorts
  readonly #lines = new Map<PeerId, Line>()

  constructor(ports: NodeLinksPorts) {
    this.#ports = ports
  }

  /** A node has opened a link; an earlier one of the same node is replaced. */
  accept(link: Link): void {
    const node = link.peer
    const before = this.#lines.get(node)
    const line: Line = { link, waiting: [], isFull: false }
    this.#lines.set(node, line)
    if (before !== undefined && before.link !== link) this.#close(before)
    link.onClose(() => {
      if (this.#lines.get(node) !== line) return
      this.#lines.delete(node)
      this.#ports.onClosed(node)
    })
    link.onFrame((bytes) => {
      if (this.#lines.get(node) === line) this.#receive(line, bytes)
    })
  }

  /** Sends in order. A frame for a node without a link is dropped: its hello asks again. */
  send(node: PeerId, frame: GatewayFrame): void {
    const line = this.#lines.get(node)
    if (line === undefined) return
    const bytes = sealFrame(frame, this.#ports)
    if (!line.isFull) {
      if (!line.link.send(bytes)) this.#waitFor(line)
      return
    }
    if (line.waiting.length >= FRAMES_WAITING_MAX) this.#close(line)
    else line.waiting.push(bytes)
  }

  drop(node: PeerId): void {
    const line = this.#lines.get(node)
    if (line !== undefined) this.#close(line)
  }

  async close(): Promise<void> {
    const lines = [...this.#lines.values()]
    this.#lines.clear()
    await Promise.all(lines.map(({ link }) => link.close()))
  }

  #close({ link }: Line): void {
    link.close().catch((error: unknown) => this.#ports.fatal(error))
  }

  #waitFor(line: Line): void {
    line.isFull = true
    const drained = line.link.drained().then(() => {
      line.isFull = false
      while (!line.isFull) {
        const next = line.waiting.shift()
        if (next === undefined) return
        if (!line.link.send(next)) this.#waitFor(line)
      }
    })
    // a link that closes first says so through onClose
    drained.catch(() => {
      line.waiting = []
    })
  }

  #receive(line: Line, bytes: Uint8Array): void {
    const { mesh, verifier } = this.#ports
    const node = line.link.peer
    let frame: Frame
    try {
      frame = openFrame(bytes, { mesh, verifier, from: node })
      if (!isFromNode(frame)) throw new MeshError('wire.kind_unknown', { kind: frame.kind })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#ports.onRefused(node, error)
      // what follows on a stream that carries such bytes is not to be believed either
      this.#close(line)
      return
    }
    this.#ports.onFrame(node, frame)
  }
}

const NODE_KINDS: readonly Frame['kind'][] = [
  'hello',
  'claim',
  'withdraw',
  'commit',
  'result',
  'failure',
  'release',
  'heartbeat'
]
const isFromNode = (frame: Frame): frame is NodeFrame => NODE_KINDS.includes(frame.kind)
