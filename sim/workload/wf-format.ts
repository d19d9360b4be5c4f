/**
 * Reads a workflow trace of WfCommons (WfFormat 1.5, JSON, plain or gzipped) and puts parents before
 * children. Refuses what is larger than a graph may be, a task that is named twice or not at all, an
 * edge that only one of its ends knows, and a cycle, all with their places. Follows no reference.
 *
 * Source: https://github.com/wfcommons/WfFormat, schema version 1.5.
 */
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { ISSUES_MAX, type Issue, MeshError, shapeIssues } from '#contracts'
import type { Workflow, WorkflowTask } from './workflow.ts'

/** The largest published trace has 1,312 tasks in 3 MB. */
const TRACE_BYTES_MAX = 64 * 1024 * 1024
const TASKS_MAX = 100_000
const MICROS = 1_000_000

const Id = z.string().min(1).max(500)
const Trace = z.object({
  name: z.string().max(500),
  schemaVersion: z.literal('1.5'),
  workflow: z.object({
    specification: z.object({
      tasks: z
        .array(
          z.object({
            id: Id,
            parents: z.array(Id),
            children: z.array(Id),
            inputFiles: z.array(Id).default([]),
            outputFiles: z.array(Id).default([])
          })
        )
        .min(1)
        .max(TASKS_MAX),
      files: z.array(z.object({ id: Id, sizeInBytes: z.number().int().nonnegative() })).default([])
    }),
    execution: z.object({
      tasks: z.array(z.object({ id: Id, runtimeInSeconds: z.number().nonnegative() }))
    })
  })
})
type Trace = z.infer<typeof Trace>
type SpecifiedTask = Trace['workflow']['specification']['tasks'][number]

const TASKS = '/workflow/specification/tasks'

/** Throws `workflow.invalid` with every fault. */
export function readWorkflow(bytes: Uint8Array): Workflow {
  const parsed = Trace.safeParse(plainOf(bytes))
  if (!parsed.success) throw invalid(shapeIssues(parsed.error))
  const { name, workflow } = parsed.data
  const { tasks, files } = workflow.specification
  const faults = [...edgeFaults(tasks), ...runtimeFaults(workflow)]
  if (faults.length > 0) throw invalid(faults)
  const secondsOf = new Map(workflow.execution.tasks.map((one) => [one.id, one.runtimeInSeconds]))
  const bytesOf = new Map(files.map(({ id, sizeInBytes }) => [id, sizeInBytes]))
  const sum = (ids: readonly string[]): number =>
    ids.reduce((total, id) => total + (bytesOf.get(id) ?? 0), 0)
  const sorted = parentsFirst(tasks)
  const placeOf = new Map(sorted.map(({ id }, place) => [id, place]))
  return {
    name,
    tasks: sorted.map(
      ({ id, parents, inputFiles, outputFiles }): WorkflowTask => ({
        id,
        parents: parents.flatMap((parent) => placeOf.get(parent) ?? []),
        workUs: Math.round((secondsOf.get(id) ?? 0) * MICROS),
        inputBytes: sum(inputFiles),
        outputBytes: sum(outputFiles)
      })
    )
  }
}

function plainOf(bytes: Uint8Array): unknown {
  try {
    const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b
    const text = isZipped ? gunzipSync(bytes, { maxOutputLength: TRACE_BYTES_MAX }) : bytes
    if (text.length > TRACE_BYTES_MAX) throw new Error(`more than ${TRACE_BYTES_MAX} bytes`)
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw invalid([{ path: '', rule: 'not_json', message }])
  }
}

/** Ids that are not one task's, and edges that only one end knows. */
function edgeFaults(tasks: readonly SpecifiedTask[]): Issue[] {
  const byId = new Map(
    tasks.map((task) => [
      task.id,
      { task, parents: new Set(task.parents), children: new Set(task.children) }
    ])
  )
  const issues: Issue[] = []
  tasks.forEach((task, index) => {
    const path = `${TASKS}/${index}`
    if (byId.get(task.id)?.task !== task) {
      issues.push({ path: `${path}/id`, rule: 'duplicate_id', message: task.id })
    }
    for (const [mine, theirs] of [
      ['parents', 'children'],
      ['children', 'parents']
    ] as const) {
      for (const [at, id] of task[mine].entries()) {
        const place = { path: `${path}/${mine}/${at}`, message: id }
        const other = byId.get(id)
        if (other === undefined) issues.push({ ...place, rule: 'unknown_task' })
        else if (!other[theirs].has(task.id)) issues.push({ ...place, rule: 'one_sided_edge' })
      }
    }
  })
  return issues
}

function runtimeFaults({ specification, execution }: Trace['workflow']): Issue[] {
  const ran = new Set(execution.tasks.map(({ id }) => id))
  return specification.tasks.flatMap(({ id }, index) =>
    ran.has(id) ? [] : [{ path: `${TASKS}/${index}/id`, rule: 'never_ran', message: id }]
  )
}

/** Kahn's order, stable: among tasks that may come next, the first of the file. */
function parentsFirst(tasks: readonly SpecifiedTask[]): readonly SpecifiedTask[] {
  const waitsFor = new Map(tasks.map(({ id, parents }) => [id, new Set(parents).size]))
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const sorted = tasks.filter(({ parents }) => parents.length === 0)
  for (const { id, children } of sorted) {
    for (const child of new Set(children)) {
      const left = (waitsFor.get(child) ?? 0) - 1
      waitsFor.set(child, left)
      const task = byId.get(child)
      if (left === 0 && task !== undefined) sorted.push(task)
    }
    waitsFor.delete(id)
  }
  if (sorted.length === tasks.length) return sorted
  const issues = tasks.flatMap(({ id }, index) =>
    waitsFor.has(id) ? [{ path: `${TASKS}/${index}`, rule: 'cycle', message: id }] : []
  )
  throw invalid(issues)
}

const invalid = (issues: readonly Issue[]): MeshError =>
  new MeshError(
    'workflow.invalid',
    { faults: issues.length },
    { issues: issues.slice(0, ISSUES_MAX) }
  )
