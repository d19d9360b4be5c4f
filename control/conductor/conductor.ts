/**
 * The conductor: runs one session of a task graph as a machine. It starts tasks when what they depend
 * on has succeeded, makes units, asks the cache, accounts for budgets, follows the failure policy and
 * brings the outputs together. It decides and never acts: no clock, no disk, no fabric. Unit ids,
 * trace and state hash depend on graph and inputs alone, not on the order in which results arrive.
 */
import {
  assert,
  assertNever,
  GRAPH_UNITS_MAX,
  moveSession,
  SESSION_OPEN_UNITS_MAX,
  type SessionState,
  type StageRecord,
  type UnitId
} from '#contracts'
import { conclude } from './conclusion.ts'
import {
  CANCELLED,
  failureOf,
  outputInvalid,
  overBudget,
  tooManyUnits,
  validation
} from './failures.ts'
import type {
  CacheAnswer,
  CacheLookup,
  ConductorEffect,
  ConductorInput,
  ConductorOptions,
  ConductorProgress,
  Failure,
  HandlerAnswer,
  PartReport,
  SubmittedUnit
} from './messages.ts'
import { handlerEffect, nextHandlerPart, nextUnit, prepareTask } from './part-making.ts'
import { SessionBudget } from './session-budget.ts'
import { stageOf, stagesOfOutcome } from './stage-trace.ts'
import { strictSchema } from './strict-schema.ts'
import { TaskBook } from './task-book.ts'
import type { Part, TaskRun } from './task-run.ts'
import { Telemetry } from './telemetry.ts'

type Outcome = Extract<ConductorInput, { type: 'outcome' }>

/** Units made in one step: about ten milliseconds, then others have their turn. */
const UNITS_PER_STEP = 256

export class Conductor {
  readonly #options: ConductorOptions
  readonly #book: TaskBook
  readonly #submitted = new Map<UnitId, { readonly run: TaskRun; readonly part: Part }>()
  readonly #telemetry: Telemetry
  readonly #budget: SessionBudget
  readonly #stages: StageRecord[] = []
  readonly #ready: TaskRun[] = []
  /** Tasks with items that have no unit yet, first come first served. */
  readonly #making: TaskRun[] = []
  #effects: ConductorEffect[] = []
  #nowMs = 0
  #state: SessionState = 'initialized'
  #stopped: Failure | null = null
  #counts = { known: 0, open: 0, waited: 0, done: 0, cached: 0, failed: 0 }

  constructor(options: ConductorOptions) {
    const { graph, inputs, session } = options
    this.#options = options
    this.#book = new TaskBook(graph, inputs)
    this.#telemetry = new Telemetry(graph, session)
    this.#budget = new SessionBudget(graph.budgets)
  }

