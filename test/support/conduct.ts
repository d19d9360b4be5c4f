/**
 * Drives the conductor without a driver: handlers run at once, units are answered by a function, and
 * the caller chooses in which order. Keeps everything the conductor asked for.
 */
import {
  type Cid,
  cidOfDocument,
  encodeCanonical,
  MeshError,
  type ModelManifest,
  type TaskGraph,
  type TaskGraphInput,
  type UnitOutcome,
  type Value,
  type ValueMap
} from '#contracts'
import type { Conclusion, ConductorEffect, ConductorInput, ConductorOptions } from '#control'
import { Conductor, modelTable, nameSession, parseGraph, runHandler } from '#control'
import { cidOfValue } from '../../control/conductor/resolve.ts'
import { valueFaults } from '../../control/verify/judge.ts'

const SOME_CID = cidOfDocument(encodeCanonical('some'))

/** A manifest of that name and tier; its files are nowhere. */
function manifestOf(name: string, tier: ModelManifest['tier'] = 'small'): ModelManifest {
  return {
    version: 1,
    name,
    licence: 'MIT',
    source: 'test',
    runner: 'tensor',
    tier,
    files: [{ name: 'model.onnx', cid: SOME_CID, bytes: 1 }],
    inputs: [{ name: 'x', dtype: 'float32', shape: [null] }],
    outputs: [],
    settings: {},
    golden: [],
    tolerances: {},
    cost: { base_us: 1, us_per_kib: 1 },
    memory_mb: 1
  }
}

export const MODELS = modelTable([manifestOf('small-one'), manifestOf('large-one', 'large')])

export const TASK_BUDGET = { max_tokens: 10, max_time_ms: 1_000, max_cost_micro: 100 }

/** A graph around these tasks, with room in every budget; `rest` overrides any part. */
export function graphOf(
  tasks: TaskGraphInput['tasks'],
  rest: Partial<TaskGraphInput> = {}
): TaskGraph {
  return parseGraph({
    schema_version: 1,
    graph_id: 'test',
    budgets: {
      max_tokens: 1_000_000,
      max_latency_ms: 60_000,
      max_cost_micro: 10_000_000,
      max_model_calls: 10_000
    },
    tasks,
    outputs: {},
    ...rest
  })
}

/** What the fabric says of a unit: the task's name, its place, and its inputs' ids. */
export interface AskedUnit {
  readonly task: string
  readonly index: number
  readonly id: string
  readonly inputs: readonly Cid[]
}
export type Answer = { readonly value: Value } | { readonly failed: Partial<UnitOutcome> }

export interface ConductOptions {
  readonly inputs?: ValueMap
  readonly answer?: (unit: AskedUnit) => Answer
  /** Which of the things that wait comes next. */
  readonly pick?: (waiting: number) => number
  readonly cache?: Map<string, Cid>
  readonly values?: Map<Cid, Value>
  readonly options?: Partial<ConductorOptions>
  /** Every outcome comes twice, as at-least-once delivery may do. */
  readonly isTwice?: boolean
  /** Another value for a unit that had one, offered right after its outcome. */
  readonly mend?: (unit: AskedUnit) => Value | undefined
  /** Stops the session before this input, by number. */
  readonly stopAt?: number
}

export interface Conducted {
  readonly conclusion: Conclusion
  readonly effects: readonly ConductorEffect[]
  readonly submitted: readonly AskedUnit[]
  /** What was left of the cost budget after every step. */
  readonly leftMicro: readonly number[]
  readonly conductor: Conductor
}

