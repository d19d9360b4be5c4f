/**
 * The mapping between Task IR and WorkUnits: the single source, which
 * `spec/kora_krako_interface.md` repeats for people and a test compares.
 */
import type { Tier } from './model-manifest.ts'
import type { TaskType } from './task-graph.ts'
import type { UnitKind } from './work-unit.ts'

/** Where a unit of a kind may run. */
export const SUBSTRATES = ['cpu', 'compute', 'pod'] as const
export type Substrate = (typeof SUBSTRATES)[number]

export const KIND_OF_TYPE: Record<Exclude<TaskType, 'model'>, UnitKind> = {
  deterministic: 'deterministic',
  aggregation: 'deterministic',
  retrieval: 'retrieval'
}

export const KIND_OF_TIER: Record<Tier, UnitKind> = {
  small: 'small_model',
  medium: 'llm',
  large: 'llm'
}

/** `compute`: any node that has passed the model's conformance check; `pod`: nodes that serve that tier. */
export const SUBSTRATE_OF_KIND: Record<UnitKind, Substrate> = {
  deterministic: 'cpu',
  retrieval: 'cpu',
  small_model: 'compute',
  llm: 'pod'
}

export function kindOf(type: TaskType, tier: Tier | undefined): UnitKind {
  return type === 'model' ? KIND_OF_TIER[tier ?? 'large'] : KIND_OF_TYPE[type]
}

/** A budget of n retries is n + 1 attempts. */
export const attemptsOf = (maxRetries: number): number => maxRetries + 1
