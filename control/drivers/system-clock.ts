/** The machine's own clock and chance, behind the ports that sessions know. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../session/ports.ts'

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => Date.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, ms)
    return () => clearTimeout(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve))
}

/** The same clock, whose timers end with whoever holds it: a process that stops waits for none. */
export class StoppableClock implements Clock {
  readonly #timers = new Set<() => void>()

  readonly nowMs = SYSTEM_CLOCK.nowMs
  readonly turn = SYSTEM_CLOCK.turn

  after(ms: number, fire: () => void): () => void {
    const cancel = SYSTEM_CLOCK.after(ms, () => {
      this.#timers.delete(cancel)
      fire()
    })
    this.#timers.add(cancel)
    return () => {
      this.#timers.delete(cancel)
      cancel()
    }
  }

  stop(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }
}

export const freshRequestId = (): string => randomUUID()
