/**
 * Admission modes: OPEN, THROTTLED (all but p0 and p1 wait), CRITICAL (all but p0 and p1
 * are rejected). A graph is admitted once, in the mode of that moment: its later units keep what it
 * was promised, so a large graph is never cut off half way by its own length.
 */
import type { Priority } from '#contracts'
import {
  ADMISSION_CRITICAL_EVALUATIONS,
  ADMISSION_CRITICAL_QUEUE,
  ADMISSION_EVALUATION_MS,
  ADMISSION_OPEN_EVALUATIONS,
  ADMISSION_OPEN_QUEUE,
  ADMISSION_THROTTLED_QUEUE
} from './gateway-policy.ts'

export const ADMISSION_MODES = ['OPEN', 'THROTTLED', 'CRITICAL'] as const
export type AdmissionMode = (typeof ADMISSION_MODES)[number]

/** Priorities that are served whatever the mode. */
export const isUrgent = (priority: Priority): boolean => priority === 'p0' || priority === 'p1'

export class Admission {
  #mode: AdmissionMode = 'OPEN'
  #critical = 0
  #calm = 0
  #nextAtMs = 0

  get mode(): AdmissionMode {
    return this.#mode
  }

  /** Looks at the queue if it is time to; true when the mode has changed. */
  evaluate(queued: number, nowMs: number): boolean {
    if (nowMs < this.#nextAtMs) return false
    this.#nextAtMs = nowMs + ADMISSION_EVALUATION_MS
    this.#critical = queued >= ADMISSION_CRITICAL_QUEUE ? this.#critical + 1 : 0
    this.#calm = queued < ADMISSION_OPEN_QUEUE ? this.#calm + 1 : 0
    const before = this.#mode
    this.#mode = this.#next(queued)
    return this.#mode !== before
  }

  #next(queued: number): AdmissionMode {
    if (this.#critical >= ADMISSION_CRITICAL_EVALUATIONS) return 'CRITICAL'
    if (this.#mode !== 'OPEN' && this.#calm >= ADMISSION_OPEN_EVALUATIONS) return 'OPEN'
    if (this.#mode === 'OPEN' && queued >= ADMISSION_THROTTLED_QUEUE) return 'THROTTLED'
    return this.#mode
  }
}
