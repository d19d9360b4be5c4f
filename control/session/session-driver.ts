/**
 * Runs one session: carries out what the conductor asks for, on handlers, cache, blobs and a fabric,
 * and brings their answers back. It decides nothing that the state hash could show. Waits are bounded
 * by the graph's latency budget, and a stopped session by a grace period.
 */
import {
  assert,
  assertNever,
  type Cid,
  decodeValue,
  type EventDraft,
  type Fabric,
  type FabricSignal,
  MeshError,
  type UnitId,
  type UnitOutcome,
  type Value
} from '#contracts'
import { Conductor } from '../conductor/conductor.ts'
import { CANCELLED } from '../conductor/failures.ts'
import type {
  CacheAnswer,
  CacheLookup,
  Conclusion,
  ConductorEffect,
  ConductorInput,
  SubmittedUnit
} from '../conductor/messages.ts'
import { checkBudget, planGraph } from '../plan/planner.ts'
import { valueFaults } from '../verify/judge.ts'
import { AvoidedCalls } from './avoided.ts'
import type { SessionOptions, SessionPorts } from './ports.ts'
import { bindInputs, nameSession, type SessionNames } from './session-ids.ts'
import { callsOf, type SessionResult, unitRow } from './session-result.ts'

type Input = ConductorInput extends infer T ? (T extends unknown ? Omit<T, 'nowMs'> : never) : never
type RunHandler = Extract<ConductorEffect, { type: 'run-handler' }>

/** Long enough for a fabric to say how what it ran has ended. */
const GRACE_MS = 10_000

/** Runs the graph to its end. Throws what can be known before anything runs; a failed session returns. */
export async function runSession(
  options: SessionOptions,
  ports: SessionPorts
): Promise<SessionResult> {
  const inputs = bindInputs(options.graph, options.inputs)
  const plan = planGraph(options.graph, { models: ports.models, inputs, cache: ports.cache })
  checkBudget(plan)
  const requestId = options.requestId ?? options.graph.request_id ?? ports.freshId()
  const names = options.names ?? nameSession(options.graph, inputs, requestId)
  const driver = new SessionDriver({ ...options, inputs }, ports, names)
  return driver.run()
}

class SessionDriver {
  readonly #options: SessionOptions
  readonly #ports: SessionPorts
  readonly #names: SessionNames
  readonly #conductor: Conductor
  readonly #avoided = new AvoidedCalls()
  readonly #startedMs: number
  readonly #ended = Promise.withResolvers<Conclusion>()
  readonly #stored = new Map<Cid, Promise<unknown>>()
  readonly #expected: SubmittedUnit[] = []
  readonly #remembered: Promise<void>[] = []
  #inputs: Input[] = []
  #isPumping = false
  #fabric: Fabric | null = null
  #task = ''

