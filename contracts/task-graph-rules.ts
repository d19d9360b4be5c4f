/**
 * The rules of a TaskGraph that its shape cannot state: ids, dependencies, cycles, depth,
 * units, budgets, and what each type of task must and must not name. Lists every fault with its place;
 * mends nothing. Linear in the graph, and never recursive.
 */
import type { Issue } from './errors.ts'
import { GRAPH_DEPTH_MAX, GRAPH_TASKS_MAX, GRAPH_UNITS_MAX } from './limits.ts'
import { type FoundReference, orderTasks, pointerIssue, taskReferences } from './references.ts'
import { ISSUES_MAX, pointerOf } from './shape.ts'
import type {
  EscalationEdge,
  GraphBudgets,
  JsonSchema,
  Task,
  TaskBudget,
  TaskGraph
} from './task-graph.ts'
import { isValueList } from './value.ts'

export interface GraphLimits {
  readonly tasksMax: number
  readonly unitsMax: number
  readonly depthMax: number
}

export const GRAPH_LIMITS: GraphLimits = {
  tasksMax: GRAPH_TASKS_MAX,
  unitsMax: GRAPH_UNITS_MAX,
  depthMax: GRAPH_DEPTH_MAX
}

export interface GraphRuleOptions {
  readonly limits?: Partial<GraphLimits>
  /** What is wrong with a JSON Schema, in words: the compiler is not the contracts' own. */
  readonly schemaFaults?: (schema: JsonSchema) => readonly string[]
}

/** Faults up to the most that are listed; a hostile graph could have millions. */
class Faults {
  readonly list: Issue[] = []

  add(path: string, rule: string, message: string): void {
    if (this.list.length < ISSUES_MAX) this.list.push({ path, rule, message })
  }
}

/** What tasks are judged against. */
interface Names {
  readonly graph: TaskGraph
  readonly ids: ReadonlyMap<string, number>
  readonly schemaFaults: (schema: JsonSchema) => readonly string[]
}

/** Every fault of a graph whose shape is right; empty: the graph may be planned. */
export function checkGraph(graph: TaskGraph, options: GraphRuleOptions = {}): Issue[] {
  const limits = { ...GRAPH_LIMITS, ...options.limits }
  const faults = new Faults()
  const ids = new Map<string, number>()
  graph.tasks.forEach((task, position) => {
    const first = ids.get(task.id)
    if (first === undefined) ids.set(task.id, position)
    else
      faults.add(
        `/tasks/${position}/id`,
        'duplicate_id',
        `task "${task.id}" stands at /tasks/${first} too`
      )
  })
  const names: Names = { graph, ids, schemaFaults: options.schemaFaults ?? (() => []) }
  graph.tasks.forEach((task, position) => {
    checkTask(task, `/tasks/${position}`, names, faults)
  })
  for (const [name, reference] of Object.entries(graph.outputs)) {
    const path = `/outputs${pointerOf([name])}`
    checkReference({ path, reference }, { inFanout: false }, names, faults)
  }
  checkTraceIds(graph, faults)
  checkOrder(graph, limits, faults)
  checkUnits(graph, limits, faults)
  return faults.list
}

function checkTask(task: Task, path: string, names: Names, faults: Faults): void {
  task.dependencies.forEach((id, index) => {
    if (!names.ids.has(id))
      faults.add(
        `${path}/dependencies/${index}`,
        'unknown_dependency',
        `no task has the id "${id}"`
      )
  })
  for (const found of taskReferences(task, path)) {
    const inFanout = task.fanout !== undefined && found.path !== `${path}/fanout/over`
    checkReference(found, { inFanout }, names, faults)
  }
  if (task.type === 'model') checkModelTask(task, path, names, faults)
  else checkHandlerTask(task, path, faults)
  if (task.budget !== undefined)
    checkBudget(task.budget, names.graph.budgets, `${path}/budget`, faults)
  if (task.schema !== undefined) {
    for (const message of names.schemaFaults(task.schema))
      faults.add(`${path}/schema`, 'schema_invalid', message)
  }
}

function checkReference(
  { path, reference }: FoundReference,
  { inFanout }: { inFanout: boolean },
  { graph, ids }: Names,
  faults: Faults
): void {
  if (reference === null) {
    const message =
      'a reference is {$input: name}, {$task: id} or {$item: true}, with select or not'
    faults.add(path, 'reference_malformed', message)
    return
  }
  for (const issue of pointerIssue(reference.select, `${path}/select`))
    faults.add(issue.path, issue.rule, issue.message)
  if ('$input' in reference && !Object.hasOwn(graph.inputs, reference.$input)) {
    faults.add(`${path}/$input`, 'unknown_input', `the graph has no input "${reference.$input}"`)
  }
  if ('$task' in reference && !ids.has(reference.$task)) {
    faults.add(`${path}/$task`, 'unknown_dependency', `no task has the id "${reference.$task}"`)
  }
  if ('$item' in reference && !inFanout) {
    faults.add(path, 'item_outside_fanout', '$item stands only in the input of a task with fanout')
  }
}

