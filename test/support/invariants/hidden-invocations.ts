/**
 * Invariant 4: no model is invoked without an event and a budget. Executions are watched where they
 * happen; each must be of a lease that telemetry and ledger told before.
 */
import { allowedUnits, attestedIn, type Fault, logLines, type RunRecord } from './run-record.ts'

export function hiddenInvocationFaults(record: RunRecord): Fault[] {
  const faults: Fault[] = []
  const units = allowedUnits(record)
  const told = toldStarts(record)
  const reserved = new Map<string, number>()
  for (const { kind, item } of logLines(record.entries))
    if (kind === 'reserved') reserved.set(item.lease, item.max_micro)
  for (const { node, unit, attempt, lease } of record.executions) {
    const what = `${unit ?? 'something'} on ${node}`
    if (unit === null || lease === null) {
      faults.push(`${what} ran without a lease`)
      continue
    }
    const packed = units.get(unit)
    if (packed === undefined) faults.push(`${what} ran and was never submitted`)
    const key = `${unit} ${attempt} ${node}`
    if (!told.dispatched.has(key)) faults.push(`${what} ran without workunit.dispatched`)
    if (packed?.unit.model.cid != null && !told.invoked.has(key))
      faults.push(`${what} ran without llm.invocation.started`)
    if (reserved.get(lease) !== packed?.unit.budget.max_cost_micro)
      faults.push(`${what} ran without its budget reserved`)
  }
  return [...faults, ...unwatchedFaults(record)]
}

function toldStarts({ events }: RunRecord) {
  const dispatched = new Set<string>()
  const invoked = new Set<string>()
  for (const { type, work_unit_id, attempt, data } of events) {
    const key = `${work_unit_id} ${attempt} ${String(data['node'])}`
    if (type === 'workunit.dispatched') dispatched.add(key)
    if (type === 'llm.invocation.started') invoked.add(key)
  }
  return { dispatched, invoked }
}

/** A result that no executor was seen to make came from somewhere else. */
function unwatchedFaults({ entries, executions }: RunRecord): Fault[] {
  const watched = new Set(executions.map(({ lease }) => lease))
  return logLines(entries).flatMap(({ kind, item }) => {
    const receipt = kind === 'reserved' ? null : item.receipt
    if (receipt === null || watched.has(item.lease)) return []
    const { node } = attestedIn(receipt)
    return [`${item.unit} on ${node}: a result without an execution`]
  })
}