  step(input: ConductorInput): readonly ConductorEffect[] {
    this.#nowMs = input.nowMs
    this.#effects = []
    if (this.#state === 'initialized' || this.#state === 'running') this.#take(input)
    return this.#effects
  }

  progress(): ConductorProgress {
    const { known, open, done, cached, failed } = this.#counts
    return {
      tasks: { total: this.#book.runs.length, done: this.#book.over },
      units: { known, open, done, cached, failed },
      spentMicro: this.#budget.spentMicro,
      committedMicro: this.#budget.committed.costMicro,
      budgetMicro: this.#options.graph.budgets.max_cost_micro
    }
  }

  /** Every unit and handler run, in canonical order. */
  reports(): PartReport[] {
    return this.#book.reports()
  }

  #take(input: ConductorInput): void {
    switch (input.type) {
      case 'start':
        this.#start()
        break
      case 'handled':
        this.#handled(input)
        break
      case 'cache-answers':
        this.#cacheAnswered(input.answers)
        break
      case 'outcome':
        this.#outcome(input)
        break
      case 'stop':
        this.#stop(input.failure)
        break
      case 'give-up':
        assert(this.#stopped !== null, 'only a stopped session gives up')
        this.#counts.waited = 0
        break
      case 'continue':
        break
      default:
        assertNever(input)
    }
    this.#advance()
  }

  #start(): void {
    assert(this.#state === 'initialized', 'a session starts once')
    this.#state = moveSession(this.#state, 'running')
    this.#ready.push(...this.#book.first())
  }

  /** Starts what is ready, makes units while there is room, and ends when there is nothing left. */
  #advance(): void {
    for (let run = this.#ready.shift(); run !== undefined; run = this.#ready.shift())
      if (this.#stopped === null) this.#startTask(run)
    if (this.#stopped === null) this.#makeUnits()
    const isOver = this.#stopped === null && this.#book.isOver && this.#counts.open === 0
    if (isOver || (this.#stopped !== null && this.#counts.waited === 0)) this.#finish()
  }

  #startTask(run: TaskRun): void {
    run.phase = 'running'
    try {
      prepareTask(run, this.#book.sources, this.#options)
    } catch (error) {
      this.#stage(run, 0, 'DECOMPOSE', 'failed')
      this.#failTask(run, validation(error))
      return
    }
    this.#stage(run, 0, 'DECOMPOSE', 'success')
    this.#counts.known += run.items.length
    const unitsMax = this.#options.unitsMax ?? GRAPH_UNITS_MAX
    if (this.#counts.known > unitsMax) {
      run.failure = tooManyUnits(this.#counts.known, unitsMax)
      this.#stop(run.failure)
    } else if (run.items.length === 0) this.#completeTask(run)
    else this.#making.push(run)
  }

  #makeUnits(): void {
    const openMax = this.#options.openUnitsMax ?? SESSION_OPEN_UNITS_MAX
    const lookups: CacheLookup[] = []
    let room = Math.min(UNITS_PER_STEP, openMax - this.#counts.open)
    while (room > 0 && this.#stopped === null) {
      const [run] = this.#making
      if (run === undefined) break
      if (run.isOver || run.parts.length === run.items.length) this.#making.shift()
      else {
        room--
        if (run.maker === null) this.#runHandler(run)
        else this.#makeUnit(run, lookups)
      }
    }
    if (lookups.length > 0) this.#effects.push({ type: 'lookup-cache', lookups })
    const hasRoom = this.#counts.open < openMax && this.#stopped === null
    const left = this.#making.some((run) => !run.isOver && run.parts.length < run.items.length)
    if (hasRoom && left) this.#effects.push({ type: 'continue' })
  }

  #runHandler(run: TaskRun): void {
    const part = nextHandlerPart(run, this.#options)
    this.#counts.open++
    this.#emit(this.#telemetry.queued(part.unit, run.task, this.#nowMs))
    this.#emit(this.#telemetry.dispatched(part.unit, this.#nowMs))
    try {
      this.#effects.push(handlerEffect(run, part))
    } catch (error) {
      this.#endHandler(run, part, validation(error))
    }
  }

  #makeUnit(run: TaskRun, lookups: CacheLookup[]): void {
    try {
      lookups.push(nextUnit(run))
      this.#counts.open++
    } catch (error) {
      this.#failTask(run, validation(error))
    }
  }

  #handled(answer: HandlerAnswer): void {
    const { run, part } = this.#book.at(answer)
    if (part.status !== 'open') return
    part.ms = answer.ms
    if (!answer.result.ok) {
      const { code, detail } = answer.result
      const why = { stopReason: 'validation_failed', failureClass: 'validation' } as const
      this.#endHandler(run, part, { ...why, code, detail })
      return
    }
    const { value } = answer.result
    const { schema } = run.task
    const faults =
      schema === undefined ? [] : this.#options.checkOutput(strictSchema(schema), value)
    if (faults.length > 0) this.#endHandler(run, part, outputInvalid(faults.slice(0, 3).join('; ')))
    else {
      part.value = value
      this.#endHandler(run, part, null)
    }
  }

  #endHandler(run: TaskRun, part: Part, failure: Failure | null): void {
    const { unit } = part
    this.#emit(
      failure === null
        ? this.#telemetry.completed(unit, this.#nowMs, null)
        : this.#telemetry.failed(unit, this.#nowMs, failure)
    )
    this.#stage(run, part.index, stageOf(run.task), failure === null ? 'success' : 'failed')
    this.#endPart(run, part, { status: failure === null ? 'success' : 'failed', failure })
  }

  #cacheAnswered(answers: readonly CacheAnswer[]): void {
    const units: SubmittedUnit[] = []
    for (const answer of answers) {
      const { run, part } = this.#book.at(answer)
      if (part.status !== 'open' || part.made === null) continue
      if (answer.hit === null) this.#submit(run, part, units)
      else this.#cached(run, part, answer.hit)
    }
    if (units.length > 0 && this.#stopped === null) this.#effects.push({ type: 'submit', units })
    else for (const { unit } of units) this.#withdraw(unit.id)
  }

  #cached(run: TaskRun, part: Part, hit: NonNullable<CacheAnswer['hit']>): void {
    part.made = null
    part.value = hit.value
    part.outputCid = hit.outputCid
    this.#emit(this.#telemetry.queued(part.unit, run.task, this.#nowMs))
    this.#emit(this.#telemetry.completed(part.unit, this.#nowMs, hit.outputCid))
    this.#stage(run, part.index, 'ADAPTER', 'cached')
    this.#stage(run, part.index, 'VERIFY', 'cached')
    this.#endPart(run, part, { status: 'cached', failure: null })
  }

  #submit(run: TaskRun, part: Part, units: SubmittedUnit[]): void {
    const { made } = part
    if (made === null || this.#stopped !== null) return
    part.made = null
    const breach = this.#budget.commit(made.unit.worst)
    if (breach !== null) {
      const failure = overBudget(breach)
      this.#emit(this.#telemetry.queued(part.unit, run.task, this.#nowMs))
      this.#emit(this.#telemetry.breached(part.unit, this.#nowMs, failure))
      this.#stage(run, part.index, 'BUDGET_BREACH', 'failed')
      this.#endPart(run, part, { status: 'failed', failure })
      this.#stop(failure)
      return
    }
    for (const { input, bytes } of made.blobs)
      this.#effects.push({ type: 'store', cid: input.cid, bytes })
    this.#submitted.set(part.unit, { run, part })
    this.#counts.waited++
    units.push({ ...made.unit.submission, confidence: made.unit.confidence })
  }

  /** Takes back what was about to be submitted when the session stopped. */
  #withdraw(unit: UnitId): void {
    const found = this.#submitted.get(unit)
    if (found === undefined || !this.#submitted.delete(unit)) return
    this.#counts.waited--
    this.#endPart(found.run, found.part, { status: 'cancelled', failure: null })
  }

  /** Takes a unit back of whose value no use was made: another outcome follows. Its key; null: too late. */
  reopen(unit: UnitId): string | null {
    const found = this.#submitted.get(unit)
    if (found === undefined || this.#stopped !== null || !found.run.reopen(found.part)) return null
    this.#budget.spend(-(found.part.outcome?.costMicro ?? 0))
    this.#counts.open++
    this.#counts.done--
    this.#counts.waited++
    return found.part.cacheKey ?? ''
  }

  #outcome({ outcome, value }: Outcome): void {
    const found = this.#submitted.get(outcome.unitId)
    if (found === undefined || found.part.status !== 'open') return
    const { run, part } = found
    const isGood = outcome.status === 'success'
    assert(!isGood || value !== null || outcome.outputCid !== null, 'a success has an output')
    this.#counts.waited = Math.max(0, this.#counts.waited - 1)
    this.#budget.spend(outcome.costMicro)
    part.outcome = outcome
    part.outputCid = outcome.outputCid
    part.value = value
    const stages = part.isAgain ? [] : stagesOfOutcome(run.task.id, part.index, outcome)
    for (const record of stages) this.#record(record)
    const isSure = outcome.verification === 'schema' || outcome.verification === 'agreed'
    if (isGood && isSure && outcome.escalations.length === 0 && outcome.outputCid !== null)
      this.#effects.push({
        type: 'remember',
        key: part.cacheKey ?? '',
        outputCid: outcome.outputCid,
        unit: part.unit
      })
    const isOurs = this.#stopped !== null && outcome.status === 'cancelled'
    const failure = isGood || isOurs ? null : failureOf(outcome)
    this.#endPart(run, part, { status: outcome.status, failure })
  }

