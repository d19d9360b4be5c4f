/**
 * Nodes that came since the last announcement: units that wait are made known to them at once, not
 * with the next round. Together and not often, whoever comes and goes: gossip reaches everybody.
 */
import { NEWCOMERS_GAP_MS, NEWCOMERS_SETTLE_MS } from './gateway-policy.ts'

export class Newcomers {
  #dueAtMs: number | null = null
  #lastMs = Number.NEGATIVE_INFINITY

  /** When those who came are due; infinity where nobody did. */
  get dueAtMs(): number {
    return this.#dueAtMs ?? Number.POSITIVE_INFINITY
  }

  came(nowMs: number): void {
    this.#dueAtMs ??= Math.max(nowMs + NEWCOMERS_SETTLE_MS, this.#lastMs + NEWCOMERS_GAP_MS)
  }

  /** Whether it is their turn now; it is over with that. */
  take(nowMs: number): boolean {
    if (nowMs < this.dueAtMs) return false
    this.#dueAtMs = null
    this.#lastMs = nowMs
    return true
  }
}
