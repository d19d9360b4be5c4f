/**
 * What a run leaves behind, in one shape for real meshes and for machines in memory, and small lists
 * made from it. The checkers beside this file read it and nothing else; they name faults and throw
 * nothing.
 */
import {
  type Attestation,
  type Cid,
  decodeAttestation,
  type EntryBody,
  type EntryContent,
  type EventDraft,
  type GraphBudgets,
  type LeaseId,
  type PackedUnit,
  type Receipt,
  type SessionId,
  type UnitId,
  type UnitOutcome,
  type UnitSubmission
} from '#contracts'

/** A run in an executor, as it was watched there. `lease` null: nobody had asked for it. */
export interface Execution {
  readonly node: string
  readonly unit: UnitId | null
  readonly attempt: number | null
  readonly lease: LeaseId | null
}

export interface RunRecord {
  /** As KORA opened each session. */
  readonly budgets: ReadonlyMap<SessionId, GraphBudgets>
  /** As KORA handed them over, declared edges included. */
  readonly submissions: readonly UnitSubmission[]
  /** Units that KORA reports for itself: handler runs and results from its cache. */
  readonly own: ReadonlySet<string>
  readonly events: readonly EventDraft[]
  /** Of the sequencer's log, in order. */
  readonly entries: readonly EntryContent[]
  readonly outcomes: readonly UnitOutcome[]
  readonly nodes: ReadonlyMap<string, { readonly podTiers: readonly string[] }>
  readonly trusted: ReadonlySet<string>
  readonly executions: readonly Execution[]
  /** The mesh has a unit done by two where its node has yet to prove itself. */
  readonly checksNodes: boolean
  /** The truth about an output, whatever a judge said. */
  readonly fits: (unit: PackedUnit, output: Cid) => boolean
}

export type Fault = string

/** Everything that KORA allowed to be run, by id. */
export function allowedUnits({
  submissions
}: Pick<RunRecord, 'submissions'>): ReadonlyMap<UnitId, PackedUnit> {
  const units = new Map<UnitId, PackedUnit>()
  for (const { unit, edges } of submissions) {
    units.set(unit.id, unit)
    for (const edge of edges) units.set(edge.unit.id, edge.unit)
  }
  return units
}

type UnitEntryKind = 'units.reserved' | 'units.accepted' | 'units.voided' | 'units.escalated'
type Item<K extends UnitEntryKind> = EntryBody<K>['items'][number]

/** One line of the log that speaks of one lease or one escalation. */
export type LogLine =
  | {
      readonly kind: 'reserved'
      readonly session: SessionId
      readonly item: Item<'units.reserved'>
    }
  | {
      readonly kind: 'accepted'
      readonly session: SessionId
      readonly item: Item<'units.accepted'>
    }
  | { readonly kind: 'voided'; readonly session: SessionId; readonly item: Item<'units.voided'> }

/** Items of leases in the order of the log. */
export function logLines(entries: readonly EntryContent[]): LogLine[] {
  const lines: LogLine[] = []
  for (const { kind, body } of entries) {
    if (kind === 'units.reserved') {
      for (const item of body.items) lines.push({ kind: 'reserved', session: body.session, item })
    } else if (kind === 'units.accepted') {
      for (const item of body.items) lines.push({ kind: 'accepted', session: body.session, item })
    } else if (kind === 'units.voided') {
      for (const item of body.items) lines.push({ kind: 'voided', session: body.session, item })
    }
  }
  return lines
}

export const attestedIn = (receipt: Receipt): Attestation => decodeAttestation(receipt.item)

/** What was posted for a lease, as telemetry says it. */
export function postedMicro(events: readonly EventDraft[]): ReadonlyMap<string, number> {
  const posted = new Map<string, number>()
  for (const { type, data } of events) {
    const { lease_id, micro } = data
    if (type === 'credits.posted' && typeof lease_id === 'string' && typeof micro === 'number')
      posted.set(lease_id, micro)
  }
  return posted
}
