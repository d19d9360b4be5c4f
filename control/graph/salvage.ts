/**
 * What can still be judged of a graph whose shape is wrong: ids, dependencies and the rest of the
 * rules for the parts that are sound, so that one reading lists the faults of both kinds. The graph it
 * makes is judged and thrown away; it is never run.
 */
import { z } from 'zod'
import { GraphBudgets, Policies, Reference, Task, TaskGraph, taskId } from '#contracts'

const NO_BUDGETS: GraphBudgets = {
  max_tokens: Number.MAX_SAFE_INTEGER,
  max_latency_ms: Number.MAX_SAFE_INTEGER,
  max_cost_micro: Number.MAX_SAFE_INTEGER,
  max_model_calls: Number.MAX_SAFE_INTEGER
}

export interface Salvaged {
  readonly graph: TaskGraph
  /** Whether a fault of the rules, at this path, is the graph's own and not made by the salvage. */
  readonly isTrue: (path: string, rule: string) => boolean
}

const Loose = z.record(z.string(), z.unknown())

/** null where nothing of the graph can be judged: it is no map, or has no list of tasks. */
export function salvageGraph(plain: unknown): Salvaged | null {
  const top = Loose.safeParse(plain)
  const tasks = z.array(z.unknown()).safeParse(top.data?.['tasks'])
  if (!top.success || !tasks.success) return null
  const inputs = TaskGraph.shape.inputs.safeParse(top.data['inputs'])
  const outputs = Loose.safeParse(top.data['outputs'])
  const broken = new Set<string>()
  const graph: TaskGraph = {
    schema_version: 1,
    graph_version: 1,
    graph_id: 'salvaged',
    tenant_id: 'local',
    budgets: GraphBudgets.safeParse(top.data['budgets']).data ?? NO_BUDGETS,
    policies: Policies.parse({}),
    inputs: inputs.data ?? {},
    tasks: tasks.data.map((task, position) => {
      const read = Task.safeParse(task)
      if (read.success) return read.data
      broken.add(`/tasks/${position}`)
      return standIn(task, position)
    }),
    outputs: Object.fromEntries(
      Object.entries(outputs.data ?? {}).flatMap(([name, value]) => {
        const read = Reference.safeParse(value)
        return read.success ? [[name, read.data]] : []
      })
    )
  }
  const ofOrder = new Set(['duplicate_id', 'unknown_dependency', 'cycle', 'too_deep'])
  const isTrue = (path: string, rule: string): boolean => {
    if (rule === 'unknown_input' && !inputs.success) return false
    const task = /^\/tasks\/\d+/.exec(path)?.[0]
    return task === undefined || !broken.has(task) || ofOrder.has(rule)
  }
  return { graph, isTrue }
}

/** Keeps a broken task's id and dependencies where they are sound. */
function standIn(task: unknown, position: number): Task {
  const map = Loose.safeParse(task).data ?? {}
  const id = taskId.safeParse(map['id']).data ?? `salvaged.${position}`
  const dependencies = z.array(z.unknown()).safeParse(map['dependencies']).data ?? []
  return Task.parse({
    id,
    type: 'deterministic',
    handler: 'salvaged',
    dependencies: dependencies.flatMap((name) => taskId.safeParse(name).data ?? []).slice(0, 1_000),
    input: implied(map['input'])
  })
}

/** The input, if it can be read at all: its references are dependencies. */
function implied(input: unknown): Task['input'] {
  return Task.shape.input.safeParse(input).data ?? {}
}
