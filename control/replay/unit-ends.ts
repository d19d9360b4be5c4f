/**
 * How units ended, as telemetry tells it and as the ledger does: what a replay must tell again
 * (invariants 1 and 5). Compares the two and names the first difference; reads no file.
 */
import {
  type EventDraft,
  type EventType,
  type SessionHistory,
  TERMINAL_UNIT_EVENTS
} from '#contracts'
import { KORA_NODE } from '../conductor/telemetry.ts'

/** Terminal event by unit id. */
export type UnitEnds = ReadonlyMap<string, EventType>

/**
 * By the first terminal event that names the unit. A session that was cut off and went on may tell an
 * end twice; consumers take the first.
 */
export function unitEnds(events: readonly EventDraft[]): UnitEnds {
  const ends = new Map<string, EventType>()
  for (const { type, work_unit_id } of events) {
    if (work_unit_id !== null && TERMINAL_UNIT_EVENTS.includes(type) && !ends.has(work_unit_id)) {
      ends.set(work_unit_id, type)
    }
  }
  return ends
}

/** Without those of units that KORA did itself. */
export function eventsOfFabric<Event extends EventDraft>(events: readonly Event[]): Event[] {
  const own = new Set<string | null>()
  for (const { work_unit_id, data } of events) {
    if (data['node'] === KORA_NODE) own.add(work_unit_id)
  }
  return events.filter(({ work_unit_id }) => !own.has(work_unit_id))
}

/** What the ledger implies for the units that a fabric ran. */
export function endsOfHistory({ units }: SessionHistory): UnitEnds {
  const ends = new Map<string, EventType>()
  for (const [unit, { accepted, ended, escalatedTo }] of units) {
    const gaveWay = escalatedTo.length === 0 ? [] : [unit, ...escalatedTo.map(({ to }) => to)]
    for (const one of gaveWay.slice(0, -1)) ends.set(one, 'workunit.failed')
    if (accepted.some(({ canonical }) => canonical)) ends.set(unit, 'workunit.completed')
    else if (ended !== null) {
      const isRejected = ended.stopReason === 'admission_rejected'
      ends.set(unit, isRejected ? 'workunit.rejected' : 'workunit.failed')
    }
  }
  return ends
}

/** The first unit that ended otherwise, in words; null where both tell the same. */
export function endsDifference(recorded: UnitEnds, replayed: UnitEnds): string | null {
  for (const unit of new Set([...recorded.keys(), ...replayed.keys()])) {
    const [told, again] = [recorded.get(unit), replayed.get(unit)]
    if (told !== again)
      return `unit ${unit}: ${told ?? 'no end'} recorded, ${again ?? 'no end'} replayed`
  }
  return null
}
