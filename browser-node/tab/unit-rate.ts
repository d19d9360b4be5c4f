/** Units per minute after warm-up: the first of each model loads it and is left out. */
import type { Cid } from '#contracts'

/** What is older says nothing of now. */
const WINDOW_MS = 300_000
const RUNS_MAX = 1_000

export class UnitRate {
  readonly #warm = new Set<Cid | null>()
  readonly #endedMs: number[] = []

  ran(model: Cid | null, nowMs: number): void {
    const isFirst = !this.#warm.has(model)
    this.#warm.add(model)
    // from its end on, the next ones are counted
    if (isFirst) this.#endedMs.length = 0
    this.#endedMs.push(nowMs)
    while (this.#endedMs.length > RUNS_MAX || nowMs - (this.#endedMs[0] ?? nowMs) > WINDOW_MS) {
      this.#endedMs.shift()
    }
  }

  /** Null before two runs that tell. */
  perMinute(): number | null {
    const first = this.#endedMs[0]
    const last = this.#endedMs.at(-1)
    if (first === undefined || last === undefined || last === first) return null
    return ((this.#endedMs.length - 1) * 60_000) / (last - first)
  }
}
