/**
 * What the mesh is asked to do in a run: units that know nothing of each other, units that wait for some
 * before them, or the tasks of a workflow with how long each runs. Submits nothing.
 */
import { assert, type PackedUnit, type UnitId } from '#contracts'
import { digestOfText } from '../kernel/rolling-trace.ts'
import type { Workflow } from '../workload/workflow.ts'
import type { Scenario } from './scenario.ts'
import { unitOf } from './work.ts'

type Dependencies = NonNullable<Scenario['dependencies']>

export interface Workload {
  readonly unit: (index: number) => PackedUnit
  /** What a run takes on any node; null: what the node takes by itself. */
  readonly serviceMs: (unit: UnitId) => number | null
}

/** A workflow as a run does it. */
export interface PacedWorkflow {
  readonly workflow: Workflow
  /** So many times as fast as in the trace. */
  readonly faster: number
}

export const plainWork = (scenario: Scenario): Workload =>
  scenario.dependencies === null
    ? { unit: (index) => unitOf(index, scenario), serviceMs: () => null }
    : dependentWork(scenario, scenario.dependencies)

/** Parents are near: a graph of them has chains, joins and forks, and many graphs lie side by side. */
const PARENTS_WITHIN = 16

/** Which units wait, and for which, follows from their places alone. */
function dependentWork(scenario: Scenario, keys: Dependencies): Workload {
  const units: PackedUnit[] = []
  const unit = (index: number): PackedUnit => {
    for (let next = units.length; next <= index; next++) {
      const dependencies = parentsOf(next, keys).flatMap((parent) => units[parent]?.id ?? [])
      units.push(unitOf(next, scenario, { dependencies }))
    }
    const made = units[index]
    assert(made !== undefined, 'units are made in their order')
    return made
  }
  return { unit, serviceMs: () => null }
}

function parentsOf(
  index: number,
  { share_per_mille: share, parents_max: most }: Dependencies
): readonly number[] {
  const draw = (what: string): number => digestOfText(`dependency ${index} ${what}`) >>> 0
  if (index === 0 || draw('waits') % 1_000 >= share) return []
  const parents = new Set<number>()
  for (let count = 1 + (draw('count') % most); count > 0; count--) {
    parents.add(index - 1 - (draw(`parent ${count}`) % Math.min(index, PARENTS_WITHIN)))
  }
  return [...parents].sort((a, b) => a - b)
}

/** A unit for each task, in their order; a task never takes less than a millisecond. */
export function workflowWork({ workflow, faster }: PacedWorkflow, scenario: Scenario): Workload {
  const units: PackedUnit[] = []
  const serviceMs = new Map<UnitId, number>()
  for (const [index, { parents, workUs }] of workflow.tasks.entries()) {
    const runMs = Math.max(1, Math.round(workUs / 1_000 / faster))
    const dependencies = parents.flatMap((parent) => units[parent]?.id ?? [])
    const unit = unitOf(index, scenario, { dependencies, runMs })
    units.push(unit)
    serviceMs.set(unit.id, runMs)
  }
  return {
    unit: (index) => units[index] ?? unitOf(index, scenario),
    serviceMs: (unit) => serviceMs.get(unit) ?? null
  }
}
