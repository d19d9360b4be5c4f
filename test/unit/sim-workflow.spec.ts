/** Workflow traces: read with exact counts, parents first, and refused at the place of the fault. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { MeshError } from '#contracts'
import { readWorkflow } from '../../sim/workload/wf-format.ts'
import { criticalPathUs, makespanBounds, sizeOf } from '../../sim/workload/workflow.ts'

/** Edges as pairs of places; the trace names children before parents, to be put right. */
function trace(tasks: number, edges: readonly (readonly [number, number])[], seconds = 2): unknown {
  const ids = Array.from({ length: tasks }, (_, place) => `task-${place}`)
  const of = (place: number): string => ids[place] ?? ''
  return {
    name: 'drawn',
    schemaVersion: '1.5',
    workflow: {
      specification: {
        tasks: ids
          .map((id, place) => ({
            id,
            name: id,
            parents: edges.flatMap(([from, to]) => (to === place ? [of(from)] : [])),
            children: edges.flatMap(([from, to]) => (from === place ? [of(to)] : [])),
            inputFiles: ['in'],
            outputFiles: place === 0 ? ['out'] : []
          }))
          .reverse(),
        files: [
          { id: 'in', sizeInBytes: 10 },
          { id: 'out', sizeInBytes: 7 }
        ]
      },
      execution: { tasks: ids.map((id) => ({ id, runtimeInSeconds: seconds })) }
    }
  }
}

const bytes = (plain: unknown): Uint8Array => Buffer.from(JSON.stringify(plain))
const read = (plain: unknown) => readWorkflow(bytes(plain))
const DIAMOND = [
  [0, 1],
  [0, 2],
  [1, 3],
  [2, 3]
] as const

function refuses(plain: unknown, rule: string, path: RegExp): void {
  throws(
    () => read(plain),
    (error) => {
      ok(error instanceof MeshError && error.code === 'workflow.invalid')
      ok(
        error.issues?.some((issue) => issue.rule === rule && path.test(issue.path)),
        JSON.stringify(error.issues)
      )
      return true
    }
  )
}

describe('a workflow trace', () => {
  it('is read with its counts, plain and gzipped', () => {
    const workflow = read(trace(4, DIAMOND))
    deepEqual(sizeOf(workflow), { tasks: 4, edges: 4, depth: 3, width: 2, workUs: 8_000_000 })
    equal(criticalPathUs(workflow), 6_000_000)
    deepEqual(workflow.tasks[0], {
      id: 'task-0',
      parents: [],
      workUs: 2_000_000,
      inputBytes: 10,
      outputBytes: 7
    })
    deepEqual(readWorkflow(gzipSync(bytes(trace(4, DIAMOND)))), workflow)
  })

  it('has parents before children, whatever the order of the file', () => {
    const edge = fc.tuple(fc.nat(19), fc.nat(19)).filter(([from, to]) => from < to)
    const edges = fc.uniqueArray(edge, { maxLength: 60, selector: ([a, b]) => a * 20 + b })
    fc.assert(
      fc.property(edges, (drawn) => {
        const { tasks } = read(trace(20, drawn))
        equal(tasks.length, 20)
        for (const [place, { parents }] of tasks.entries()) {
          ok(parents.every((parent) => parent < place))
        }
      })
    )
  })

  it('cannot be run faster than its bounds say', () => {
    deepEqual(makespanBounds(read(trace(4, DIAMOND)), 2), {
      leastUs: 6_000_000,
      greedyMostUs: 7_000_000
    })
  })

  it('is refused where an edge leads back', () => {
    refuses(
      trace(3, [
        [0, 1],
        [1, 2],
        [2, 1]
      ]),
      'cycle',
      /tasks\/0$/
    )
  })

  it('is refused where a task is named twice, by nobody or by one end only', () => {
    const edited = (edit: (tasks: Record<string, unknown>[]) => void): unknown => {
      const copy = structuredClone(trace(4, DIAMOND))
      const { tasks } = Object(copy).workflow.specification
      edit(tasks)
      return copy
    }
    refuses(
      edited((tasks) => tasks.push({ ...tasks[0] })),
      'duplicate_id',
      /tasks\/0\/id$/
    )
    refuses(
      edited((tasks) => Object.assign(tasks[0] ?? {}, { parents: ['x'] })),
      'unknown_task',
      /parents\/0$/
    )
    refuses(
      edited((tasks) => Object.assign(tasks[0] ?? {}, { parents: [] })),
      'one_sided_edge',
      /children\/0$/
    )
  })

  it('is refused where a task never ran, has no size that is one, or is no JSON at all', () => {
    const noRun = trace(2, [])
    Object(noRun).workflow.execution.tasks.pop()
    refuses(noRun, 'never_ran', /tasks\/0\/id$/)
    refuses(trace(2, [], -1), 'too_small', /execution\/tasks\/0\/runtimeInSeconds$/)
    throws(() => readWorkflow(Buffer.from('{"name":')), { code: 'workflow.invalid' })
    throws(() => readWorkflow(gzipSync(Buffer.alloc(65 * 1024 * 1024))), {
      code: 'workflow.invalid'
    })
  })
})
