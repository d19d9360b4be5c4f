/** Invariant 3: no output that fails its schema is accepted, whatever judged it. */
import { allowedUnits, attestedIn, type Fault, logLines, type RunRecord } from './run-record.ts'

export function schemaFaults(record: RunRecord): Fault[] {
  const faults: Fault[] = []
  const units = allowedUnits(record)
  const canonical = new Map<string, string>()
  for (const { kind, item } of logLines(record.entries)) {
    if (kind !== 'accepted') continue
    const unit = units.get(item.unit)
    const { output_cid } = attestedIn(item.receipt)
    if (item.canonical) canonical.set(item.unit, output_cid)
    if (unit === undefined || !record.fits(unit, output_cid))
      faults.push(`unit ${item.unit}: attempt ${item.attempt} is accepted and fails its schema`)
  }
  for (const { status, unitId, finalUnitId, outputCid } of record.outcomes) {
    if (status !== 'success') continue
    if (outputCid === null || canonical.get(finalUnitId) !== outputCid)
      faults.push(`unit ${unitId}: succeeds with an output that nobody verified`)
  }
  return faults
}
