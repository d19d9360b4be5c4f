/**
 * References inside a task's input: where they stand, what they name, and the order of tasks that
 * follows from them. A reference to a task makes it a dependency; declared dependencies only add
 * order. Iterative throughout, for a hostile graph is as deep as it likes. Resolves no values.
 */
import type { Issue } from './errors.ts'
import { pointerOf } from './shape.ts'
import { Reference, type Task } from './task-graph.ts'
import { isValueList, isValueMap, type Value, type ValueMap } from './value.ts'

const REFERENCE_KEYS = ['$input', '$task', '$item'] as const

/** The reference that a map is; null: it means to be one and is malformed; undefined: it is data. */
export function readReference(map: ValueMap): Reference | null | undefined {
  if (!REFERENCE_KEYS.some((key) => Object.hasOwn(map, key))) return undefined
  const parsed = Reference.safeParse(map)
  return parsed.success ? parsed.data : null
}

export interface FoundReference {
  /** JSON pointer of the place where it stands. */
  readonly path: string
  /** null: malformed. */
  readonly reference: Reference | null
}

/** Every reference in a value, in the order in which they stand. */
export function findReferences(value: Value, base: string): FoundReference[] {
  const found: FoundReference[] = []
  const open: { value: Value; path: string }[] = [{ value, path: base }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value: at, path } = next
    if (isValueList(at)) {
      for (let index = at.length - 1; index >= 0; index--)
        open.push({ value: at[index] ?? null, path: `${path}/${index}` })
    } else if (isValueMap(at)) {
      const reference = readReference(at)
      if (reference !== undefined) found.push({ path, reference })
      else
        for (const [key, inner] of Object.entries(at).reverse())
          open.push({ value: inner, path: path + pointerOf([key]) })
    }
  }
  return found
}

/** Every reference of a task, with its place; `base` is the task's own. */
export function taskReferences(task: Task, base: string): FoundReference[] {
  const found = findReferences(task.input, `${base}/input`)
  if (task.fanout !== undefined)
    found.push({ path: `${base}/fanout/over`, reference: task.fanout.over })
  return found
}

/** Ids of the tasks that must have succeeded first: declared, then implied, each once. */
export function dependenciesOf(task: Task): string[] {
  const ids = new Set<string>(task.dependencies)
  for (const { reference } of taskReferences(task, ''))
    if (reference !== null && '$task' in reference) ids.add(reference.$task)
  return [...ids]
}

export interface TaskOrder {
  /** Positions in `tasks`, each after all that it depends on; equal graphs give equal orders. */
  readonly order: readonly number[]
  /** Tasks on the longest path. */
  readonly depth: number
  /** The last task of the longest path, or -1. */
  readonly deepest: number
  /** Positions on one cycle, in order, or null. */
  readonly cycle: readonly number[] | null
}

/**
 * Orders tasks by their dependencies. Unknown ids are passed over: the rules name them. Of two tasks
 * with one id, the first is meant.
 */
export function orderTasks(tasks: readonly Task[]): TaskOrder {
  const { before, after } = edgesOf(tasks)
  const waiting = before.map((list) => list.length)
  const depths = new Array<number>(tasks.length).fill(1)
  const order = waiting.flatMap((count, position) => (count === 0 ? [position] : []))
  let deepest = order[0] ?? -1
  for (let next = 0; next < order.length; next++) {
    const position = order[next] ?? 0
    const depth = depths[position] ?? 1
    if (depth > (depths[deepest] ?? 0)) deepest = position
    for (const dependent of after[position] ?? []) {
      depths[dependent] = Math.max(depths[dependent] ?? 1, depth + 1)
      const left = (waiting[dependent] ?? 0) - 1
      waiting[dependent] = left
      if (left === 0) order.push(dependent)
    }
  }
  const cycle = order.length === tasks.length ? null : findCycle(before, waiting)
  return { order, depth: depths[deepest] ?? 0, deepest, cycle }
}

function edgesOf(tasks: readonly Task[]): { before: number[][]; after: number[][] } {
  const positions = new Map<string, number>()
  tasks.forEach((task, position) => {
    if (!positions.has(task.id)) positions.set(task.id, position)
  })
  const after: number[][] = tasks.map(() => [])
  const before = tasks.map((task, position) => {
    const known = dependenciesOf(task).flatMap((id) => positions.get(id) ?? [])
    for (const dependency of known) after[dependency]?.push(position)
    return known
  })
  return { before, after }
}

/** Walks back from the first task that never became ready until a task comes again. */
function findCycle(before: readonly number[][], waiting: readonly number[]): number[] {
  const path: number[] = []
  const places = new Map<number, number>()
  let at = waiting.findIndex((count) => count > 0)
  while (!places.has(at)) {
    places.set(at, path.length)
    path.push(at)
    at = before[at]?.find((dependency) => (waiting[dependency] ?? 0) > 0) ?? at
  }
  return path.slice(places.get(at)).reverse()
}

/** A JSON pointer (RFC 6901) has only `~0` and `~1` after a tilde. */
export function pointerIssue(pointer: string | undefined, path: string): Issue[] {
  if (pointer === undefined || !/~(?![01])/.test(pointer)) return []
  return [
    { path, rule: 'pointer_malformed', message: `"${pointer}" has a "~" that is not ~0 or ~1` }
  ]
}