  #endPart(run: TaskRun, part: Part, end: Pick<Part, 'status' | 'failure'>): void {
    assert(part.status === 'open', 'a part ends once')
    part.status = end.status
    part.failure = end.failure
    run.ended++
    this.#counts.open--
    this.#counts.done++
    if (end.status === 'cached') this.#counts.cached++
    if (end.failure !== null) {
      this.#counts.failed++
      if (this.#options.graph.policies.failure_policy === 'fail_fast') this.#stop(end.failure)
    }
    if (!run.isComplete || run.isOver || this.#stopped !== null) return
    const failure = run.firstFailure
    if (failure === null) this.#completeTask(run)
    else this.#failTask(run, failure)
  }

  #completeTask(run: TaskRun): void {
    this.#ready.push(...this.#book.complete(run))
  }

  /** Under continue_on_error all that waits for the task is passed over. */
  #failTask(run: TaskRun, failure: Failure): void {
    run.failure ??= failure
    if (this.#options.graph.policies.failure_policy === 'fail_fast') this.#stop(failure)
    for (const skipped of this.#book.fail(run)) this.#stage(skipped, 0, 'DECOMPOSE', 'skipped')
  }

  /** Ends the session early: cancels what runs, and waits for its last words. */
  #stop(failure: Failure): void {
    if (this.#stopped !== null) return
    this.#stopped = failure
    if (this.#counts.waited > 0) this.#effects.push({ type: 'cancel' })
    for (const run of this.#book.runs) {
      if (run.task.type === 'model') continue
      for (const part of run.parts) {
        if (part.status !== 'open') continue
        this.#emit(this.#telemetry.failed(part.unit, this.#nowMs, CANCELLED))
        part.status = 'cancelled'
      }
    }
  }

  #finish(): void {
    const result = conclude({
      options: this.#options,
      runs: this.#book.runs,
      sources: this.#book.sources,
      stages: this.#stages,
      stopped: this.#stopped
    })
    const { stopReason } = result
    const wanted =
      stopReason === 'success' ? 'completed' : stopReason === 'cancelled' ? 'cancelled' : 'failed'
    if (this.#state === 'initialized') this.#state = moveSession(this.#state, 'running')
    this.#state = moveSession(this.#state, wanted)
    this.#effects.push({ type: 'finish', result })
  }

  #stage(
    run: TaskRun,
    index: number,
    stage: StageRecord['stage'],
    outcome: StageRecord['outcome']
  ): void {
    this.#record({ stage, task_id: run.task.id, index, outcome })
  }

  #record(record: StageRecord): void {
    this.#stages.push(record)
    this.#effects.push({ type: 'stage', record })
  }

  #emit(event: Extract<ConductorEffect, { type: 'event' }>['event']): void {
    this.#effects.push({ type: 'event', event })
  }
}
