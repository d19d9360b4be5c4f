/**
 * The stages of a session in canonical order, and which stages an outcome passes through. Names no
 * node, time or attempt: the same work leaves the same trace wherever it was done.
 */
import { STAGES, type Stage, type StageRecord, type Task, type UnitOutcome } from '#contracts'

/** The session's own last step; no task can have this name. */
export const OUTPUTS_TASK = '$outputs'

const STAGE_OF_HANDLER: Record<Exclude<Task['type'], 'model'>, Stage> = {
  deterministic: 'DETERMINISTIC',
  retrieval: 'RETRIEVAL',
  aggregation: 'AGGREGATE'
}

export const stageOf = (task: Task): Stage =>
  task.type === 'model' ? 'ADAPTER' : STAGE_OF_HANDLER[task.type]

/** Stages of one model unit, from what the fabric says of it. */
export function stagesOfOutcome(
  task: string,
  index: number,
  outcome: UnitOutcome
): readonly StageRecord[] {
  const isGood = outcome.status === 'success'
  const end = isGood ? 'success' : 'failed'
  const record = (stage: Stage, result: StageRecord['outcome']): StageRecord => ({
    stage,
    task_id: task,
    index,
    outcome: result
  })
  const escalations = outcome.escalations.map(() => record('ESCALATE', end))
  if (outcome.status === 'cancelled') return [record('ADAPTER', 'skipped'), ...escalations]
  if (outcome.stopReason === 'budget_exhausted')
    return [record('ADAPTER', 'failed'), ...escalations, record('BUDGET_BREACH', 'failed')]
  if (outcome.stopReason === 'validation_failed')
    return [record('ADAPTER', 'success'), ...escalations, record('VERIFY', 'failed')]
  const verified = outcome.verification === 'none' ? 'skipped' : 'success'
  return isGood
    ? [record('ADAPTER', 'success'), record('VERIFY', verified), ...escalations]
    : [record('ADAPTER', 'failed'), ...escalations]
}

/** By task, then position in the fan-out, then stage: the order of happening does not show. */
export function sortStages(
  records: readonly StageRecord[],
  positionOf: (task: string) => number
): StageRecord[] {
  const rank = new Map<string, number>(STAGES.map((stage, place) => [stage, place]))
  return [...records].sort(
    (a, b) =>
      positionOf(a.task_id) - positionOf(b.task_id) ||
      a.index - b.index ||
      (rank.get(a.stage) ?? 0) - (rank.get(b.stage) ?? 0) ||
      (a.outcome < b.outcome ? -1 : a.outcome > b.outcome ? 1 : 0)
  )
}
