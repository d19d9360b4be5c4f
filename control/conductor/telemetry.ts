/**
 * Events of what KORA does itself: handler runs and results taken from the cache. Each that is queued
 * ends in exactly one terminal event (invariant 1); units that the fabric runs are the fabric's to
 * report.
 */
import type {
  EventData,
  EventDraft,
  EventType,
  SessionId,
  Task,
  TaskGraph,
  UnitId
} from '#contracts'
import { kindOf } from '#contracts'
import type { Failure } from './messages.ts'

/** The node that KORA's own work names: no mesh node has such an id. */
export const KORA_NODE = 'kora'

export class Telemetry {
  readonly #graph: TaskGraph
  readonly #session: SessionId

  constructor(graph: TaskGraph, session: SessionId) {
    this.#graph = graph
    this.#session = session
  }

  queued(unit: UnitId, task: Task, nowMs: number): EventDraft {
    const kind = kindOf(task.type, task.tier)
    return this.#draft('workunit.queued', unit, nowMs, {
      task_id: task.id,
      kind,
      escalated_from: null
    })
  }

  dispatched(unit: UnitId, nowMs: number): EventDraft {
    return this.#draft('workunit.dispatched', unit, nowMs, { node: KORA_NODE, lease_id: null })
  }

  completed(unit: UnitId, nowMs: number, outputCid: string | null): EventDraft {
    return this.#draft('workunit.completed', unit, nowMs, {
      node: KORA_NODE,
      validation_status: outputCid === null ? 'valid' : 'cached',
      output_cid: outputCid
    })
  }

  failed(unit: UnitId, nowMs: number, failure: Failure): EventDraft {
    return this.#draft('workunit.failed', unit, nowMs, {
      reason: failure.code,
      stop_reason: failure.stopReason,
      failure_class: failure.failureClass
    })
  }

  /** A unit that the session's budget has no room for: it goes to no fabric. */
  breached(unit: UnitId, nowMs: number, failure: Failure): EventDraft {
    return this.#draft('workunit.failed', unit, nowMs, {
      node: KORA_NODE,
      reason: 'BUDGET_BREACH',
      stop_reason: failure.stopReason,
      failure_class: failure.failureClass
    })
  }

  #draft(type: EventType, unit: UnitId, nowMs: number, data: EventData): EventDraft {
    return {
      type,
      time_ms: nowMs,
      tenant_id: this.#graph.tenant_id,
      graph_id: this.#graph.graph_id,
      execution_session_id: this.#session,
      work_unit_id: unit,
      attempt: 1,
      data
    }
  }
}
