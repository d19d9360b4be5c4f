/** Minutes of work, for the plot: adds up what happens in a minute and keeps the last day of them. */
import { z } from 'zod'
import type { HistoryPoint } from '../tab-contract.ts'

const MINUTE_MS = 60_000
/** A day: what the plot shows. */
export const HISTORY_POINTS_MAX = 1_440

export const StoredPoint = z.strictObject({
  atMs: z.number(),
  units: z.int(),
  creditMicro: z.int(),
  downBytes: z.int(),
  upBytes: z.int()
})

export class HistoryBook {
  readonly #points: HistoryPoint[]
  /** What was shown last, as long as it holds: whoever draws it sees by identity that it changed. */
  #shown: readonly HistoryPoint[] | null = null
  /** Changed since it was last taken for keeping. */
  #isChanged = false

  constructor(kept: readonly HistoryPoint[]) {
    this.#points = kept.slice(-HISTORY_POINTS_MAX)
  }

  add(nowMs: number, change: Partial<Omit<HistoryPoint, 'atMs'>>): void {
    const atMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS
    const last = this.#points.at(-1)
    // a clock that was set back goes on in the minute that was reached
    const point = last !== undefined && last.atMs >= atMs ? last : newPoint(atMs)
    const { units = 0, creditMicro = 0, downBytes = 0, upBytes = 0 } = change
    const added = {
      atMs: point.atMs,
      units: point.units + units,
      creditMicro: point.creditMicro + creditMicro,
      downBytes: point.downBytes + downBytes,
      upBytes: point.upBytes + upBytes
    }
    if (point === last) this.#points[this.#points.length - 1] = added
    else this.#points.push(added)
    if (this.#points.length > HISTORY_POINTS_MAX) this.#points.shift()
    this.#isChanged = true
    this.#shown = null
  }

  points(): readonly HistoryPoint[] {
    this.#shown ??= [...this.#points]
    return this.#shown
  }

  /** The last minute, where it changed since this was last called. */
  takeChange(): HistoryPoint | null {
    const last = this.#points.at(-1)
    const point = this.#isChanged && last !== undefined ? last : null
    this.#isChanged = false
    return point
  }
}

const newPoint = (atMs: number): HistoryPoint => ({
  ...{ atMs, units: 0, creditMicro: 0, downBytes: 0, upBytes: 0 }
})
