/**
 * Where two runs part: their traces are marked every so many events, so that the first mark that
 * differs names the stretch in which the first difference lies. Compares hashes, and judges no run.
 */
import { MARK_EVERY } from '../kernel/rolling-trace.ts'
import type { RunReport } from '../world/report.ts'

type Traced = Pick<RunReport, 'trace_hash' | 'trace_marks' | 'events'>

export interface Parting {
  /** Events up to and with this one are the same in both. */
  readonly same_until_event: number
  /** The first difference is at this event or before it. */
  readonly differs_by_event: number
}

/** Null: both left the same trace. */
export function partingOf(one: Traced, other: Traced): Parting | null {
  if (one.trace_hash === other.trace_hash && one.events === other.events) return null
  const marks = Math.min(one.trace_marks.length, other.trace_marks.length)
  const at = firstDifferent(one.trace_marks, other.trace_marks, marks)
  const same_until_event = at * MARK_EVERY
  const end = Math.max(one.events, other.events)
  const differs_by_event = at < marks ? same_until_event + MARK_EVERY : end
  return { same_until_event, differs_by_event }
}

/** Marks are of all that came before, so that from the first that differs on all do. */
function firstDifferent(one: readonly string[], other: readonly string[], marks: number): number {
  let [low, high] = [0, marks]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (one[middle] === other[middle]) low = middle + 1
    else high = middle
  }
  return low
}
