/**
 * Invariant 1: telemetry is complete. Every unit that was queued ends in exactly one terminal event,
 * every invocation that began ends once, and every event has the fields that consumers rely on.
 */
import {
  EVENT_TYPES,
  type EventDraft,
  type EventType,
  FAILURE_CLASSES,
  REQUIRED_EVENT_DATA,
  STOP_REASONS,
  TERMINAL_UNIT_EVENTS
} from '#contracts'
import type { Fault } from './run-record.ts'

interface Told {
  queued: number
  readonly ends: EventDraft[]
}

interface Circumstances {
  /** How often the control node began anew and told what it knew again. */
  readonly restarts?: number
  /** The mesh has units of the past done once more, to check their nodes or because one was convicted. */
  readonly checksNodes?: boolean
}

export function terminalEventFaults(
  events: readonly EventDraft[],
  { restarts = 0, checksNodes = false }: Circumstances = {}
): Fault[] {
  const units = new Map<string, Told>()
  const faults: Fault[] = []
  for (const event of events) {
    const { type, work_unit_id: unit } = event
    if (unit === null) continue
    const told = units.get(unit) ?? { queued: 0, ends: [] }
    units.set(unit, told)
    if (type === 'workunit.queued') told.queued += 1
    else if (told.queued === 0) faults.push(`unit ${unit}: ${type} before it was queued`)
    if (TERMINAL_UNIT_EVENTS.includes(type)) told.ends.push(event)
    else if (!checksNodes && type === 'workunit.dispatched' && told.ends.length >= told.queued)
      faults.push(`unit ${unit}: dispatched after its end`)
  }
  for (const [unit, { queued, ends }] of units) {
    if (queued > 1 + restarts) faults.push(`unit ${unit}: queued ${queued} times`)
    if (ends.length === 0) faults.push(`unit ${unit}: queued and without an end`)
    if (ends.length > Math.max(1, queued)) faults.push(`unit ${unit}: ${ends.length} ends`)
    if (new Set(ends.map(({ type }) => type)).size > 1)
      faults.push(`unit ${unit}: ends that differ`)
  }
  return faults
}

/** Every invocation that was begun was completed or failed, once. */
export function invocationFaults(events: readonly EventDraft[]): Fault[] {
  const open = new Map<string, number>()
  const faults: Fault[] = []
  for (const { type, work_unit_id, attempt } of events) {
    if (!type.startsWith('llm.invocation.')) continue
    const key = `${work_unit_id} attempt ${attempt}`
    const step = type === 'llm.invocation.started' ? 1 : -1
    open.set(key, (open.get(key) ?? 0) + step)
  }
  for (const [key, count] of open)
    if (count !== 0)
      faults.push(`invocation of ${key}: ${count > 0 ? 'never ended' : 'ended twice'}`)
  return faults
}

const ENVELOPE = [
  'type',
  'time_ms',
  'tenant_id',
  'graph_id',
  'execution_session_id',
  'work_unit_id',
  'attempt',
  'data'
] as const
/** Events of one attempt: its number is in the envelope. */
const OF_ATTEMPT: readonly EventType[] = [
  'workunit.dispatched',
  'workunit.completed',
  'llm.invocation.started',
  'llm.invocation.completed',
  'llm.invocation.failed',
  'usage.recorded',
  'credits.reserved',
  'credits.posted',
  'credits.voided'
]
const OF_UNIT: readonly EventType[] = [
  ...OF_ATTEMPT,
  'workunit.queued',
  'workunit.retried',
  'workunit.deferred',
  'workunit.failed',
  'workunit.rejected'
]

export function requiredFieldFaults(events: readonly EventDraft[]): Fault[] {
  return events.flatMap((event, place) =>
    faultsOfEvent(event).map((fault) => `event ${place} (${event.type}): ${fault}`)
  )
}

function faultsOfEvent(event: EventDraft): Fault[] {
  const faults: Fault[] = []
  const has = (key: string): boolean =>
    Object.hasOwn(event, key) && Reflect.get(event, key) !== undefined
  for (const key of ENVELOPE) if (!has(key)) faults.push(`${key} is missing`)
  if (faults.length > 0) return faults
  const { type, data } = event
  if (!EVENT_TYPES.includes(type)) faults.push('unknown type')
  for (const key of REQUIRED_EVENT_DATA[type] ?? [])
    if (data[key] === undefined) faults.push(`data.${key} is missing`)
  if (OF_UNIT.includes(type)) {
    for (const key of ['tenant_id', 'graph_id', 'execution_session_id', 'work_unit_id'] as const)
      if (event[key] === null) faults.push(`${key} is null`)
  }
  if (OF_ATTEMPT.includes(type) && event.attempt === null) faults.push('attempt is null')
  return [...faults, ...wordFaults(data)]
}

/** Reasons are words of the contract, never free text. */
function wordFaults({ stop_reason, failure_class }: EventDraft['data']): Fault[] {
  const faults: Fault[] = []
  if (stop_reason !== undefined && !isOneOf(STOP_REASONS, stop_reason))
    faults.push(`stop_reason ${String(stop_reason)}`)
  const isClass = failure_class === null || isOneOf(FAILURE_CLASSES, failure_class)
  if (failure_class !== undefined && !isClass) faults.push(`failure_class ${String(failure_class)}`)
  return faults
}

const isOneOf = (words: readonly string[], value: unknown): boolean =>
  typeof value === 'string' && words.includes(value)
