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

export const freshRequestId = (): string => randomUUID()
