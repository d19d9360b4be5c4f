/** Invariant 6: `llm` units never run off a pod; `local_only` never leaves trusted nodes. */
import { allowedUnits, type Fault, logLines, type RunRecord } from './run-record.ts'

export function placementFaults(record: RunRecord): Fault[] {
  const faults = new Set<Fault>()
  const units = allowedUnits(record)
  const see = (id: string | null, node: string, how: string): void => {
    const unit = [...units.values()].find((one) => one.id === id)?.unit
    if (unit === undefined) return
    const isPod = (record.nodes.get(node)?.podTiers.length ?? 0) > 0
    const { privacy, trusted_node_required } = unit.constraints
    const isPrivate = privacy === 'local_only' || trusted_node_required
    if (unit.kind === 'llm' && !isPod) faults.add(`llm unit ${id} ${how} ${node}, which is no pod`)
    if (isPrivate && !record.trusted.has(node))
      faults.add(`private unit ${id} ${how} ${node}, which is not trusted`)
  }
  for (const { kind, item } of logLines(record.entries))
    if (kind === 'reserved') see(item.unit, item.node, 'is leased to')
  for (const { type, work_unit_id, data } of record.events) {
    if (type === 'workunit.dispatched' && !record.own.has(work_unit_id ?? ''))
      see(work_unit_id, String(data['node']), 'is dispatched to')
  }
  for (const { unit, node } of record.executions) see(unit, node, 'runs on')
  return [...faults]
}
