/**
 * All tasks of a session and what waits for what. Keeps count of tasks that are over, names those that
 * become ready, and passes over those that never can. Knows nothing of units, budgets or fabrics.
 */
import { assert, dependenciesOf, type TaskGraph, type ValueMap } from '#contracts'
import type { PartReport } from './messages.ts'
import type { Sources } from './resolve.ts'
import { type Part, TaskRun } from './task-run.ts'

export class TaskBook {
  readonly runs: readonly TaskRun[]
  /** Where references find values: graph inputs, and tasks by their outputs so far. */
  readonly sources: Sources
  #over = 0

  constructor(graph: TaskGraph, inputs: ValueMap) {
    this.runs = graph.tasks.map((task, position) => new TaskRun(task, position))
    const byId = new Map(this.runs.map((run) => [run.task.id, run]))
    this.sources = {
      input: (name) => (Object.hasOwn(inputs, name) ? inputs[name] : undefined),
      task: (id) => byId.get(id)?.output
    }
    for (const run of this.runs) {
      for (const id of dependenciesOf(run.task)) {
        const dependency = byId.get(id)
        assert(dependency !== undefined, 'the graph was checked')
        dependency.dependents.push(run.position)
        run.waiting++
      }
    }
  }

  /** Tasks that have ended, one way or another. */
  get over(): number {
    return this.#over
  }

  get isOver(): boolean {
    return this.#over === this.runs.length
  }

  first(): readonly TaskRun[] {
    return this.runs.filter((run) => run.waiting === 0)
  }

  /** Ends a task well; gives the tasks that wait for nothing more. */
  complete(run: TaskRun): readonly TaskRun[] {
    assert(run.phase === 'running', 'only what runs completes')
    run.phase = 'success'
    this.#over++
    return run.dependents.flatMap((position) => {
      const dependent = this.runs[position]
      if (dependent === undefined || --dependent.waiting > 0) return []
      return dependent.phase === 'waiting' ? [dependent] : []
    })
  }

  /** Ends a task badly; gives all that waited for it, however far, which is passed over. */
  fail(run: TaskRun): readonly TaskRun[] {
    assert(run.phase === 'running', 'only what runs fails')
    run.phase = 'failed'
    this.#over++
    const skipped: TaskRun[] = []
    const open = [...run.dependents]
    for (let position = open.pop(); position !== undefined; position = open.pop()) {
      const dependent = this.runs[position]
      if (dependent === undefined || dependent.phase !== 'waiting') continue
      dependent.phase = 'skipped'
      this.#over++
      skipped.push(dependent)
      open.push(...dependent.dependents)
    }
    return skipped
  }

  at({ task, index }: { readonly task: number; readonly index: number }): {
    run: TaskRun
    part: Part
  } {
    const run = this.runs[task]
    const part = run?.parts[index]
    assert(run !== undefined && part !== undefined, 'an answer names what was asked for')
    return { run, part }
  }

  reports(): PartReport[] {
    return this.runs.flatMap((run) => run.reports())
  }
}
