/**
 * The asking end of one blob link: numbers requests, gives each its frames, and watches that bytes
 * keep coming. Stores nothing and judges no content, only that the other end keeps to the protocol.
 */
import { assertNever, BLOB_WINDOW_CHUNKS, type Cid, MeshError } from '#contracts'
import { type BlobFrame, decodeBlobFrame, encodeBlobFrame, type Refusal } from './blob-frames.ts'
import { letGo, type Timer } from './let-go.ts'
import type { Link } from './ports.ts'

const REFUSAL_CODES = {
  not_found: 'blob.not_found',
  busy: 'blob.refused',
  offset: 'blob.mismatch',
  failed: 'blob.refused'
} as const satisfies Record<Refusal, string>

/** How often it is looked whether bytes still come. */
const SWEEP_MS = 200

export interface BlobRequest {
  readonly cid: Cid
  readonly offset: number
  /** Time without any byte after which the peer is given up. */
  readonly stallMs: number
  readonly signal: AbortSignal
  /** The blob's whole size as the peer has it; throws to refuse it. */
  onHeader(size: number): void
  /** Resolves when the bytes are taken; the peer may then send more. */
  onChunk(bytes: Uint8Array): Promise<void>
}

interface Transfer {
  readonly request: BlobRequest
  readonly done: PromiseWithResolvers<void>
  size: number | null
  received: number
  taken: number
  uncredited: number
  /** Sweeps since the last frame. Counted, not clocked: a busy process must not blame its peer. */
  silentSweeps: number
}

export class BlobChannel {
  readonly #link: Link
  readonly #transfers = new Map<number, Transfer>()
  #nextId = 0
  #watch: Timer | null = null
  #closed: MeshError | null = null

  constructor(link: Link) {
    this.#link = link
    link.onFrame((raw) => this.#onRaw(raw))
    link.onClose((fault) => {
      this.#closed = fault ?? new MeshError('net.link_closed', { peer: link.peer, kind: link.kind })
      for (const id of [...this.#transfers.keys()]) this.#fail(id, this.#closed)
    })
  }

  get active(): number {
    return this.#transfers.size
  }

  /** Resolves when all bytes from `offset` to the end were taken. */
  async request(request: BlobRequest): Promise<void> {
    if (this.#closed !== null) throw this.#closed
    request.signal.throwIfAborted()
    const id = this.#nextId
    this.#nextId = (this.#nextId + 1) >>> 0
    const transfer: Transfer = {
      request,
      done: Promise.withResolvers<void>(),
      size: null,
      received: request.offset,
      taken: request.offset,
      uncredited: 0,
      silentSweeps: 0
    }
    this.#transfers.set(id, transfer)
    if (this.#watch === null) {
      this.#watch = setInterval(() => this.#sweep(), SWEEP_MS)
      letGo(this.#watch)
    }
    const cancel = () => this.#fail(id, request.signal.reason)
    request.signal.addEventListener('abort', cancel)
    const { cid, offset } = request
    this.#link.send(encodeBlobFrame({ type: 'request', id, offset, cid }))
    try {
      await transfer.done.promise
    } finally {
      request.signal.removeEventListener('abort', cancel)
    }
  }

  #onRaw(raw: Uint8Array): void {
    try {
      this.#onFrame(decodeBlobFrame(raw))
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      for (const id of [...this.#transfers.keys()]) this.#fail(id, error)
      void this.#link.close()
    }
  }

  #onFrame(frame: BlobFrame): void {
    const transfer = this.#transfers.get(frame.id)
    // Frames of a transfer that ended here while they were on the way.
    if (transfer === undefined) return
    transfer.silentSweeps = 0
    switch (frame.type) {
      case 'header':
        this.#onHeader(frame.id, transfer, frame.size)
        return
      case 'chunk':
        this.#onChunk(frame.id, transfer, frame.bytes)
        return
      case 'refusal': {
        const { cid } = transfer.request
        const facts = { cid, peer: this.#link.peer, reason: frame.reason }
        this.#drop(frame.id)
        transfer.done.reject(new MeshError(REFUSAL_CODES[frame.reason], facts))
        return
      }
      case 'request':
      case 'credit':
      case 'cancel':
        throw new MeshError('wire.message_malformed', { protocol: 'blob', kind: frame.type })
      default:
        assertNever(frame)
    }
  }

  #onHeader(id: number, transfer: Transfer, size: number): void {
    if (transfer.size !== null || size < transfer.received) {
      throw new MeshError('wire.message_malformed', { protocol: 'blob', kind: 'header' })
    }
    transfer.size = size
    try {
      transfer.request.onHeader(size)
    } catch (error) {
      this.#fail(id, error)
      return
    }
    this.#finishIfTaken(id, transfer)
  }

  #onChunk(id: number, transfer: Transfer, bytes: Uint8Array): void {
    transfer.received += bytes.length
    if (transfer.size === null || transfer.received > transfer.size) {
      // More than it announced: such a stream need not end.
      const { cid } = transfer.request
      const facts = {
        cid,
        peer: this.#link.peer,
        bytes: transfer.received,
        announced: transfer.size
      }
      this.#fail(id, new MeshError('blob.mismatch', facts))
      return
    }
    transfer.request.onChunk(bytes).then(
      () => this.#onTaken(id, transfer, bytes.length),
      (error: unknown) => this.#fail(id, error)
    )
  }

  #onTaken(id: number, transfer: Transfer, bytes: number): void {
    if (this.#transfers.get(id) !== transfer) return
    transfer.taken += bytes
    transfer.uncredited++
    if (this.#finishIfTaken(id, transfer) || transfer.uncredited < BLOB_WINDOW_CHUNKS / 4) return
    this.#link.send(encodeBlobFrame({ type: 'credit', id, chunks: transfer.uncredited }))
    transfer.uncredited = 0
  }

  #finishIfTaken(id: number, transfer: Transfer): boolean {
    if (transfer.taken !== transfer.size) return false
    this.#drop(id)
    transfer.done.resolve()
    return true
  }

  /** Ends a transfer from this side and tells the other end to stop. */
  #fail(id: number, error: unknown): void {
    const transfer = this.#transfers.get(id)
    if (transfer === undefined) return
    this.#drop(id)
    if (this.#closed === null) this.#link.send(encodeBlobFrame({ type: 'cancel', id }))
    transfer.done.reject(error)
  }

  #drop(id: number): void {
    this.#transfers.delete(id)
    if (this.#transfers.size > 0 || this.#watch === null) return
    clearInterval(this.#watch)
    this.#watch = null
  }

  #sweep(): void {
    for (const [id, transfer] of [...this.#transfers]) {
      const { cid, stallMs } = transfer.request
      const silentMs = ++transfer.silentSweeps * SWEEP_MS
      if (silentMs <= stallMs) continue
      this.#fail(id, new MeshError('blob.stalled', { cid, peer: this.#link.peer, silentMs }))
    }
  }
}
