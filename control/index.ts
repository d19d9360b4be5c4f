/** The door to KORA. What is loaded through it knows no node protocol, ledger, trust or network. */
export { DiskResultCache, type ResultCache } from './cache/result-cache.ts'
export { Conductor } from './conductor/conductor.ts'
export type {
  Conclusion,
  ConductorEffect,
  ConductorInput,
  ConductorOptions,
  Failure
} from './conductor/messages.ts'
export { freshRequestId, SYSTEM_CLOCK } from './drivers/system-clock.ts'
export { parseGraph, type ReadGraphOptions, readGraph } from './graph/read-graph.ts'
export { HANDLERS, runHandler } from './handlers/index.ts'
export { type DescribeOptions, describeOnnx } from './models/describe-onnx.ts'
export {
  type BudgetLine,
  checkBudget,
  type Plan,
  type PlannedTask,
  planGraph
} from './plan/planner.ts'
export { ModelRegistry } from './registry/model-registry.ts'
export { type ModelTable, modelTable, type RegisteredModel } from './registry/model-table.ts'
export { type ReplayReport, replaySession } from './replay/replay.ts'
export type { Clock, SessionOptions, SessionPorts } from './session/ports.ts'
export type { SessionProgress } from './session/progress.ts'
export { runSession } from './session/session-driver.ts'
export { bindInputs, nameSession, type SessionNames } from './session/session-ids.ts'
export type { SessionResult, SessionUnitRow } from './session/session-result.ts'
export { LocalEngine } from './studio/local-engine.ts'
export { Studio } from './studio/studio.ts'
export { SessionJudge } from './verify/judge.ts'
