/**
 * What the mesh is asked to do in a run: units that know nothing of each other, or the tasks of a
 * workflow with what each waits for and how long each runs. Submits nothing.
 */
import type { PackedUnit, UnitId } from '#contracts'
import type { Workflow } from '../workload/workflow.ts'
import type { Scenario } from './scenario.ts'
import { unitOf } from './work.ts'

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

export const plainWork = (scenario: Scenario): Workload => ({
  unit: (index) => unitOf(index, scenario),
  serviceMs: () => null
})

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
