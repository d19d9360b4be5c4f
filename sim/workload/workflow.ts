/**
 * A workflow as the simulator runs it: tasks with work, parents and bytes, parents first. Says how
 * deep and wide it is and between which bounds its makespan must lie; runs nothing.
 */

export interface WorkflowTask {
  readonly id: string
  /** Places in the list of tasks, each before this one's. */
  readonly parents: readonly number[]
  /** Microseconds on one machine of the trace. */
  readonly workUs: number
  readonly inputBytes: number
  readonly outputBytes: number
}

export interface Workflow {
  readonly name: string
  readonly tasks: readonly WorkflowTask[]
}

export interface WorkflowSize {
  readonly tasks: number
  readonly edges: number
  /** Tasks on the longest chain. */
  readonly depth: number
  /** Most tasks that are equally far from the start. */
  readonly width: number
  readonly workUs: number
}

export function sizeOf({ tasks }: Workflow): WorkflowSize {
  const levels: number[] = []
  const widths: number[] = []
  for (const { parents } of tasks) {
    const level = parents.reduce(
      (deepest, parent) => Math.max(deepest, (levels[parent] ?? 0) + 1),
      0
    )
    levels.push(level)
    widths[level] = (widths[level] ?? 0) + 1
  }
  return {
    tasks: tasks.length,
    edges: tasks.reduce((sum, { parents }) => sum + parents.length, 0),
    depth: widths.length,
    width: widths.reduce((most, width) => Math.max(most, width), 0),
    workUs: tasks.reduce((sum, { workUs }) => sum + workUs, 0)
  }
}

/** The longest chain of work, in microseconds: no number of machines is faster. */
export function criticalPathUs({ tasks }: Workflow): number {
  const doneAt: number[] = []
  for (const { parents, workUs } of tasks) {
    const from = parents.reduce((latest, parent) => Math.max(latest, doneAt[parent] ?? 0), 0)
    doneAt.push(from + workUs)
  }
  return doneAt.reduce((latest, us) => Math.max(latest, us), 0)
}

export interface MakespanBounds {
  readonly leastUs: number
  /** What any scheduler that never idles while a task is ready keeps to. */
  readonly greedyMostUs: number
}

/**
 * Between which bounds a run on so many equal machines lies when moving bytes costs nothing: Graham,
 * Bounds on Multiprocessing Timing Anomalies (1969): work / m + (1 - 1/m) * critical path.
 */
export function makespanBounds(workflow: Workflow, machines: number): MakespanBounds {
  const pathUs = criticalPathUs(workflow)
  const { workUs } = sizeOf(workflow)
  return {
    leastUs: Math.max(pathUs, Math.ceil(workUs / machines)),
    greedyMostUs: Math.ceil(workUs / machines + (pathUs * (machines - 1)) / machines)
  }
}
