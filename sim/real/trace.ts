/**
 * The trace of a run: a rolling hash over what happened, with marks, so that two runs of one seed are
 * compared by one number and bisected to the first difference by the marks. Deliveries are in it as
 * (microsecond, node, message id); writes on the wire as (microsecond, from, to, bytes). Times of the
 * real machine, memory and the bytes below Noise are not.
 */
import { createHash } from 'node:crypto'

/** Happenings between two marks. */
const MARK_EVERY = 1_000
/** Of a hash in the marks: enough to see a difference. */
const MARK_HEX = 12

export type TraceKind = 'delivered' | 'wrote' | 'outcome'
const KIND_CODES: Record<TraceKind, number> = { delivered: 1, wrote: 2, outcome: 3 }

export interface TraceEvent {
  readonly kind: TraceKind
  readonly atUs: number
  readonly node: number
  /** The peer of a write; 0 elsewhere. */
  readonly other: number
  /** Bytes of a write; 0 elsewhere. */
  readonly bytes: number
  /** Of a message or an output; null elsewhere. */
  readonly digest: Uint8Array | null
}

export class Trace {
  readonly #hash = createHash('sha256')
  readonly #marks: string[] = []
  readonly #record = new DataView(new ArrayBuffer(24))
  /** The same bytes: a hot `update` with a DataView is refused by Node 24 as no view at all. */
  readonly #recordBytes = new Uint8Array(this.#record.buffer)
  #events = 0

  get events(): number {
    return this.#events
  }

  /** The hash as it stood after every so many happenings. */
  get marks(): readonly string[] {
    return this.#marks
  }

  add({ kind, atUs, node, other, bytes, digest }: TraceEvent): void {
    const record = this.#record
    record.setUint32(0, KIND_CODES[kind])
    record.setFloat64(4, atUs)
    record.setUint32(12, node)
    record.setUint32(16, other)
    record.setUint32(20, bytes)
    this.#hash.update(this.#recordBytes)
    if (digest !== null) this.#hash.update(digest)
    this.#events += 1
    if (this.#events % MARK_EVERY === 0) this.#marks.push(this.#digest().slice(0, MARK_HEX))
  }

  end(): string {
    return this.#digest()
  }

  #digest(): string {
    return this.#hash.copy().digest('hex')
  }
}
