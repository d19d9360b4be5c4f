/**
 * A fabric of one machine: units run on the local execution engine, with the same judge, limits,
 * retries and escalation edges as on a mesh. Nobody attests anything here and nothing is billed; a
 * quorum has nobody to agree with, so its units are run once and say so (`unverified`).
 */
import {
  assert,
  type EscalationTrigger,
  type EventData,
  type EventType,
  type ExecutionRecord,
  encodeValue,
  type Fabric,
  type FabricSignal,
  type FailureClass,
  type Judge,
  MeshError,
  type PackedUnit,
  type SessionId,
  type SessionSpec,
  type StopReason,
  type UnitEdge,
  type UnitOutcome,
  type UnitSubmission,
  type Usage
} from '#contracts'
import type { ExecutionEngine } from '#mesh-node/exec'
import type { Clock } from '../session/ports.ts'
import { runOnce, type UnitFiles } from './run-once.ts'

/** What a unit's executions name as their node. */
const LOCAL_NODE = 'local'
/** Backoff grows to this and no further. */
const BACKOFF_MS_MAX = 30_000

export interface LocalEnginePorts {
  readonly engine: ExecutionEngine
  readonly files: UnitFiles
  readonly judge: Judge
  readonly clock: Clock
  readonly emit: (signal: FabricSignal) => void
}

interface OpenSession {
  readonly spec: SessionSpec
  readonly abort: AbortController
  retriesLeft: number
  /** Rejections here would be nobody's to hear: each unit answers with an outcome instead. */
  readonly running: Set<Promise<void>>
}

/** How the attempts at one unit ended. */
interface Tried {
  readonly ok: boolean
  readonly status: UnitOutcome['status']
  readonly stopReason: StopReason
  readonly failureClass: FailureClass | null
  readonly trigger: EscalationTrigger | null
  readonly error: UnitOutcome['error']
  readonly output: Uint8Array | null
  readonly usage: Usage | null
}

export class LocalEngine implements Fabric {
  readonly #ports: LocalEnginePorts
  readonly #sessions = new Map<SessionId, OpenSession>()

  constructor(ports: LocalEnginePorts) {
    this.#ports = ports
  }

  async open(spec: SessionSpec): Promise<void> {
    assert(!this.#sessions.has(spec.session), 'a session opens once')
    this.#sessions.set(spec.session, {
      spec,
      abort: new AbortController(),
      retriesLeft: spec.maxRetriesTotal,
      running: new Set()
    })
    this.#event(spec, 'execution.session.started', null, null, { units: null })
  }

  submit(session: SessionId, units: readonly UnitSubmission[]): void {
    const open = this.#sessions.get(session)
    assert(open !== undefined, 'units belong to an open session')
    for (const submission of units) {
      const work = this.#run(open, submission)
      open.running.add(work)
      void work.finally(() => open.running.delete(work))
    }
  }

  cancel(session: SessionId): void {
    this.#sessions.get(session)?.abort.abort()
  }

  async close(session: SessionId, stopReason: StopReason): Promise<void> {
    const open = this.#sessions.get(session)
    if (open === undefined) return
    open.abort.abort()
    await Promise.all(open.running)
    this.#sessions.delete(session)
    const type =
      stopReason === 'success' ? 'execution.session.completed' : 'execution.session.failed'
    this.#event(open.spec, type, null, null, { stop_reason: stopReason })
  }

  async #run(open: OpenSession, { unit, edges }: UnitSubmission): Promise<void> {
    const executions: ExecutionRecord[] = []
    const escalations: EscalationTrigger[] = []
    let current = unit
    let from: string | null = null
    let left = [...edges]
    let tried: Tried
    while (true) {
      this.#queued(open.spec, current, from)
      tried = await this.#try(open, current, executions)
      await this.#ended(open.spec, current, tried)
      const edge = tried.ok ? null : nextEdge(left, tried.trigger, open.spec)
      if (edge === null) break
      left = left.filter((other) => other !== edge)
      escalations.push(edge.trigger)
      from = current.id
      current = edge.unit
    }
    const outputCid = tried.output === null ? null : await this.#ports.files.put(tried.output)
    const outcome: UnitOutcome = {
      session: open.spec.session,
      unitId: unit.id,
      finalUnitId: current.id,
      escalations,
      status: tried.status,
      stopReason: tried.stopReason,
      failureClass: tried.failureClass,
      error: tried.error,
      outputCid,
      verification: tried.ok ? verificationOf(current) : 'unverified',
      usage: tried.usage,
      costMicro: 0,
      executions
    }
    this.#ports.emit({ type: 'outcome', outcome })
  }

  /** Attempts at one unit: again after what may pass, never after what would come out the same. */
  async #try(open: OpenSession, packed: PackedUnit, executions: ExecutionRecord[]): Promise<Tried> {
    const { retries } = packed.unit
    for (let attempt = 1; ; attempt++) {
      const before = executions.length
      const tried = await this.#attempt(open, packed, executions)
      const last = executions[before]
      const mayPass = tried.error !== null && tried.status !== 'cancelled' && last !== undefined
      if (tried.ok || !mayPass || tried.stopReason !== 'retry_exhausted') return tried
      if (attempt >= retries.max_attempts || open.retriesLeft <= 0) return tried
      open.retriesLeft--
      const delayMs = Math.min(BACKOFF_MS_MAX, retries.backoff_ms * 2 ** (attempt - 1))
      const reason = tried.error?.code ?? ''
      this.#event(open.spec, 'workunit.retried', packed, attempt, { reason, delay_ms: delayMs })
      await this.#wait(delayMs, open.abort.signal)
    }
  }

  async #attempt(
    open: OpenSession,
    packed: PackedUnit,
    executions: ExecutionRecord[]
  ): Promise<Tried> {
    const { spec, abort } = open
    const attempt = executions.length + 1
    const startedMs = this.#ports.clock.nowMs()
    const model = packed.unit.model.cid ?? ''
    const isLlm = packed.unit.kind === 'llm'
    const note = { node: LOCAL_NODE, model }
    const record = (verdict: ExecutionRecord['verdict'], reason: string, ranMs?: number): void => {
      const ms = ranMs ?? this.#ports.clock.nowMs() - startedMs
      const backend = this.#ports.engine.backends[0] ?? null
      executions.push({ attempt, node: LOCAL_NODE, backend, ms, verdict, reason })
    }
    try {
      abort.signal.throwIfAborted()
      this.#event(spec, 'workunit.dispatched', packed, attempt, {
        node: LOCAL_NODE,
        lease_id: null
      })
      if (isLlm) this.#event(spec, 'llm.invocation.started', packed, attempt, note)
      const { outputs, usage } = await runOnce(packed, {
        engine: this.#ports.engine,
        files: this.#ports.files,
        signal: abort.signal
      })
      const tokens = { ...note, tokens_out: usage.tokens_out }
      if (isLlm) this.#event(spec, 'llm.invocation.completed', packed, attempt, tokens)
      const output = encodeValue(outputs)
      const judgement = this.#ports.judge(packed, output)
      const first = judgement.issues[0]
      const reason = first === undefined ? '' : `${first.path} ${first.message}`.trim()
      record(judgement.ok ? 'accepted' : 'rejected', reason, usage.wall_ms)
      return judgement.ok
        ? { ...SUCCESS, output, usage }
        : { ...REJECTED, trigger: judgement.trigger, error: { code: 'validation', detail: reason } }
    } catch (error) {
      const failed = failureOf(error, abort.signal.aborted)
      const reason = failed.error?.code ?? ''
      if (isLlm && failed.status !== 'cancelled')
        this.#event(spec, 'llm.invocation.failed', packed, attempt, { ...note, reason })
      record(failed.status === 'cancelled' ? 'released' : 'failed', reason)
      return failed
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const callOff = this.#ports.clock.after(ms, resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    return promise.finally(callOff)
  }

  #queued(spec: SessionSpec, packed: PackedUnit, from: string | null): void {
    const { task_id, kind } = packed.unit
    const data = { task_id, kind, escalated_from: from }
    this.#event(spec, 'workunit.queued', packed, null, data)
  }

  async #ended(spec: SessionSpec, packed: PackedUnit, tried: Tried): Promise<void> {
    if (tried.ok && tried.output !== null) {
      const outputCid = await this.#ports.files.put(tried.output)
      const data = { node: LOCAL_NODE, validation_status: 'valid', output_cid: outputCid }
      this.#event(spec, 'workunit.completed', packed, null, data)
      return
    }
    this.#event(spec, 'workunit.failed', packed, null, {
      reason: tried.error?.code ?? tried.stopReason,
      stop_reason: tried.stopReason,
      failure_class: tried.failureClass
    })
  }

  #event(
    spec: SessionSpec,
    type: EventType,
    packed: PackedUnit | null,
    attempt: number | null,
    data: EventData
  ): void {
    this.#ports.emit({
      type: 'event',
      event: {
        type,
        time_ms: this.#ports.clock.nowMs(),
        tenant_id: spec.tenant,
        graph_id: spec.graphId,
        execution_session_id: spec.session,
        work_unit_id: packed?.id ?? null,
        attempt,
        data
      }
    })
  }
}

