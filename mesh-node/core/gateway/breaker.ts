/**
 * The breaker of one node: opens on a high share of failures or a burst of timeouts, lets
 * single probes through after a while, and closes after a row of successes. Counts in seconds of the
 * given clock; a vanished node is the registry's affair, not the breaker's.
 */
import {
  BREAKER_ATTEMPTS_MIN,
  BREAKER_FAILURE_SHARE,
  BREAKER_OPEN_MS,
  BREAKER_PROBE_MS,
  BREAKER_SUCCESSES,
  BREAKER_TIMEOUTS_MAX,
  BREAKER_TIMEOUTS_WINDOW_S,
  BREAKER_WINDOW_S
} from './gateway-policy.ts'

export type BreakerState = 'closed' | 'open' | 'probing'
export type AttemptEnd = 'success' | 'failure' | 'timeout'

interface Second {
  second: number
  attempts: number
  failures: number
  timeouts: number
}

export class Breaker {
  #seconds: Second[] = []
  #state: BreakerState = 'closed'
  #nextProbeAtMs = 0
  #successes = 0

  get state(): BreakerState {
    return this.#state
  }

  /** When the breaker next lets something through; 0 where nothing is held back. */
  get opensAtMs(): number {
    return this.#state === 'closed' ? 0 : this.#nextProbeAtMs
  }

  allows(nowMs: number): boolean {
    return this.#state === 'closed' || nowMs >= this.#nextProbeAtMs
  }

  /** A lease was granted: under an open breaker it is the one probe of its time. */
  granted(nowMs: number): void {
    if (this.#state === 'closed') return
    this.#state = 'probing'
    this.#nextProbeAtMs = nowMs + BREAKER_PROBE_MS
  }

  ended(how: AttemptEnd, nowMs: number): void {
    if (how === 'success') this.#succeeded()
    else if (this.#state === 'probing') this.#open(nowMs)
    this.#count(how, nowMs)
    const mayTrip = this.#state === 'closed' && how !== 'success'
    if (mayTrip && this.#isTooMuch(nowMs)) this.#open(nowMs)
  }

  #succeeded(): void {
    this.#successes += 1
    if (this.#state !== 'probing' || this.#successes < BREAKER_SUCCESSES) return
    this.#state = 'closed'
    this.#seconds = []
  }

  #open(nowMs: number): void {
    this.#state = 'open'
    this.#successes = 0
    this.#nextProbeAtMs = nowMs + BREAKER_OPEN_MS
  }

  #count(how: AttemptEnd, nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (how !== 'success') this.#successes = 0
    let last = this.#seconds.at(-1)
    if (last === undefined || last.second !== second) {
      last = { second, attempts: 0, failures: 0, timeouts: 0 }
      this.#seconds.push(last)
      const oldest = second - BREAKER_WINDOW_S
      while ((this.#seconds[0]?.second ?? second) <= oldest) this.#seconds.shift()
    }
    last.attempts += 1
    if (how !== 'success') last.failures += 1
    if (how === 'timeout') last.timeouts += 1
  }

  #isTooMuch(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000)
    let attempts = 0
    let failures = 0
    let timeouts = 0
    for (const one of this.#seconds) {
      if (one.second <= second - BREAKER_WINDOW_S) continue
      attempts += one.attempts
      failures += one.failures
      if (one.second > second - BREAKER_TIMEOUTS_WINDOW_S) timeouts += one.timeouts
    }
    if (timeouts >= BREAKER_TIMEOUTS_MAX) return true
    return attempts >= BREAKER_ATTEMPTS_MIN && failures > attempts * BREAKER_FAILURE_SHARE
  }
}
