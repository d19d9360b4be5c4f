/**
 * Work links by peer, for either end: seals and opens frames, keeps the order when a link is full, and
 * closes the link of a peer that sends what it did not sign or what this end does not take. What a
 * frame means is the driver's affair; it dials nobody.
 */
import {
  type Frame,
  MeshError,
  type MeshId,
  openFrame,
  type PeerId,
  type Signer,
  sealFrame,
  type Verifier
} from '#contracts'
import type { Link } from './ports.ts'

/** Frames that wait for a peer that reads too slowly: a heartbeat a second for a quarter of an hour. */
const FRAMES_WAITING_MAX = 1_024

export interface FrameLinesPorts<In extends Frame> {
  readonly mesh: MeshId
  readonly signer: Signer
  readonly verifier: Verifier
  /** The frames that this end takes. */
  readonly takes: (frame: Frame) => frame is In
  readonly onFrame: (peer: PeerId, frame: In) => void
  readonly onRefused: (peer: PeerId, error: MeshError) => void
  readonly onClosed: (peer: PeerId) => void
  readonly fatal: (error: unknown) => void
}

interface Line {
  readonly link: Link
  /** Frames that wait for the link to drain. */
  readonly waiting: Uint8Array[]
  isFull: boolean
}

export class FrameLines<In extends Frame, Out extends Frame> {
  readonly #ports: FrameLinesPorts<In>
  readonly #lines = new Map<PeerId, Line>()

  constructor(ports: FrameLinesPorts<In>) {
    this.#ports = ports
  }

  /** Takes a link, whichever side opened it; an earlier one of the same peer is replaced and closed. */
  attach(link: Link): void {
    const { peer } = link
    const before = this.#lines.get(peer)
    const line: Line = { link, waiting: [], isFull: false }
    this.#lines.set(peer, line)
    if (before !== undefined && before.link !== link) this.#close(before)
    link.onClose((fault) => {
      // whoever goes away breaks nothing; whoever sends what is no frame does
      if (fault !== null && fault.code !== 'net.link_closed') this.#ports.onRefused(peer, fault)
      if (this.#lines.get(peer) !== line) return
      this.#lines.delete(peer)
      this.#ports.onClosed(peer)
    })
    link.onFrame((bytes) => {
      if (this.#lines.get(peer) === line) this.#receive(line, bytes)
    })
  }

  /** Sends in order. A frame for a peer without a link is dropped: its next hello asks again. */
  send(peer: PeerId, frame: Out): void {
    const line = this.#lines.get(peer)
    if (line === undefined) return
    const bytes = sealFrame(frame, this.#ports)
    if (!line.isFull) {
      if (!line.link.send(bytes)) this.#waitFor(line)
      return
    }
    // a peer that reads nothing for so long gets a new link, and is told again what matters
    if (line.waiting.length >= FRAMES_WAITING_MAX) this.#close(line)
    else line.waiting.push(bytes)
  }

  drop(peer: PeerId): void {
    const line = this.#lines.get(peer)
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
    const { link, waiting } = line
    const drained = link.drained().then(() => {
      line.isFull = false
      while (!line.isFull) {
        const next = waiting.shift()
        if (next === undefined) return
        if (!link.send(next)) this.#waitFor(line)
      }
    })
    // a link that closes first says so through onClose
    drained.catch(() => waiting.splice(0))
  }

  #receive(line: Line, bytes: Uint8Array): void {
    const { mesh, verifier, takes } = this.#ports
    const { peer } = line.link
    let frame: Frame
    try {
      frame = openFrame(bytes, { mesh, verifier, from: peer })
      if (!takes(frame)) throw new MeshError('wire.kind_unknown', { kind: frame.kind })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#ports.onRefused(peer, error)
      // what follows on a stream that carries such bytes is not to be believed either
      this.#close(line)
      return
    }
    this.#ports.onFrame(peer, frame)
  }
}