function checkModelTask(task: Task, path: string, names: Names, faults: Faults): void {
  const missing = (key: string): void =>
    faults.add(path, `missing_${key}`, `a model task names its ${key}`)
  if (task.model === undefined) missing('model')
  if (task.tier === undefined) missing('tier')
  if (task.budget === undefined) missing('budget')
  if (task.handler !== undefined)
    faults.add(`${path}/handler`, 'handler_not_allowed', 'a model task has no handler')
  const { mode, replicas } = task.verification
  const many = mode === 'quorum' || mode === 'recompute'
  if (!many && replicas > 1) {
    const message = `mode "${mode}" compares nothing: one replica, or mode quorum`
    faults.add(`${path}/verification/replicas`, 'replicas_without_quorum', message)
  }
  if (many && replicas < 2) {
    const message = `mode "${mode}" needs 2 replicas or more`
    faults.add(`${path}/verification/replicas`, 'quorum_without_replicas', message)
  }
  task.escalation.forEach((edge, index) => {
    checkEdge(edge, `${path}/escalation/${index}`, names.graph.budgets, faults)
  })
}

function checkHandlerTask(task: Task, path: string, faults: Faults): void {
  const refuse = (key: string, present: boolean): void => {
    if (present)
      faults.add(`${path}/${key}`, `${key}_not_allowed`, `a ${task.type} task has no ${key}`)
  }
  if (task.handler === undefined)
    faults.add(path, 'missing_handler', `a ${task.type} task names its handler`)
  refuse('model', task.model !== undefined)
  refuse('tier', task.tier !== undefined)
  refuse('escalation', task.escalation.length > 0)
  const { mode, replicas } = task.verification
  refuse('verification', mode === 'quorum' || mode === 'recompute' || replicas > 1)
}

function checkEdge(edge: EscalationEdge, path: string, graph: GraphBudgets, faults: Faults): void {
  const onConfidence = edge.trigger === 'confidence_below'
  if (onConfidence && edge.confidence === undefined)
    faults.add(path, 'missing_confidence', 'trigger confidence_below needs confidence')
  if (!onConfidence && edge.confidence !== undefined)
    faults.add(`${path}/confidence`, 'confidence_not_allowed', 'only confidence_below reads it')
  const select = edge.confidence?.select
  if (select !== undefined && !select.startsWith('/'))
    faults.add(`${path}/confidence/select`, 'pointer_malformed', 'a JSON pointer begins with "/"')
  for (const issue of pointerIssue(select, `${path}/confidence/select`))
    faults.add(issue.path, issue.rule, issue.message)
  if (edge.trigger === 'budget_remaining' && edge.remaining_micro === undefined)
    faults.add(path, 'missing_remaining', 'trigger budget_remaining needs remaining_micro')
  checkBudget(edge.budget, graph, `${path}/budget`, faults)
}

function checkBudget(budget: TaskBudget, graph: GraphBudgets, path: string, faults: Faults): void {
  const over = (key: string, asked: number, most: number, of: string): void => {
    if (asked > most)
      faults.add(
        `${path}/${key}`,
        'over_graph_budget',
        `${asked} is over the graph's ${of} ${most}`
      )
  }
  over('max_cost_micro', budget.max_cost_micro, graph.max_cost_micro, 'max_cost_micro')
  over('max_tokens', budget.max_tokens, graph.max_tokens, 'max_tokens')
  over('max_time_ms', budget.max_time_ms, graph.max_latency_ms, 'max_latency_ms')
}

/** A session has one trace id: tasks may repeat it, not contradict it. */
function checkTraceIds(graph: TaskGraph, faults: Faults): void {
  let first: string | undefined
  graph.tasks.forEach(({ metadata: { trace_id } }, position) => {
    first ??= trace_id
    if (trace_id === undefined || trace_id === first) return
    const message = `"${trace_id}", where another task has "${first}"`
    faults.add(`/tasks/${position}/metadata/trace_id`, 'trace_id_differs', message)
  })
}

function checkOrder(graph: TaskGraph, limits: GraphLimits, faults: Faults): void {
  if (graph.tasks.length > limits.tasksMax)
    faults.add('/tasks', 'too_many_tasks', `${graph.tasks.length} tasks of ${limits.tasksMax}`)
  const { cycle, depth, deepest } = orderTasks(graph.tasks)
  if (cycle !== null) {
    const [first = 0] = cycle
    const ids = [...cycle, first].map((position) => graph.tasks[position]?.id ?? '')
    faults.add(`/tasks/${first}`, 'cycle', `each waits for the one before: ${shorten(ids)}`)
  }
  if (depth > limits.depthMax)
    faults.add(`/tasks/${deepest}`, 'too_deep', `stands at depth ${depth} of ${limits.depthMax}`)
}

function shorten(ids: readonly string[]): string {
  const shown = ids.length > 12 ? [...ids.slice(0, 6), '…', ...ids.slice(-5)] : ids
  return shown.join(' → ')
}

/** Counts what is known before anything runs: a fan-out over an input's default, else one unit. */
function checkUnits(graph: TaskGraph, limits: GraphLimits, faults: Faults): void {
  let units = 0
  graph.tasks.forEach((task, position) => {
    const count = unitsKnown(graph, task)
    if (units <= limits.unitsMax && units + count > limits.unitsMax) {
      const message = `${units + count} units up to here of ${limits.unitsMax}`
      faults.add(`/tasks/${position}`, 'too_many_units', message)
    }
    units += count
  })
}

function unitsKnown(graph: TaskGraph, task: Task): number {
  const over = task.fanout?.over
  if (task.fanout === undefined || over === undefined || !('$input' in over)) return 1
  const value = Object.hasOwn(graph.inputs, over.$input)
    ? graph.inputs[over.$input]?.default
    : undefined
  const isWhole = over.select === undefined || over.select === ''
  return isWhole && isValueList(value) ? Math.ceil(value.length / task.fanout.chunk) : 1
}
