/**
 * The states that sessions, executions and nodes pass through, and the only ways between them
 *. An illegal transition is our own mistake: it asserts.
 */
import { assert } from './errors.ts'

export const SESSION_STATES = [
  'initialized',
  'running',
  'completed',
  'failed',
  'cancelled'
] as const
export type SessionState = (typeof SESSION_STATES)[number]

export const EXECUTION_STATES = [
  'queued',
  'ready',
  'dispatched',
  'running',
  'success',
  'failed',
  'timeout',
  'cancelled'
] as const
export type ExecutionState = (typeof EXECUTION_STATES)[number]

export const NODE_STATES = [
  'unregistered',
  'registered',
  'active',
  'quarantined',
  'suspended',
  'removed'
] as const
export type NodeState = (typeof NODE_STATES)[number]

/** A unit that did not succeed says why with one of these, never with free text. */
export const STOP_REASONS = [
  'success',
  'retry_exhausted',
  'dependency_failed',
  'budget_exhausted',
  'substrate_failure',
  'admission_rejected',
  'validation_failed',
  'cancelled'
] as const
export type StopReason = (typeof STOP_REASONS)[number]

export const FAILURE_CLASSES = [
  'validation',
  'timeout',
  'budget',
  'dependency',
  'execution'
] as const
export type FailureClass = (typeof FAILURE_CLASSES)[number]

export const ADMISSION_REFUSALS = [
  'RESOURCE_EXHAUSTED',
  'BUDGET_EXCEEDED',
  'REGION_UNAVAILABLE'
] as const
export type AdmissionRefusal = (typeof ADMISSION_REFUSALS)[number]

export const SESSION_TRANSITIONS: Record<SessionState, readonly SessionState[]> = {
  initialized: ['running', 'failed', 'cancelled'],
  running: ['completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: []
}

/** A failed attempt goes back to `queued` when it is retried; `success`, and the rest at the end, are final. */
export const EXECUTION_TRANSITIONS: Record<ExecutionState, readonly ExecutionState[]> = {
  queued: ['ready', 'failed', 'cancelled'],
  ready: ['dispatched', 'failed', 'timeout', 'cancelled'],
  dispatched: ['running', 'ready', 'success', 'failed', 'timeout', 'cancelled'],
  running: ['success', 'ready', 'failed', 'timeout', 'cancelled'],
  success: [],
  failed: [],
  timeout: [],
  cancelled: []
}

export const NODE_TRANSITIONS: Record<NodeState, readonly NodeState[]> = {
  unregistered: ['registered'],
  registered: ['active', 'suspended', 'removed'],
  active: ['quarantined', 'suspended', 'removed'],
  quarantined: ['active', 'suspended', 'removed'],
  suspended: ['registered', 'active', 'removed'],
  removed: ['registered']
}

export const TERMINAL_EXECUTION_STATES: readonly ExecutionState[] = EXECUTION_STATES.filter(
  (state) => EXECUTION_TRANSITIONS[state].length === 0
)
export const isTerminal = (state: ExecutionState): boolean =>
  EXECUTION_TRANSITIONS[state].length === 0

/** Returns `to`; asserts that the table allows the step. */
export function moveSession(from: SessionState, to: SessionState): SessionState {
  assert(SESSION_TRANSITIONS[from].includes(to), `a session does not go from ${from} to ${to}`)
  return to
}

export function moveExecution(from: ExecutionState, to: ExecutionState): ExecutionState {
  assert(EXECUTION_TRANSITIONS[from].includes(to), `an execution does not go from ${from} to ${to}`)
  return to
}

export function moveNode(from: NodeState, to: NodeState): NodeState {
  assert(NODE_TRANSITIONS[from].includes(to), `a node does not go from ${from} to ${to}`)
  return to
}
