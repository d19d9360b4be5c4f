/**
 * A link over one libp2p stream: whole frames in order, both ways. Frames that are sent within one
 * turn of the event loop leave as one write. Closes on anything that is not a frame; opens nothing.
 *
 * A libp2p stream is gone only when both ends have closed it, so whoever sees the other end close
 * closes its own. `stream.onDrain()` is not used: its promise is made once and stays resolved.
 */
import type { Stream, StreamCloseEvent } from '@libp2p/interface'
import {
  FRAME_BYTES_MAX,
  LINK_FULL_BYTES,
  LINK_QUEUE_BYTES_MAX,
  MeshError,
  type PeerId
} from '#contracts'
import { FrameReader, joinFrames, type OutgoingFrame } from './frame-reader.ts'
import type { Link, LinkKind, TrafficMeter } from './ports.ts'
import { atTurnEnd, type Planned } from './turns.ts'

/** Bytes gathered before a write goes out at once: the peer answers each write with a window update. */
const WRITE_BYTES = 256 * 1024
/** How long the other end may take to close its half before the stream is reset. */
const CLOSE_MS = 2_000

export class FramedLink implements Link {
  readonly peer: PeerId
  readonly kind: LinkKind
  readonly #stream: Stream
  readonly #traffic: TrafficMeter | null
  readonly #reader = new FrameReader()
  #waiting: OutgoingFrame[] = []
  #waitingBytes = 0
  #flushPlanned: Planned | null = null
  #listener: ((frame: Uint8Array) => void) | null = null
  #closeListeners: ((fault: MeshError | null) => void)[] = []
  #drains: PromiseWithResolvers<void>[] = []
  #ending = false
  #closed = false
  #fault: MeshError | null = null

  constructor(
    stream: Stream,
    { peer, kind, traffic = null }: Pick<Link, 'peer' | 'kind'> & { traffic?: TrafficMeter | null }
  ) {
    this.peer = peer
    this.kind = kind
    this.#traffic = traffic
    this.#stream = stream
    stream.addEventListener('drain', () => queueMicrotask(() => this.#onRoom()))
    stream.addEventListener('remoteCloseWrite', () => this.#onRemoteEnd())
    stream.addEventListener('close', (event) => this.#onStreamClose(event))
    if (stream.status !== 'open') queueMicrotask(() => this.#finish(null))
    else if (stream.remoteWriteStatus === 'closed') queueMicrotask(() => this.#onRemoteEnd())
  }

  get closed(): boolean {
    return this.#closed || this.#ending
  }

  send(head: Uint8Array, body: Uint8Array | null = null): boolean {
    const bytes = head.length + (body?.length ?? 0)
    if (bytes > FRAME_BYTES_MAX) {
      throw new MeshError('contracts.too_large', { bytes, bytesMax: FRAME_BYTES_MAX })
    }
    if (this.closed) return false
    this.#waiting.push({ head, body })
    this.#waitingBytes += bytes
    if (this.#queuedBytes() > LINK_QUEUE_BYTES_MAX) {
      this.#abort(new MeshError('net.link_overflow', { peer: this.peer, kind: this.kind }))
      return false
    }
    if (this.#waitingBytes >= WRITE_BYTES) this.#flush()
    else this.#flushPlanned ??= atTurnEnd(() => this.#flush())
    return !this.#full()
  }

  drained(): Promise<void> {
    if (this.closed) return Promise.reject(this.#closedError())
    if (!this.#full()) return Promise.resolve()
    const drain = Promise.withResolvers<void>()
    this.#drains.push(drain)
    return drain.promise
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    const first = this.#listener === null
    this.#listener = listener
    if (first)
      this.#stream.addEventListener('message', ({ data }) => this.#onBytes(data.subarray()))
  }

  onClose(listener: (fault: MeshError | null) => void): void {
    if (this.#closed) queueMicrotask(() => listener(this.#fault))
    else this.#closeListeners.push(listener)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    const gone = new Promise<void>((resolve) => this.onClose(() => resolve()))
    this.#end()
    await gone
  }

  /** Closes at once and names what the other end did. */
  fail(fault: MeshError): void {
    this.#abort(fault)
  }

  #queuedBytes(): number {
    return this.#waitingBytes + this.#stream.writeBufferLength
  }

  #full(): boolean {
    return this.#queuedBytes() >= LINK_FULL_BYTES
  }

  #flush(): void {
    this.#flushPlanned?.cancel()
    this.#flushPlanned = null
    if (this.#waiting.length === 0 || this.#closed) return
    const message = joinFrames(this.#waiting)
    this.#traffic?.up(message.byteLength)
    this.#waiting = []
    this.#waitingBytes = 0
    try {
      this.#stream.send(message)
    } catch (cause) {
      this.#abort(this.#lost(cause))
    }
  }

  #onRoom(): void {
    if (this.#full()) return
    const drains = this.#drains
    this.#drains = []
    for (const drain of drains) drain.resolve()
  }

  #onBytes(bytes: Uint8Array): void {
    this.#traffic?.down(bytes.length)
    try {
      this.#reader.push(bytes, (frame) => {
        if (!this.#closed) this.#listener?.(frame)
      })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#abort(error)
    }
  }

  /** The other end sends no more: send what is queued and close this end too. */
  #onRemoteEnd(): void {
    if (this.#stream.readBufferLength > 0) {
      this.#stream.addEventListener('end', () => this.#end())
      return
    }
    this.#end()
  }

  #end(): void {
    if (this.closed) return
    this.#flush()
    this.#ending = true
    this.#rejectDrains()
    const deadline = AbortSignal.timeout(CLOSE_MS)
    const reset = () => this.#stream.abort(new MeshError('net.link_closed', { peer: this.peer }))
    deadline.addEventListener('abort', reset)
    this.#closeListeners.push(() => deadline.removeEventListener('abort', reset))
    this.#stream.close({ signal: deadline }).catch(reset)
  }

  #onStreamClose(event: StreamCloseEvent): void {
    const cut = !this.#reader.idle
    const lost = event.error !== undefined && !this.#ending
    this.#finish(lost || cut ? this.#lost(event.error) : null)
  }

  #abort(fault: MeshError): void {
    if (this.#closed) return
    this.#fault = fault
    this.#stream.abort(fault)
    this.#finish(fault)
  }

  #finish(fault: MeshError | null): void {
    if (this.#closed) return
    this.#closed = true
    this.#fault ??= fault
    this.#waiting = []
    this.#waitingBytes = 0
    this.#flushPlanned?.cancel()
    this.#rejectDrains()
    const listeners = this.#closeListeners
    this.#closeListeners = []
    for (const listener of listeners) listener(this.#fault)
  }

  #rejectDrains(): void {
    const drains = this.#drains
    this.#drains = []
    for (const drain of drains) drain.reject(this.#closedError())
  }

  #lost(cause: unknown): MeshError {
    return new MeshError('net.link_closed', { peer: this.peer, kind: this.kind }, { cause })
  }

  #closedError(): MeshError {
    return this.#fault ?? this.#lost(undefined)
  }
}