const SUCCESS: Omit<Tried, 'output' | 'usage'> = {
  ok: true,
  status: 'success',
  stopReason: 'success',
  failureClass: null,
  trigger: null,
  error: null
}

const REJECTED: Omit<Tried, 'trigger' | 'error'> = {
  ok: false,
  status: 'failed',
  stopReason: 'validation_failed',
  failureClass: 'validation',
  output: null,
  usage: null
}

/** Nothing is spent here, so the whole cost budget always remains. */
function nextEdge(
  edges: readonly UnitEdge[],
  trigger: EscalationTrigger | null,
  spec: SessionSpec
): UnitEdge | null {
  if (trigger === null) return null
  const isOpen = (edge: UnitEdge): boolean =>
    edge.trigger === trigger || edge.trigger === 'budget_remaining'
  const isPaid = (edge: UnitEdge): boolean =>
    edge.remainingMicro === null || edge.remainingMicro <= spec.budgets.max_cost_micro
  return edges.find((edge) => isOpen(edge) && isPaid(edge)) ?? null
}

function verificationOf({ unit }: PackedUnit): UnitOutcome['verification'] {
  switch (unit.verification.mode) {
    case 'none':
      return 'none'
    case 'schema':
      return 'schema'
    case 'quorum':
    case 'recompute':
      return 'unverified'
  }
}

/** `retry_exhausted` marks what another attempt may mend. */
function failureOf(error: unknown, aborted: boolean): Tried {
  const failed = { ok: false, output: null, usage: null, trigger: null } as const
  if (aborted || (error instanceof MeshError && error.code === 'executor.cancelled')) {
    const cancelled = { code: 'session.cancelled', detail: 'withdrawn' }
    return {
      ...failed,
      status: 'cancelled',
      stopReason: 'cancelled',
      failureClass: null,
      error: cancelled
    }
  }
  if (!(error instanceof MeshError)) throw error
  const isLate = error.code === 'executor.timed_out'
  return {
    ...failed,
    status: isLate ? 'timeout' : 'failed',
    stopReason: error.retry === 'never' ? 'substrate_failure' : 'retry_exhausted',
    failureClass: isLate ? 'timeout' : 'execution',
    trigger: 'failure',
    error: { code: error.code, detail: error.message }
  }
}
