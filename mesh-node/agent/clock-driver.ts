/**
 * The clock of this machine, as the agent takes it, in Node and in a page: one that never goes back.
 * A machine whose clock is set right by a day in the midst of its work would else wait that day for
 * its next heartbeat. Timers do not keep a process alive.
 */
import { steadyTime } from '../core/steady-time.ts'
import { letGo, type Timer } from '../net/let-go.ts'
import type { AgentClock } from './ports.ts'

/** `setTimeout` counts in 31 bits; a later time is waited for in parts. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** From what `read` says of the time since 1970, which may be set back at any moment. */
export function steadyClock(read: () => number): AgentClock {
  const nowMs = steadyTime(read)
  return {
    nowMs,
    setTimer(atMs, fire) {
      let timer: Timer
      const wait = (): void => {
        const leftMs = Math.max(0, atMs - nowMs())
        timer = setTimeout(leftMs > TIMEOUT_MS_MAX ? wait : fire, Math.min(leftMs, TIMEOUT_MS_MAX))
        letGo(timer)
      }
      wait()
      return () => clearTimeout(timer)
    }
  }
}

export const systemClock: AgentClock = steadyClock(() => Date.now())
