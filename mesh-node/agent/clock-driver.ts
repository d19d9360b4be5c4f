/**
 * The clock of this machine, as the agent takes it, in Node and in a page. Timers do not keep a
 * process alive.
 */
import { letGo, type Timer } from '../net/let-go.ts'
import type { AgentClock } from './ports.ts'

/** `setTimeout` counts in 31 bits; a later time is waited for in parts. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

export const systemClock: AgentClock = {
  nowMs: () => Date.now(),
  setTimer(atMs, fire) {
    let timer: Timer
    const wait = (): void => {
      const leftMs = Math.max(0, atMs - Date.now())
      timer = setTimeout(leftMs > TIMEOUT_MS_MAX ? wait : fire, Math.min(leftMs, TIMEOUT_MS_MAX))
      letGo(timer)
    }
    wait()
    return () => clearTimeout(timer)
  }
}
