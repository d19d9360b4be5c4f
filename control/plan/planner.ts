/**
 * What a graph would do and cost, before anything runs: which tasks need no model and why, how many
 * units, what is finished already, and the worst case against every budget. Pure: equal graphs, names
 * and registries give equal plans. Runs no handler and no model.
 */
import {
  type Cid,
  cidOfDocument,
  encodeCanonical,
  GRAPH_UNITS_MAX,
  type Issue,
  isValueList,
  kindOf,
  MeshError,
  orderTasks,
  SUBSTRATE_OF_KIND,
  type Substrate,
  type Task,
  type TaskGraph,
  type UnitKind,
  type Value,
  type ValueMap
} from '#contracts'
import { selectValue } from '../conductor/resolve.ts'
import { worstCaseOf } from '../conductor/unit-maker.ts'
import { HANDLERS } from '../handlers/index.ts'
import type { ModelTable } from '../registry/model-table.ts'
import { cachedUnits, type KnownWork } from './known-work.ts'

export interface PlannedTask {
  readonly id: string
  readonly type: Task['type']
  /** Why it needs a model, or none. */
  readonly why: string
  readonly kind: UnitKind
  readonly substrate: Substrate
  /** The handler's or the model's name. */
  readonly runs: string
  /** Content id of the model; null for handlers. */
  readonly model_cid: Cid | null
  /** Units, or `after <task>` where the list that it fans out over is made by that task. */
  readonly units: number | `after ${string}`
  /** Units at most. */
  readonly units_max: number
  /** Units whose results are known from earlier work. */
  readonly cached_units: number
  readonly verification: string
  readonly model_calls_max: number
  readonly worst_case_cost_micro: number
  readonly worst_case_tokens: number
}

/** One budget, and the worst case against it. */
export interface BudgetLine {
  readonly name: 'max_cost_micro' | 'max_tokens' | 'max_model_calls'
  readonly worst_case: number
  readonly budget: number
  readonly fits: boolean
}

export interface Plan {
  readonly graph_id: string
  readonly graph_cid: Cid
  /** In execution order. */
  readonly tasks: readonly PlannedTask[]
  readonly budgets: readonly BudgetLine[]
  readonly depth: number
  /** Tasks that need no model. */
  readonly without_model: number
}

export interface PlanOptions extends Pick<KnownWork, 'cache'> {
  readonly models: ModelTable
  /** Inputs as far as they are known; their names alone are checked elsewhere. */
  readonly inputs?: ValueMap
  readonly handlers?: Readonly<Record<string, { readonly summary: string }>>
}

/** Throws `graph.invalid` for models and handlers that are not registered; budgets are only reported. */
export function planGraph(graph: TaskGraph, options: PlanOptions): Plan {
  const handlers = options.handlers ?? HANDLERS
  const issues = graph.tasks.flatMap((task, place) =>
    namesOf(task, place, options.models, handlers)
  )
  if (issues.length > 0) {
    const first = `${issues[0]?.path} ${issues[0]?.message}`
    throw new MeshError('graph.invalid', { faults: issues.length, first }, { issues })
  }
  const { order, depth } = orderTasks(graph.tasks)
  const counted = order.flatMap((place) => {
    const task = graph.tasks[place]
    return task === undefined ? [] : [{ task, count: countUnits(graph, task, options.inputs) }]
  })
  const spare = spareOf(graph, counted)
  const tasks = counted.map(({ task, count }) => planTask(graph, task, count, options, spare))
  return {
    graph_id: graph.graph_id,
    graph_cid: cidOfDocument(encodeCanonical(graph)),
    tasks,
    budgets: budgetLines(graph, tasks, spare),
    depth,
    without_model: tasks.filter(({ type }) => type !== 'model').length
  }
}

/** Zero where only the run will tell. */
const knownUnits = ({ units }: PlannedTask): number => (typeof units === 'number' ? units : 0)

/** Refuses more units than a graph may have, and with every number a worst case over a budget. */
export function checkBudget(plan: Plan): void {
  const units = plan.tasks.reduce((sum, one) => sum + knownUnits(one), 0)
  if (units > GRAPH_UNITS_MAX) {
    throw new MeshError('graph.too_many_units', { units, unitsMax: GRAPH_UNITS_MAX })
  }
  const over = plan.budgets.filter(({ fits }) => !fits)
  if (over.length === 0) return
  const facts = Object.fromEntries(
    plan.budgets.flatMap(({ name, worst_case, budget }) => [
      [name, budget],
      [`worst_case_${name.slice('max_'.length)}`, worst_case]
    ])
  )
  const issues = over.map(({ name, worst_case, budget }) => ({
    path: `/budgets/${name}`,
    rule: 'worst_case_over_budget',
    message: `the worst case is ${worst_case}, the budget ${budget}`
  }))
  throw new MeshError('budget.exceeded', facts, { issues })
}

function namesOf(
  task: Task,
  place: number,
  models: ModelTable,
  handlers: NonNullable<PlanOptions['handlers']>
): Issue[] {
  const path = `/tasks/${place}`
  if (task.type !== 'model') {
    const { handler = '' } = task
    if (Object.hasOwn(handlers, handler)) return []
    const message = `no handler is called "${handler}"`
    return [{ path: `${path}/handler`, rule: 'handler_unknown', message }]
  }
  const wanted = [
    { at: path, model: task.model ?? '', tier: task.tier },
    ...task.escalation.map(({ model, tier }, edge) => ({
      at: `${path}/escalation/${edge}`,
      model,
      tier
    }))
  ]
  return wanted.flatMap(({ at, model, tier }): Issue[] => {
    const found = models.find(model)
    if (found === undefined) {
      const message = `no model is registered as "${model}"`
      return [{ path: `${at}/model`, rule: 'model_not_registered', message }]
    }
    if (found.manifest.tier === tier) return []
    const message = `the model "${model}" is of tier ${found.manifest.tier}`
    return [{ path: `${at}/tier`, rule: 'tier_differs', message }]
  })
}

