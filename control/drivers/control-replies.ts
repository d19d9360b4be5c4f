/**
 * Progress and refusals as control messages, there and back. A failure keeps its code, facts and faults
 * on the way; what is too long for a message is cut.
 */
import {
  type ControlProgress,
  type ControlRefusal,
  ERROR_CODES,
  type ErrorCode,
  ISSUES_MAX,
  MeshError,
  NAME_CHARS_MAX,
  PROSE_CHARS_MAX
} from '#contracts'
import type { SessionProgress } from '../session/progress.ts'

export const progressMessage = (id: number, progress: SessionProgress): ControlProgress => ({
  v: 1,
  id,
  units_done: progress.unitsDone,
  units_failed: progress.unitsFailed,
  units_running: progress.unitsRunning,
  units_waiting: progress.unitsWaiting,
  nodes: progress.nodes,
  spent_micro: progress.spentMicro,
  budget_micro: progress.budgetMicro,
  task: progress.task
})

export const progressOf = (message: ControlProgress): SessionProgress => ({
  unitsDone: message.units_done,
  unitsFailed: message.units_failed,
  unitsRunning: message.units_running,
  unitsWaiting: message.units_waiting,
  nodes: message.nodes,
  spentMicro: message.spent_micro,
  budgetMicro: message.budget_micro,
  task: message.task
})

const prose = (text: string): string => text.slice(0, PROSE_CHARS_MAX)
const name = (text: string): string => text.slice(0, NAME_CHARS_MAX) || '?'

/** What ended a question without an answer. A defect is named, its stack stays here. */
export function refusalOf(error: unknown): ControlRefusal {
  if (!(error instanceof MeshError)) {
    const reason = error instanceof Error ? error.message : String(error)
    return { t: 'refused', code: 'session.failed', facts: { reason: prose(reason) }, issues: [] }
  }
  const facts = Object.entries(error.facts).map(([key, value]) => [
    name(key),
    typeof value === 'string' ? prose(value) : value
  ])
  const issues = (error.issues ?? []).slice(0, ISSUES_MAX).map(({ path, rule, message }) => ({
    path: prose(path),
    rule: name(rule),
    message: prose(message)
  }))
  return { t: 'refused', code: error.code, facts: Object.fromEntries(facts), issues }
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code)

export function errorOf({ code, facts, issues }: ControlRefusal): MeshError {
  return isErrorCode(code)
    ? new MeshError(code, facts, { issues })
    : new MeshError('control.answer_malformed', { code })
}
