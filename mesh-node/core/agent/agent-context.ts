/**
 * What the parts of the agent machine share within one step: the options, the mode, the time of the
 * input and the outbox. A part changes its own state and writes to the outbox, nothing else.
 */
import type { AgentOptions } from './agent-contract.ts'
import type { Outbox } from './outbox.ts'

/**
 * `finishing`: no new work, running units may finish, then `paused`; `draining`: the same, then
 * `drained`, which is the end.
 */
export type AgentMode = 'serving' | 'finishing' | 'paused' | 'draining' | 'drained'

export interface AgentContext {
  readonly options: AgentOptions
  mode: AgentMode
  nowMs: number
  readonly out: Outbox
}