type Count = number | `after ${string}`

function countUnits(graph: TaskGraph, { fanout }: Task, inputs: ValueMap | undefined): Count {
  if (fanout === undefined) return 1
  const { over, chunk } = fanout
  if ('$task' in over) return `after ${over.$task}`
  if (!('$input' in over)) return `after ${'the graph'}`
  const value = knownInput(graph, over.$input, inputs)
  const list = value === undefined ? undefined : selectValue(value, over.select ?? '')
  return isValueList(list) ? Math.ceil(list.length / chunk) : `after input ${over.$input}`
}

function knownInput(
  graph: TaskGraph,
  name: string,
  inputs: ValueMap | undefined
): Value | undefined {
  if (inputs !== undefined && Object.hasOwn(inputs, name)) return inputs[name]
  return Object.hasOwn(graph.inputs, name) ? graph.inputs[name]?.default : undefined
}

/** Calls that known units leave of the budget: what bounds every fan-out of unknown size. */
interface Spare {
  readonly calls: number
  readonly costMicro: number
  readonly tokens: number
}

function spareOf(
  graph: TaskGraph,
  counted: readonly { readonly task: Task; readonly count: Count }[]
): Spare {
  let known = 0
  let costRatio = 0
  let tokenRatio = 0
  for (const { task, count } of counted) {
    if (task.type !== 'model') continue
    const { calls, costMicro, tokens } = worstCaseOf(task)
    if (typeof count === 'number') known += count * calls
    else {
      costRatio = Math.max(costRatio, costMicro / calls)
      tokenRatio = Math.max(tokenRatio, tokens / calls)
    }
  }
  const calls = Math.max(0, graph.budgets.max_model_calls - known)
  return {
    calls,
    costMicro: Math.ceil(calls * costRatio),
    tokens: Math.ceil(calls * tokenRatio)
  }
}

function planTask(
  graph: TaskGraph,
  task: Task,
  count: Count,
  options: PlanOptions,
  spare: Spare
): PlannedTask {
  const kind = kindOf(task.type, task.tier)
  const isModel = task.type === 'model'
  const worst = isModel ? worstCaseOf(task) : { calls: 0, costMicro: 0, tokens: 0 }
  const most = isModel ? Math.floor(spare.calls / worst.calls) : GRAPH_UNITS_MAX
  const units = typeof count === 'number' ? count : most
  const known: KnownWork = {
    cache: options.cache,
    models: options.models,
    input: (name) => knownInput(graph, name, options.inputs)
  }
  const cached = isModel && typeof count === 'number' ? cachedUnits(graph, task, known) : 0
  const { mode, replicas, sample_per_mille: share } = task.verification
  const isMany = mode === 'quorum' || mode === 'recompute'
  const part = isMany && share < 1_000 ? ` on ${share / 10} %` : ''
  return {
    id: task.id,
    type: task.type,
    why: whyOf(task),
    kind,
    substrate: SUBSTRATE_OF_KIND[kind],
    runs: task.handler ?? task.model ?? '',
    model_cid: isModel ? (options.models.find(task.model ?? '')?.cid ?? null) : null,
    units: count,
    units_max: units,
    cached_units: cached,
    verification: isModel ? `${mode}${isMany ? ` of ${replicas}${part}` : ''}` : 'schema',
    model_calls_max: units * worst.calls,
    worst_case_cost_micro: units * worst.costMicro,
    worst_case_tokens: units * worst.tokens
  }
}

function whyOf(task: Task): string {
  if (task.type === 'model') {
    const where = task.tier === 'small' ? 'any conformant node' : `nodes that serve ${task.tier}`
    return `needs a model: ${task.model} (${task.tier}), on ${where}`
  }
  return `needs no model: handler ${task.handler}`
}

/** Known units add up; fan-outs of unknown size share what calls are left, at the dearest of them. */
function budgetLines(graph: TaskGraph, tasks: readonly PlannedTask[], spare: Spare): BudgetLine[] {
  const known = tasks.filter(({ units }) => typeof units === 'number')
  const hasUnknown = tasks.some(({ type, units }) => type === 'model' && typeof units !== 'number')
  const sum = (read: (task: PlannedTask) => number): number =>
    known.reduce((total, task) => total + read(task), 0)
  const line = (name: BudgetLine['name'], ofKnown: number, ofUnknown: number): BudgetLine => {
    const worst_case = ofKnown + (hasUnknown ? ofUnknown : 0)
    const budget = graph.budgets[name]
    return { name, worst_case, budget, fits: worst_case <= budget }
  }
  return [
    line(
      'max_cost_micro',
      sum((task) => task.worst_case_cost_micro),
      spare.costMicro
    ),
    line(
      'max_tokens',
      sum((task) => task.worst_case_tokens),
      spare.tokens
    ),
    line(
      'max_model_calls',
      sum((task) => task.model_calls_max),
      spare.calls
    )
  ]
}
