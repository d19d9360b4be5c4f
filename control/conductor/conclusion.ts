/**
 * How a session ends: its reason, its outputs, its trace and its state hash, from the tasks as they
 * stand. Chooses by place in the graph, never by time, so that every order of events concludes alike.
 */
import { MeshError, type StageRecord, type TaskGraph, type Value, type ValueMap } from '#contracts'
import type { Conclusion, ConductorOptions, Failure } from './messages.ts'
import { resolveReference, type Sources } from './resolve.ts'
import { OUTPUTS_TASK, sortStages } from './stage-trace.ts'
import { hashState } from './state-hash.ts'
import type { TaskRun } from './task-run.ts'

type TaskFailure = NonNullable<Conclusion['failure']>

export interface EndState {
  readonly options: ConductorOptions
  readonly runs: readonly TaskRun[]
  readonly sources: Sources
  readonly stages: readonly StageRecord[]
  /** Why it stopped before all tasks were over; null where it ran to its end. */
  readonly stopped: Failure | null
}

export function conclude(end: EndState): Conclusion {
  const { options, runs, stopped } = end
  const stoppedEarly = stopped !== null
  const gathered = stoppedEarly ? { outputs: {}, failure: null } : gatherOutputs(end)
  const failure = firstFailure(runs, stopped) ?? gathered.failure
  const stages = sortStages(
    stoppedEarly ? end.stages : [...end.stages, outputsStage(gathered.failure === null)],
    positions(options.graph)
  )
  const units = runs.filter(({ task }) => task.type === 'model').flatMap((run) => run.reports())
  const stopReason = failure?.stopReason ?? 'success'
  const { graphCid, inputsCid } = options
  const { outputs } = gathered
  const { bytes, hash } = hashState({
    graphCid,
    inputsCid,
    stopReason,
    stoppedEarly,
    outputs,
    stages,
    units
  })
  return { stopReason, failure, outputs, stages, stateHash: hash, stateBytes: bytes }
}

/** The caller's wish stands first; else the failure of the first task of the graph that failed. */
function firstFailure(runs: readonly TaskRun[], stopped: Failure | null): TaskFailure | null {
  if (stopped !== null && stopped.stopReason === 'cancelled') return { ...stopped, task: null }
  for (const run of runs) {
    const failure = run.firstFailure
    if (failure !== null) return { ...failure, task: run.task.id }
  }
  return stopped === null ? null : { ...stopped, task: null }
}

function gatherOutputs({ options, runs, sources }: EndState): {
  outputs: ValueMap
  failure: TaskFailure | null
} {
  const failed = new Set(runs.filter((run) => run.phase !== 'success').map((run) => run.task.id))
  const outputs: Record<string, Value> = {}
  let failure: TaskFailure | null = null
  for (const [name, reference] of Object.entries(options.graph.outputs)) {
    if ('$task' in reference && failed.has(reference.$task)) continue
    try {
      outputs[name] = resolveReference(reference, sources)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      const { code, message } = error
      const why = { stopReason: 'validation_failed', failureClass: 'validation' } as const
      failure ??= { ...why, code, detail: `output ${name}: ${message}`, task: null }
    }
  }
  return { outputs, failure }
}

const outputsStage = (isGood: boolean): StageRecord => ({
  stage: 'AGGREGATE',
  task_id: OUTPUTS_TASK,
  index: 0,
  outcome: isGood ? 'success' : 'failed'
})

function positions(graph: TaskGraph): (task: string) => number {
  const places = new Map(graph.tasks.map(({ id }, place) => [id, place]))
  return (task) => places.get(task) ?? graph.tasks.length
}
