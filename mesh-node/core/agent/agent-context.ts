/**
 * What the parts of the agent machine share within one step: the options, the mode, the time of the
 * input and the outbox. A part changes its own state and writes to the outbox, nothing else.
 */
import type { AgentOptions } from './agent-contract.ts'
import type { Outbox } from './outbox.ts'

/** `draining`: no new work, running units may finish; `drained`: over. */
export type AgentMode = 'serving' | 'paused' | 'draining' | 'drained'

export interface AgentContext {
  readonly options: AgentOptions
  mode: AgentMode
  nowMs: number
  out: Outbox
}
