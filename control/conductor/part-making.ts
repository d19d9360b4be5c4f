/**
 * Making a task ready and cutting it into parts: inputs resolved, items listed, units packed. Throws
 * MeshErrors for what the graph or its data got wrong; changes only the task that it is given.
 */
import { assert, MeshError, WORK_UNIT_BYTES_MAX } from '#contracts'
import type { CacheLookup, ConductorEffect, ConductorOptions } from './messages.ts'
import { blobInput, InputTemplate, itemsOf, resolveReference, type Sources } from './resolve.ts'
import type { Part, TaskRun } from './task-run.ts'
import { handlerUnit, UnitMaker } from './unit-maker.ts'

type Names = Pick<ConductorOptions, 'graph' | 'session' | 'models'>

/** Resolves what all parts share, and lists the items. */
export function prepareTask(run: TaskRun, sources: Sources, names: Names): void {
  const { task } = run
  const template = new InputTemplate(task.input, sources)
  run.template = template
  run.items =
    task.fanout === undefined
      ? [null]
      : itemsOf(resolveReference(task.fanout.over, sources), task.fanout.chunk)
  if (task.type !== 'model') return
  run.maker = new UnitMaker(task, names.graph, names.session, names.models)
  run.fixedBlobs = [...template.fixed].map(([name, value]) => blobInput(name, value))
}

/** The next part of a handler task; it stands before its arguments are resolved. */
export function nextHandlerPart(run: TaskRun, { graph, session }: Names): Part {
  return run.addPart(handlerUnit(run.task, graph, session, run.parts.length).id)
}

export function handlerEffect(run: TaskRun, { index }: Part): ConductorEffect {
  const args = run.template?.arguments(run.items[index] ?? null) ?? null
  const handler = run.task.handler ?? ''
  return { type: 'run-handler', task: run.position, index, handler, args }
}

/** The next unit of a model task, and the question whether its result is known. */
export function nextUnit(run: TaskRun): CacheLookup {
  const { maker, template } = run
  assert(maker !== null && template !== null, 'the task was prepared')
  const index = run.parts.length
  const values = template.itemValues(run.items[index] ?? null)
  const blobs = [...run.fixedBlobs, ...values.map(([name, value]) => blobInput(name, value))]
  const inputs = blobs.map(({ input }) => input)
  const unit = maker.make(index, inputs)
  const { bytes, id } = unit.submission.unit
  if (bytes.length > WORK_UNIT_BYTES_MAX)
    throw new MeshError('contracts.too_large', {
      bytes: bytes.length,
      bytesMax: WORK_UNIT_BYTES_MAX
    })
  const part = run.addPart(id)
  part.made = { unit, blobs }
  part.cacheKey = unit.cacheKey
  return { task: run.position, index, key: unit.cacheKey, unit: id }
}
