/**
 * A machine's clock: off by some time, too fast or too slow, and set by its owner now and then. What
 * its process is given of it never goes back, as in the product; timers run at the clock's own pace.
 */
import { steadyTime } from '#mesh-node/core'

const MILLION = 1_000_000

/** The time that no clock is off from. */
export interface RightTime {
  /** Of the run. */
  readonly nowMs: number
  /** Since 1970. */
  readonly wallMs: number
}

export interface ClockTraits {
  readonly offMs: number
  /** Millionths that it is too fast by; too slow where negative. */
  readonly driftPpm: number
}

export class SimulatedClock {
  readonly #time: RightTime
  readonly #traits: ClockTraits
  #jumpedMs = 0
  #steadyMs: () => number

  constructor(traits: ClockTraits, time: RightTime) {
    this.#time = time
    this.#traits = traits
    this.#steadyMs = steadyTime(() => this.#shownMs())
  }

  /** What the process that runs now takes the time to be. */
  get nowMs(): number {
    return this.#steadyMs()
  }

  /** Another process: it knows nothing of what the one before had seen. */
  begin(): void {
    this.#steadyMs = steadyTime(() => this.#shownMs())
  }

  /** Its owner, or a time server, sets it. */
  jump(byMs: number): void {
    this.#jumpedMs += byMs
  }

  /** Microseconds that a timer takes which is set for this moment now. */
  untilUs(atMs: number): number {
    const us = (atMs - this.nowMs) * 1_000
    const { driftPpm } = this.#traits
    return driftPpm === 0 ? us : Math.ceil((us * MILLION) / (MILLION + driftPpm))
  }

  #shownMs(): number {
    const { offMs, driftPpm } = this.#traits
    const driftMs = Math.floor((this.#time.nowMs * driftPpm) / MILLION)
    return this.#time.wallMs + offMs + this.#jumpedMs + driftMs
  }
}
