/**
 * How much one answer to a peer holds: little at first, twice as much while the peer soon asks for what
 * comes next, and half where it takes long. A link that is slow, or breaks often, then still gets
 * something whole through. Knows no link and measures nothing but time.
 */
import {
  type LogId,
  SYNC_BUNDLE_BYTES,
  SYNC_BUNDLE_BYTES_MIN,
  SYNC_BUNDLE_QUICK_MS,
  SYNC_WANT_TIMEOUT_MS
} from '#contracts'

interface Asked {
  readonly log: LogId
  readonly from: number
  readonly atMs: number
}

export class Pace {
  #bytesMax = SYNC_BUNDLE_BYTES_MIN
  #last: Asked | null = null

  /** The peer asks; gives the bytes that its answer may hold. */
  asked(asked: Asked): number {
    const last = this.#last
    this.#last = asked
    if (last?.log !== asked.log || asked.from <= last.from) return this.#bytesMax
    const tookMs = asked.atMs - last.atMs
    if (tookMs < SYNC_BUNDLE_QUICK_MS) {
      this.#bytesMax = Math.min(2 * this.#bytesMax, SYNC_BUNDLE_BYTES)
    } else if (tookMs > SYNC_WANT_TIMEOUT_MS) {
      this.#bytesMax = Math.max(this.#bytesMax / 2, SYNC_BUNDLE_BYTES_MIN)
    }
    return this.#bytesMax
  }
}
