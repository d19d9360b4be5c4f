/**
 * Every event of the system, its data, and the envelope they travel in (CloudEvents 1.0 field names).
 * Delivery is at least once; `source` and `id` make consumers idempotent. Spans and metrics are
 * projections of events and are never fed back.
 */
import type { UnitId } from './ids.ts'

export const EVENT_TYPES = [
  'execution.session.started',
  'execution.session.completed',
  'execution.session.failed',
  'workunit.queued',
  'workunit.scheduled',
  'workunit.claimed',
  'workunit.dispatched',
  'workunit.started',
  'workunit.retried',
  'workunit.deferred',
  'workunit.rejected',
  'workunit.completed',
  'workunit.failed',
  'workunit.reopened',
  'workunit.corrected',
  'workunit.doubted',
  'llm.invocation.started',
  'llm.invocation.completed',
  'llm.invocation.failed',
  'node.registered',
  'node.health.updated',
  'node.unavailable',
  'node.quarantined',
  'node.restored',
  'capacity.scale.requested',
  'capacity.admission.mode.changed',
  'trust.updated',
  'usage.recorded',
  'credits.reserved',
  'credits.posted',
  'credits.voided'
] as const
export type EventType = (typeof EVENT_TYPES)[number]

/** Exactly one of these ends every unit that was queued (invariant 1). */
export const TERMINAL_UNIT_EVENTS: readonly EventType[] = [
  'workunit.completed',
  'workunit.failed',
  'workunit.rejected'
]

/** Data of an event: flat facts, which only grow. */
export type EventData = Readonly<
  Record<string, string | number | boolean | null | readonly string[]>
>

export interface MeshEvent {
  readonly specversion: '1.0'
  /** The log that carries it. */
  readonly source: string
  /** Its sequence in that log, as text. */
  readonly id: string
  readonly type: EventType
  /** Milliseconds since 1970 on the emitter's clock. */
  readonly time_ms: number
  readonly tenant_id: string | null
  readonly graph_id: string | null
  readonly execution_session_id: string | null
  readonly work_unit_id: UnitId | null
  readonly attempt: number | null
  readonly data: EventData
}

/** An event before its log gives it source and id. */
export type EventDraft = Omit<MeshEvent, 'specversion' | 'source' | 'id'>

/** Fields that `data` must have, by type; consumers may rely on them, and a test reads them from the spec. */
export const REQUIRED_EVENT_DATA: Partial<Record<EventType, readonly string[]>> = {
  'execution.session.started': ['units'],
  'execution.session.completed': ['stop_reason'],
  'execution.session.failed': ['stop_reason'],
  'workunit.queued': ['task_id', 'kind', 'escalated_from'],
  'workunit.dispatched': ['node', 'lease_id'],
  'workunit.claimed': ['node', 'slots'],
  'workunit.retried': ['reason', 'delay_ms'],
  'workunit.completed': ['node', 'validation_status', 'output_cid'],
  'workunit.failed': ['reason', 'stop_reason', 'failure_class'],
  'workunit.rejected': ['reason', 'stop_reason'],
  'workunit.reopened': ['node', 'reason'],
  'workunit.corrected': ['node', 'output_cid', 'was'],
  'workunit.doubted': ['node', 'output_cid', 'reason'],
  'llm.invocation.started': ['node', 'model'],
  'llm.invocation.completed': ['node', 'model', 'tokens_out'],
  'llm.invocation.failed': ['node', 'model', 'reason'],
  'node.registered': ['node', 'owner'],
  'node.health.updated': ['node', 'health_milli'],
  'node.unavailable': ['node', 'reason'],
  'node.quarantined': ['node', 'reason'],
  'node.restored': ['node'],
  'credits.reserved': ['micro', 'lease_id'],
  'credits.posted': ['micro', 'lease_id'],
  'credits.voided': ['lease_id', 'reason'],
  'trust.updated': ['node', 'reason']
}