  constructor(options: SessionOptions, ports: SessionPorts, names: SessionNames) {
    this.#options = options
    this.#ports = ports
    this.#names = names
    this.#startedMs = ports.clock.nowMs()
    const { graph, inputs } = options
    const { graphCid, inputsCid, session } = names
    this.#conductor = new Conductor({
      graph,
      graphCid,
      inputs,
      inputsCid,
      session,
      models: ports.models,
      checkOutput: (schema, value) =>
        valueFaults(schema, value).map(({ path, message }) => `${path} ${message}`.trim())
    })
  }

  async run(): Promise<SessionResult> {
    const { graph, signal } = this.#options
    const { session, graphCid, inputsCid, requestId } = this.#names
    this.#fabric = await this.#ports.fabric((fabricSignal) => this.#heard(fabricSignal))
    await this.#fabric.open({
      session,
      tenant: graph.tenant_id,
      graphId: graph.graph_id,
      graphCid,
      inputsCid,
      requestId,
      budgets: graph.budgets,
      maxRetriesTotal: graph.policies.max_retries_total
    })
    const callOff = this.#ports.clock.after(graph.budgets.max_latency_ms, () => this.#late())
    const failure = this.#options.stopsWith ?? CANCELLED
    const onAbort = (): void => this.#push({ type: 'stop', failure })
    signal?.addEventListener('abort', onAbort)
    try {
      this.#push({ type: 'start' })
      if (signal?.aborted === true) onAbort()
      return await this.#close(await this.#ended.promise)
    } finally {
      callOff()
      signal?.removeEventListener('abort', onAbort)
      for (const { confidence } of this.#expected) this.#ports.judge.forget(confidence)
    }
  }

  #late(): void {
    const { max_latency_ms } = this.#options.graph.budgets
    this.#push({
      type: 'stop',
      failure: {
        stopReason: 'budget_exhausted',
        failureClass: 'timeout',
        code: 'budget.exceeded',
        detail: `the session took longer than max_latency_ms ${max_latency_ms}`
      }
    })
  }

  async #close(conclusion: Conclusion): Promise<SessionResult> {
    await Promise.all(this.#remembered)
    await this.#ports.blobs.put(conclusion.stateBytes)
    await this.#fabric?.close(this.#names.session, conclusion.stopReason, conclusion.stateHash)
    const { graph } = this.#options
    const tasks = new Map(graph.tasks.map((task) => [task.id, task]))
    const units = this.#conductor.reports().map((report) => {
      const task = tasks.get(report.task)
      assert(task !== undefined, 'a report names a task of the graph')
      if (report.status === 'cached') this.#avoided.cached(task.id)
      return unitRow(report, task)
    })
    const { calls, because } = this.#avoided.total()
    return {
      session: this.#names.session,
      graph_id: graph.graph_id,
      request_id: this.#names.requestId,
      outputs: conclusion.outputs,
      units,
      model_calls: units.reduce((sum, { executions }) => sum + callsOf(executions), 0),
      avoided: calls,
      avoided_because: because,
      stages: conclusion.stages,
      stop_reason: conclusion.stopReason,
      state_hash: conclusion.stateHash,
      cost_micro: this.#conductor.progress().spentMicro,
      elapsed_ms: Math.round(this.#ports.clock.nowMs() - this.#startedMs),
      error: conclusion.failure
    }
  }

  #heard(signal: FabricSignal): void {
    switch (signal.type) {
      case 'event':
        this.#event(signal.event)
        break
      case 'outcome':
        if (signal.outcome.session === this.#names.session)
          this.#supervise(this.#outcome(signal.outcome))
        break
      case 'reclaim':
        if (signal.session === this.#names.session && this.#reopened(signal.unit)) signal.take()
        break
      case 'session-refused':
        if (signal.session === this.#names.session) this.#refused(signal.refusal)
        break
      default:
        assertNever(signal)
    }
  }

  /** Takes the unit back, where no use was made of its value; nobody else is to have that meanwhile. */
  #reopened(unit: UnitId): boolean {
    const key = this.#conductor.reopen(unit)
    if (key !== null) this.#keep(this.#ports.cache?.drop(key))
    return key !== null
  }

  #refused(refusal: string): void {
    const stopReason = refusal === 'BUDGET_EXCEEDED' ? 'budget_exhausted' : 'admission_rejected'
    const detail = 'the fabric does not take the session'
    const failure = { stopReason, failureClass: null, code: refusal, detail } as const
    this.#push({ type: 'stop', failure })
    this.#push({ type: 'give-up' })
  }

  async #outcome(outcome: UnitOutcome): Promise<void> {
    if (outcome.status !== 'success' || outcome.outputCid === null) {
      this.#push({ type: 'outcome', outcome, value: null })
      return
    }
    const value = await this.#valueOf(outcome.outputCid)
    if (value !== null) this.#push({ type: 'outcome', outcome, value: value.value })
    else this.#push({ type: 'outcome', outcome: lostOutput(outcome), value: null })
  }

  async #valueOf(cid: Cid): Promise<{ value: Value } | null> {
    const bytes = await this.#ports.blobs.get(cid)
    return bytes === null ? null : { value: decodeValue(bytes) }
  }

  #push(input: Input): void {
    this.#inputs.push(input)
    if (!this.#isPumping) this.#supervise(this.#pump())
  }

  /** Anything thrown here is our own mistake or a broken disk: the session ends with it. */
  #supervise(work: Promise<void>): void {
    work.catch((error: unknown) => this.#ended.reject(error))
  }

  /** Inputs go in one by one, each with all its effects, in order. */
  async #pump(): Promise<void> {
    this.#isPumping = true
    try {
      for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) {
        const effects = this.#conductor.step({ ...input, nowMs: this.#ports.clock.nowMs() })
        for (const effect of effects) await this.#perform(effect)
        this.#report()
      }
    } finally {
      this.#isPumping = false
    }
  }

  async #perform(effect: ConductorEffect): Promise<void> {
    switch (effect.type) {
      case 'run-handler':
        return this.#runHandler(effect)
      case 'lookup-cache':
        return this.#lookUp(effect.lookups)
      case 'store':
        this.#store(effect.cid, effect.bytes)
        return
      case 'submit':
        return this.#submit(effect.units)
      case 'remember':
        this.#keep(this.#ports.cache?.set(effect.key, effect.outputCid, effect.unit))
        return
      case 'stage':
        this.#task = effect.record.task_id
        this.#options.onStage?.(effect.record)
        return
      case 'event':
        this.#event(effect.event)
        return
      case 'continue':
        await this.#ports.clock.turn()
        this.#push({ type: 'continue' })
        return
      case 'cancel':
        this.#cancel()
        return
      case 'finish':
        this.#ended.resolve(effect.result)
        return
      default:
        assertNever(effect)
    }
  }

  async #runHandler({ task, index, handler, args }: RunHandler): Promise<void> {
    await this.#ports.clock.turn()
    const { clock, handle } = this.#ports
    const startedMs = clock.nowMs()
    const place = { type: 'handled', task, index } as const
    try {
      const value = handle(handler, args)
      const id = this.#options.graph.tasks[task]?.id ?? ''
      this.#avoided.handled(id, handler, args, value)
      const ms = clock.nowMs() - startedMs
      this.#push({ ...place, ms, result: { ok: true, value } })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      const ms = clock.nowMs() - startedMs
      const { code, message } = error
      this.#push({ ...place, ms, result: { ok: false, code, detail: message } })
    }
  }

  async #lookUp(lookups: readonly CacheLookup[]): Promise<void> {
    const answers: CacheAnswer[] = []
    for (const { task, index, key, unit } of lookups) {
      const outputCid = (await this.#ports.cache?.get(key, unit)) ?? null
      const found = outputCid === null ? null : await this.#valueOf(outputCid)
      const hit = outputCid === null || found === null ? null : { outputCid, value: found.value }
      answers.push({ task, index, hit })
    }
    this.#push({ type: 'cache-answers', answers })
  }

  #store(cid: Cid, bytes: Uint8Array): void {
    if (this.#stored.has(cid)) return
    const { blobs } = this.#ports
    const kept = blobs.putVolatile?.(bytes, cid) ?? blobs.put(bytes)
    kept.catch(() => {})
    this.#stored.set(cid, kept)
  }

  async #submit(units: readonly SubmittedUnit[]): Promise<void> {
    for (const { unit } of units)
      for (const { cid } of unit.unit.inputs) await this.#stored.get(cid)
    for (const unit of units) {
      if (unit.confidence.size === 0) continue
      this.#ports.judge.expect(unit.confidence)
      this.#expected.push(unit)
    }
    this.#fabric?.submit(
      this.#names.session,
      units.map(({ unit, edges }) => ({ unit, edges }))
    )
  }

  /** A change of the cache: the session ends when it is made. */
  #keep(kept: Promise<void> | undefined): void {
    if (kept === undefined) return
    kept.catch(() => {})
    this.#remembered.push(kept)
  }

  #cancel(): void {
    this.#fabric?.cancel(this.#names.session)
    const giveUp = this.#ports.clock.after(this.#options.graceMs ?? GRACE_MS, () =>
      this.#push({ type: 'give-up' })
    )
    this.#ended.promise.then(giveUp, giveUp)
  }

  #event(event: EventDraft): void {
    this.#options.onEvent?.(event)
  }

  #report(): void {
    const { onProgress, nodes } = this.#options
    if (onProgress === undefined) return
    const { units, spentMicro, budgetMicro } = this.#conductor.progress()
    onProgress({
      unitsDone: units.done - units.failed,
      unitsFailed: units.failed,
      unitsRunning: units.open,
      unitsWaiting: Math.max(0, units.known - units.done - units.open),
      nodes: nodes?.() ?? 1,
      spentMicro,
      budgetMicro,
      task: this.#task
    })
  }
}

/** A verified output that cannot be read any more is of no use to anyone. */
function lostOutput(outcome: UnitOutcome): UnitOutcome {
  return {
    ...outcome,
    status: 'failed',
    stopReason: 'substrate_failure',
    failureClass: 'execution',
    outputCid: null,
    error: { code: 'blob.not_found', detail: `output ${outcome.outputCid} is not in the store` }
  }
}