export function conduct(graph: TaskGraph, options: ConductOptions = {}): Conducted {
  const inputs = options.inputs ?? {}
  const { graphCid, inputsCid, session } = nameSession(graph, inputs, 'request-1')
  const conductor = new Conductor({
    graph,
    graphCid,
    inputs,
    inputsCid,
    session,
    models: MODELS,
    checkOutput: (schema, value) => valueFaults(schema, value).map(({ message }) => message),
    ...options.options
  })
  const waiting: ConductorInput[] = [{ type: 'start', nowMs: 0 }]
  const effects: ConductorEffect[] = []
  const submitted: AskedUnit[] = []
  const leftMicro: number[] = []
  const values = options.values ?? new Map<Cid, Value>()
  let conclusion: Conclusion | undefined
  for (let step = 0; waiting.length > 0; step++) {
    if (step === options.stopAt) {
      const failure = {
        stopReason: 'cancelled',
        failureClass: null,
        code: 'x',
        detail: ''
      } as const
      waiting.splice(0, waiting.length, ...waiting.filter(({ type }) => type === 'outcome'))
      waiting.unshift({ type: 'stop', failure, nowMs: step })
    }
    const place = step === 0 || step === options.stopAt ? 0 : (options.pick?.(waiting.length) ?? 0)
    const [input] = waiting.splice(place, 1)
    if (input === undefined) break
    for (const effect of conductor.step({ ...input, nowMs: step })) {
      effects.push(effect)
      if (effect.type === 'finish') conclusion = effect.result
      waiting.push(...replies(effect, { options, submitted, values }))
    }
    if (input.type === 'outcome') {
      const asked = submitted.find(({ id }) => id === input.outcome.unitId)
      const value = asked === undefined ? undefined : options.mend?.(asked)
      if (value !== undefined && conductor.reopen(input.outcome.unitId) !== null) {
        waiting.push(outcomeOf(input.outcome, { value }, values))
      }
    }
    const { budgetMicro, committedMicro } = conductor.progress()
    leftMicro.push(budgetMicro - committedMicro)
  }
  if (conclusion === undefined) throw new Error('the session did not end')
  return { conclusion, effects, submitted, leftMicro, conductor }
}

interface World {
  readonly options: ConductOptions
  readonly submitted: AskedUnit[]
  readonly values: Map<Cid, Value>
}

function replies(effect: ConductorEffect, world: World): ConductorInput[] {
  const nowMs = 0
  switch (effect.type) {
    case 'run-handler': {
      const { task, index, handler, args } = effect
      return [{ type: 'handled', task, index, ms: 0, result: handle(handler, args), nowMs }]
    }
    case 'lookup-cache': {
      const answers = effect.lookups.map(({ task, index, key }) => {
        const outputCid = world.options.cache?.get(key)
        const value = outputCid === undefined ? undefined : world.values.get(outputCid)
        const hit = outputCid === undefined || value === undefined ? null : { outputCid, value }
        return { task, index, hit }
      })
      return [{ type: 'cache-answers', answers, nowMs }]
    }
    case 'submit':
      return effect.units.flatMap(({ unit: { id, unit } }) => {
        const inputs = unit.inputs.map(({ cid }) => cid)
        const asked = { task: unit.task_id, index: unit.index, id, inputs }
        world.submitted.push(asked)
        const answer = world.options.answer?.(asked) ?? { value: { echo: asked.index } }
        const session = unit.execution_session_id
        const ids = { unitId: id, finalUnitId: id, session }
        const outcome = outcomeOf(ids, answer, world.values)
        return world.options.isTwice === true ? [outcome, outcome] : [outcome]
      })
    case 'remember':
      world.options.cache?.set(effect.key, effect.outputCid)
      return []
    case 'continue':
      return [{ type: 'continue', nowMs }]
    case 'cancel':
    case 'event':
    case 'finish':
    case 'stage':
    case 'store':
      return []
  }
}

function handle(handler: string, args: Value) {
  try {
    return { ok: true, value: runHandler(handler, args) } as const
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { ok: false, code: error.code, detail: error.message } as const
  }
}

function outcomeOf(
  ids: Pick<UnitOutcome, 'unitId' | 'finalUnitId' | 'session'>,
  answer: Answer,
  values: Map<Cid, Value>
): ConductorInput {
  const { unitId, finalUnitId, session } = ids
  const names = { unitId, finalUnitId, session }
  const common = { ...names, escalations: [], usage: null, costMicro: 7, executions: [] }
  if ('failed' in answer) {
    const outcome: UnitOutcome = {
      ...common,
      status: 'failed',
      stopReason: 'retry_exhausted',
      failureClass: 'execution',
      error: { code: 'executor.crashed', detail: '' },
      outputCid: null,
      verification: 'unverified',
      ...answer.failed
    }
    return { type: 'outcome', outcome, value: null, nowMs: 0 }
  }
  const outputCid = cidOfValue(answer.value)
  values.set(outputCid, answer.value)
  const outcome: UnitOutcome = {
    ...common,
    status: 'success',
    stopReason: 'success',
    failureClass: null,
    error: null,
    outputCid,
    verification: 'schema'
  }
  return { type: 'outcome', outcome, value: answer.value, nowMs: 0 }
}
