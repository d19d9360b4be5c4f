/**
 * Which units of a task are finished work already, as far as can be known before anything runs: those
 * whose inputs are graph inputs and constants. Reads the cache's index and nothing else.
 */
import {
  isValueList,
  MeshError,
  parseSessionId,
  type Task,
  type TaskGraph,
  type Value
} from '#contracts'
import {
  blobInput,
  InputTemplate,
  itemsOf,
  resolveReference,
  type Sources
} from '../conductor/resolve.ts'
import { UnitMaker } from '../conductor/unit-maker.ts'
import type { ModelTable } from '../registry/model-table.ts'

export interface KnownWork {
  /** Absent or null: nothing is known. */
  readonly cache?: { has(key: string): boolean } | null | undefined
  readonly models: ModelTable
  readonly input: (name: string) => Value | undefined
}

/** Cache keys name no session, so any will do. */
const ANY_SESSION = parseSessionId(`s${'0'.repeat(32)}`)

/** Units of a model task that the cache knows; 0 where their inputs are not known yet. */
export function cachedUnits(graph: TaskGraph, task: Task, known: KnownWork): number {
  const { cache } = known
  if (cache === undefined || cache === null) return 0
  const sources: Sources = { input: known.input, task: () => undefined }
  try {
    const template = new InputTemplate(task.input, sources)
    const over = task.fanout === undefined ? null : resolveReference(task.fanout.over, sources)
    const items =
      task.fanout === undefined || !isValueList(over) ? [null] : itemsOf(over, task.fanout.chunk)
    const maker = new UnitMaker(task, graph, ANY_SESSION, known.models)
    return items.filter((item, index) => {
      const values = [...template.fixed, ...template.itemValues(item)]
      const inputs = values.map(([name, value]) => blobInput(name, value).input)
      return cache.has(maker.make(index, inputs).cacheKey)
    }).length
  } catch (error) {
    if (error instanceof MeshError) return 0
    throw error
  }
}
