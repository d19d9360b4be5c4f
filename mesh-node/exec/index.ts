/**
 * The door to model execution. It loads nothing of the network or the ledger, so that Studio may
 * stand on it alone.
 */
export { nodeBackend } from './backend-class.ts'
export { type Conformance, type ConformanceRequest, conformance } from './conformance.ts'
export type {
  EngineStats,
  ExecutionEngine,
  ExecutionLimits,
  ExecutionRequest,
  ExecutionResult,
  InputRef,
  Signature,
  Trial
} from './engine.ts'
export { ExecutorPool, type ExecutorPoolOptions } from './executor-pool.ts'
export { PROVIDERS, type Provider } from './protocol.ts'
export { modelId, type TrialOutcome, type TrialRecord, trialKey } from './trials.ts'
