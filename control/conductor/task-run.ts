/**
 * One task of a running session: what it waits for, its parts (units or handler runs), and what has
 * become of them. Holds state and small questions about it; the conductor decides.
 */
import type { Cid, Task, UnitId, UnitOutcome, Value } from '#contracts'
import type { Failure, PartReport, UnitStatus } from './messages.ts'
import type { BlobInput, InputTemplate } from './resolve.ts'
import type { MadeUnit, UnitMaker } from './unit-maker.ts'

export interface Part {
  readonly index: number
  readonly unit: UnitId
  status: UnitStatus | 'open'
  /** It had succeeded, and another outcome takes the place of the first; its stages stay those. */
  isAgain: boolean
  outputCid: Cid | null
  value: Value
  outcome: UnitOutcome | null
  ms: number
  failure: Failure | null
  /** Made and not yet submitted: waits for the cache's answer. */
  made: { readonly unit: MadeUnit; readonly blobs: readonly BlobInput[] } | null
  cacheKey: string | null
}

export type TaskPhase = 'waiting' | 'running' | 'success' | 'failed' | 'skipped'

export class TaskRun {
  readonly task: Task
  readonly position: number
  /** Positions of the tasks that wait for this one. */
  readonly dependents: number[] = []
  /** Dependencies that have not succeeded. */
  waiting = 0
  phase: TaskPhase = 'waiting'
  readonly parts: Part[] = []
  /** Items of the fan-out; one null item where there is none. */
  items: readonly Value[] = []
  template: InputTemplate | null = null
  maker: UnitMaker | null = null
  /** Inputs that are the same for every unit, hashed once. */
  fixedBlobs: readonly BlobInput[] = []
  ended = 0
  failure: Failure | null = null

  constructor(task: Task, position: number) {
    this.task = task
    this.position = position
  }

  get isOver(): boolean {
    return this.phase !== 'waiting' && this.phase !== 'running'
  }

  /** Every item has its part, and every part has ended. */
  get isComplete(): boolean {
    return this.parts.length === this.items.length && this.ended === this.items.length
  }

  /** A part that had succeeded is open again, unless all of the task was made use of. */
  reopen(part: Part): boolean {
    if (part.status !== 'success' || this.isOver || this.isComplete) return false
    part.status = 'open'
    part.isAgain = true
    this.ended--
    return true
  }

  /** The failure of the first part that failed, so that the order of failing does not show. */
  get firstFailure(): Failure | null {
    return this.failure ?? this.parts.find(({ failure }) => failure !== null)?.failure ?? null
  }

  /** What references to this task see: one value, or the list of a fan-out. */
  get output(): Value {
    if (this.task.fanout !== undefined) return this.parts.map(({ value }) => value)
    return this.parts[0]?.value ?? null
  }

  addPart(unit: UnitId): Part {
    const part: Part = {
      index: this.parts.length,
      unit,
      status: 'open',
      isAgain: false,
      outputCid: null,
      value: null,
      outcome: null,
      ms: 0,
      failure: null,
      made: null,
      cacheKey: null
    }
    this.parts.push(part)
    return part
  }

  reports(): PartReport[] {
    return this.parts.map(({ unit, index, status, outputCid, outcome, ms }) => ({
      unit,
      task: this.task.id,
      index,
      status: status === 'open' ? 'cancelled' : status,
      outputCid,
      outcome,
      ms
    }))
  }
}
