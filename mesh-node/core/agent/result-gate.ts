/**
 * Finished results that wait a moment, so that several travel in one message: a result told alone
 * costs both ends a frame, a signature, a synced write and a word to every replica, however small it
 * is. Nothing waits where the node could run dry, and nothing waits long. Sends nothing itself.
 */
import type { HeldLease } from './lease-table.ts'

/** People look at progress a few times a second; what depends on a result starts so much later at most. */
const WAIT_MS_MAX = 250
const NOTHING: readonly HeldLease[] = []

export class ResultGate {
  readonly #held = new Set<HeldLease>()
  #dueAtMs = Number.POSITIVE_INFINITY

  /** When what waits must go; infinite where nothing waits. */
  get dueAtMs(): number {
    return this.#dueAtMs
  }

  /** False: this result is not to wait. */
  hold(lease: HeldLease, nowMs: number): boolean {
    const isUrgent = lease.packed.unit.priority === 'p0'
    const endsSoon = lease.expiresAtMs - nowMs <= 2 * WAIT_MS_MAX
    if (lease.builtIn || lease.commit || isUrgent || endsSoon) return false
    if (this.#held.size === 0) this.#dueAtMs = nowMs + WAIT_MS_MAX
    this.#held.add(lease)
    return true
  }

  /** The lease is over, or its result was told for another reason. */
  drop(lease: HeldLease): void {
    if (this.#held.delete(lease) && this.#held.size === 0) this.#dueAtMs = Number.POSITIVE_INFINITY
  }

  /**
   * All that wait, where it is time: half of the node's work is told while it runs the other half,
   * and what the gateway answers is here before that has ended.
   */
  take(nowMs: number, leasesReady: number): readonly HeldLease[] {
    if (this.#dueAtMs === Number.POSITIVE_INFINITY) return NOTHING
    if (this.#held.size < leasesReady && nowMs < this.#dueAtMs) return []
    const taken = [...this.#held]
    this.#held.clear()
    this.#dueAtMs = Number.POSITIVE_INFINITY
    return taken
  }
}
