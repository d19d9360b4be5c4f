/**
 * What the ledger knows of a session's units, built from the session's own entries and from what the
 * fold decided about them. A gateway continues from it after a crash and replay checks against it;
 * an acceptance that the fold refused is not in it.
 */
import type {
  AcceptedAttempt,
  OutstandingLease,
  SessionHistory,
  SessionId,
  TakenEdge,
  UnitEnd,
  UnitHistory,
  UnitId,
  VoidedAttempt
} from '#contracts'
import type { AttemptFacts } from './bill.ts'
import type { EntryOf, PreparedEntry } from './prepared.ts'

export interface HistoryOptions {
  readonly session: SessionId
  /** The session's entries with what their receipts say, in the order of the log. */
  readonly entries: readonly PreparedEntry[]
  /** What the fold knows of an attempt. */
  readonly attempt: (unit: UnitId, attempt: number) => AttemptFacts | null
}

interface Unit extends UnitHistory {
  attempts: number
  readonly accepted: AcceptedAttempt[]
  readonly voided: VoidedAttempt[]
  readonly outstanding: OutstandingLease[]
  ended: UnitEnd | null
  readonly escalatedTo: TakenEdge[]
}

export function historyOf({ session, entries, attempt }: HistoryOptions): SessionHistory {
  const units = new Map<UnitId, Unit>()
  let closed: SessionHistory['closed'] = null
  const unitOf = (unit: UnitId): Unit => {
    const known = units.get(unit)
    if (known !== undefined) return known
    const made: Unit = {
      attempts: 0,
      accepted: [],
      voided: [],
      outstanding: [],
      ended: null,
      escalatedTo: []
    }
    units.set(unit, made)
    return made
  }
  for (const prepared of entries) {
    const { entry } = prepared
    if (entry.kind === 'units.reserved') addReserved(entry, unitOf, attempt)
    else if (entry.kind === 'units.accepted') addAccepted(entry, prepared, unitOf, attempt)
    else if (entry.kind === 'units.voided') addVoided(entry, unitOf, attempt)
    else if (entry.kind === 'units.escalated') {
      for (const { from, to, trigger } of entry.body.items) {
        unitOf(from).escalatedTo.push({ to, trigger })
      }
    } else if (entry.kind === 'units.ended') addEnded(entry, unitOf)
    else if (entry.kind === 'session.closed') {
      closed ??= { stopReason: entry.body.stop_reason, stateHash: entry.body.state_hash }
    }
  }
  return { session, units, closed }
}

type UnitOf = (unit: UnitId) => Unit
type AttemptOf = HistoryOptions['attempt']

function addReserved(entry: EntryOf<'units.reserved'>, unitOf: UnitOf, attemptOf: AttemptOf): void {
  for (const { unit, attempt, lease, node } of entry.body.items) {
    const facts = attemptOf(unit, attempt)
    if (facts === null || facts.lease !== lease) continue
    const history = unitOf(unit)
    history.attempts = Math.max(history.attempts, attempt)
    if (facts.state !== 'reserved') continue
    const { maxMicro, expiresAtMs } = facts
    history.outstanding.push({ attempt, lease, node, maxMicro, expiresAtMs })
  }
}

/** A result that was withdrawn stands for nothing. */
const STANDS: ReadonlySet<AttemptFacts['state']> = new Set(['posted', 'held', 'returned'])

function addAccepted(
  entry: EntryOf<'units.accepted'>,
  { receipts }: PreparedEntry,
  unitOf: UnitOf,
  attemptOf: AttemptOf
): void {
  for (const [index, item] of entry.body.items.entries()) {
    const { unit, attempt, lease, receipt } = item
    const facts = attemptOf(unit, attempt)
    const proof = receipts[index]
    if (facts === null || !STANDS.has(facts.state) || facts.lease !== lease) continue
    if (typeof proof === 'string' || proof?.lease !== lease || proof.node !== facts.node) continue
    const { accepted } = unitOf(unit)
    if (accepted.some((one) => one.attempt === attempt)) continue
    const { node, isCanonical: canonical } = facts
    const costMicro = facts.state === 'returned' ? 0 : facts.postedMicro
    accepted.push({ attempt, lease, node, canonical, receipt, costMicro })
  }
}

function addVoided(entry: EntryOf<'units.voided'>, unitOf: UnitOf, attemptOf: AttemptOf): void {
  for (const { unit, attempt, lease, reason, fault, receipt } of entry.body.items) {
    const facts = attemptOf(unit, attempt)
    if (facts !== null && (facts.state !== 'voided' || facts.lease !== lease)) continue
    const { voided } = unitOf(unit)
    if (voided.some((one) => one.attempt === attempt)) continue
    voided.push({ attempt, lease, node: facts?.node ?? null, reason, fault, receipt })
  }
}

function addEnded(entry: EntryOf<'units.ended'>, unitOf: UnitOf): void {
  for (const { unit, status, stop_reason, failure_class, code } of entry.body.items) {
    unitOf(unit).ended ??= {
      status,
      stopReason: stop_reason,
      failureClass: failure_class,
      code
    }
  }
}
