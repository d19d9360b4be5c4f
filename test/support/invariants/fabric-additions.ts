/**
 * Invariant 8: Krako adds no stage, no escalation, no unit and no type change of its own. All that its
 * log and its telemetry speak of was submitted, as it was submitted, and every escalation is an edge
 * that the graph declared.
 */
import {
  type EventDraft,
  type PackedUnit,
  STAGES,
  type StageRecord,
  type TaskGraph,
  type UnitId,
  type UnitOutcome,
  type UnitSubmission
} from '#contracts'
import { allowedUnits, type Fault, logLines, type RunRecord } from './run-record.ts'

export function fabricAdditionsFaults(record: RunRecord): Fault[] {
  const units = allowedUnits(record)
  const roots = new Map(record.submissions.map((one) => [one.unit.id, one]))
  return [
    ...record.events.flatMap((event) => eventFaults(event, record, units)),
    ...escalationFaults(record, roots),
    ...logLines(record.entries).flatMap(({ item }) =>
      units.has(item.unit) ? [] : [`unit ${item.unit} is in the log and was not submitted`]
    ),
    ...record.executions.flatMap(({ unit }) =>
      unit !== null && !units.has(unit) ? [`unit ${unit} ran and was not submitted`] : []
    ),
    ...record.outcomes.flatMap((outcome) => outcomeFaults(outcome, roots))
  ]
}

function eventFaults(
  { type, work_unit_id: unit, data }: EventDraft,
  { own }: RunRecord,
  units: ReadonlyMap<UnitId, PackedUnit>
): Fault[] {
  if (unit === null || own.has(unit)) return []
  const packed = units.get(unit)
  if (packed === undefined) return [`${type} of unit ${unit}, which was not submitted`]
  if (type !== 'workunit.queued') return []
  const { kind, task_id } = packed.unit
  const isSame = data['kind'] === kind && data['task_id'] === task_id
  return isSame ? [] : [`unit ${unit} is queued as another kind or task than it was submitted`]
}

/** In the log and in telemetry alike: from a submitted unit along its own edges, each once. */
function escalationFaults(
  { entries, events }: RunRecord,
  roots: ReadonlyMap<UnitId, UnitSubmission>
): Fault[] {
  const faults: Fault[] = []
  const taken = new Set<string>()
  for (const { kind, body } of entries) {
    if (kind !== 'units.escalated') continue
    for (const { from, to, trigger } of body.items) {
      const edge = roots.get(from)?.edges.find((one) => one.unit.id === to)
      const isMeant = edge?.trigger === trigger
      if (!isMeant) faults.push(`escalation from ${from} to ${to} on ${trigger} is not declared`)
      if (taken.has(to)) faults.push(`escalation to ${to} is taken twice`)
      taken.add(to)
    }
  }
  for (const { type, work_unit_id: unit, data } of events) {
    const from = data['escalated_from'] ?? null
    if (type === 'workunit.queued' && from !== null && !taken.has(unit ?? ''))
      faults.push(`unit ${unit} is queued as an escalation that the log does not have`)
  }
  return faults
}

function outcomeFaults(
  { unitId, finalUnitId, escalations }: UnitOutcome,
  roots: ReadonlyMap<UnitId, UnitSubmission>
): Fault[] {
  const root = roots.get(unitId)
  if (root === undefined) return [`an outcome of unit ${unitId}, which was not submitted`]
  const faults: Fault[] = []
  const edge = root.edges.find((one) => one.unit.id === finalUnitId)
  const isOwn = finalUnitId === unitId ? escalations.length === 0 : edge !== undefined
  if (!isOwn) faults.push(`unit ${unitId} ends as ${finalUnitId}, which is none of its edges`)
  const triggers = root.edges.map(({ trigger }) => trigger)
  for (const trigger of escalations)
    if (!triggers.includes(trigger)) faults.push(`unit ${unitId}: trigger ${trigger} not declared`)
  return faults
}

/** Stages are KORA's, of the graph's own tasks; `outputs` stands for the graph itself. */
export function stageFaults(graph: TaskGraph, stages: readonly StageRecord[]): Fault[] {
  const tasks = new Set(graph.tasks.map(({ id }) => id))
  return stages.flatMap(({ stage, task_id, index, outcome }) => {
    const isGraphs = stage === 'AGGREGATE' && !tasks.has(task_id)
    if (!STAGES.includes(stage)) return [`stage ${stage} is none of the taxonomy`]
    const task = graph.tasks.find(({ id }) => id === task_id)
    if (task === undefined) return isGraphs ? [] : [`stage ${stage} of unknown task ${task_id}`]
    const isUndeclared = stage === 'ESCALATE' && task.escalation.length === 0
    return isUndeclared ? [`${task_id}/${index} escalates (${outcome}), no edge declared`] : []
  })
}
