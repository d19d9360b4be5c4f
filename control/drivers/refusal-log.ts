/**
 * What peers were refused, for the operator's log: a stranger decides how often, so only so many lines
 * are written in a minute, and the rest are counted.
 */
import type { ErrorFacts } from '#contracts'

/** Enough to see who and why; more of a minute is more of the same. */
const LINES_MAX = 10
const WINDOW_MS = 60_000

export interface RefusalClock {
  nowMs(): number
  setTimer(atMs: number, fire: () => void): () => void
}

export interface Refused {
  readonly code: string
  readonly facts: ErrorFacts
}

export class RefusalLog {
  readonly #say: (line: string) => void
  readonly #clock: RefusalClock
  #said = 0
  #unsaid = 0
  #endWindow: (() => void) | null = null

  constructor(say: (line: string) => void, clock: RefusalClock) {
    this.#say = say
    this.#clock = clock
  }

  add(peer: string, { code, facts }: Refused): void {
    this.#endWindow ??= this.#clock.setTimer(this.#clock.nowMs() + WINDOW_MS, () => this.#sum())
    if (this.#said >= LINES_MAX) {
      this.#unsaid++
      return
    }
    this.#said++
    this.#say(`refused ${peer}: ${code} ${JSON.stringify(facts)}`)
  }

  close(): void {
    this.#endWindow?.()
    this.#endWindow = null
    this.#sum()
  }

  #sum(): void {
    if (this.#unsaid > 0) this.#say(`refused ${this.#unsaid} more within a minute`)
    this.#said = 0
    this.#unsaid = 0
    this.#endWindow = null
  }
}
