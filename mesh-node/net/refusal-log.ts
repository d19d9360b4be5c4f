/**
 * What peers were refused, for an operator's log: a stranger decides how often, so only so many are
 * written in a minute, and the rest are counted. The count is said with the next refusal, or at the end.
 */
import type { ErrorFacts } from '#contracts'

/** Enough to see who and why; more of a minute is more of the same. */
const SAID_MAX = 10
const WINDOW_MS = 60_000

export interface Refused {
  readonly code: string
  readonly facts: ErrorFacts
}

export interface RefusalLogPorts {
  readonly nowMs: () => number
  readonly say: (peer: string, refused: Refused) => void
  readonly sayMore: (count: number) => void
}

export class RefusalLog {
  readonly #ports: RefusalLogPorts
  #windowEndsMs = 0
  #said = 0
  #unsaid = 0

  constructor(ports: RefusalLogPorts) {
    this.#ports = ports
  }

  add(peer: string, { code, facts }: Refused): void {
    const nowMs = this.#ports.nowMs()
    if (nowMs >= this.#windowEndsMs) {
      this.close()
      this.#windowEndsMs = nowMs + WINDOW_MS
      this.#said = 0
    }
    if (this.#said >= SAID_MAX) {
      this.#unsaid++
      return
    }
    this.#said++
    this.#ports.say(peer, { code, facts })
  }

  /** Says how many were held back. */
  close(): void {
    if (this.#unsaid > 0) this.#ports.sayMore(this.#unsaid)
    this.#unsaid = 0
  }
}
