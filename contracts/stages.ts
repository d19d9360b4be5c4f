/**
 * KORA's stages and the events that Krako emits for each. Krako adds none of its own.
 * `spec/stage_taxonomy.md` repeats the table for people; a test compares them.
 */
import type { EventType } from './events.ts'

export const STAGES = [
  'DECOMPOSE',
  'DETERMINISTIC',
  'RETRIEVAL',
  'ADAPTER',
  'VERIFY',
  'ESCALATE',
  'BUDGET_BREACH',
  'AGGREGATE'
] as const
export type Stage = (typeof STAGES)[number]

export const EVENTS_OF_STAGE: Record<Stage, readonly EventType[]> = {
  DECOMPOSE: ['execution.session.started', 'workunit.queued'],
  DETERMINISTIC: ['workunit.dispatched', 'workunit.completed'],
  RETRIEVAL: ['workunit.dispatched', 'workunit.completed'],
  ADAPTER: [
    'workunit.dispatched',
    'llm.invocation.started',
    'llm.invocation.completed',
    'llm.invocation.failed'
  ],
  VERIFY: ['workunit.completed'],
  ESCALATE: ['workunit.queued'],
  BUDGET_BREACH: ['workunit.failed'],
  AGGREGATE: ['workunit.completed', 'execution.session.completed', 'execution.session.failed']
}

/**
 * One line of a session's stage trace. It names no node, time or attempt, so the same work done on
 * one machine or on a mesh leaves the same trace.
 */
export interface StageRecord {
  readonly stage: Stage
  readonly task_id: string
  /** Position in the task's fan-out; 0 where there is none. */
  readonly index: number
  readonly outcome: 'success' | 'failed' | 'skipped' | 'cached'
}
