/**
 * Sessions: opened under admission, fed with submissions, cancelled, closed, and ended by their own
 * deadline. The readiness gate is here: a unit is put in line when what it depends on has succeeded.
 */
import {
  assert,
  type EntryBody,
  type ExecutionState,
  GATEWAY_CLASSES_MAX,
  GATEWAY_SESSIONS_MAX,
  GATEWAY_TENANTS_MAX,
  moveSession,
  type SessionId,
  type SessionSpec,
  type UnitSubmission
} from '#contracts'
import { isUrgent } from './admission.ts'
import type { InputOf } from './gateway-io.ts'
import { RETRY_TOKENS } from './gateway-policy.ts'
import {
  RootRecord,
  replicasOf,
  type SessionRecord,
  type TenantRecord,
  type UnitRecord
} from './gateway-state.ts'
import { endRecheck } from './rechecks.ts'
import { restore } from './restore.ts'
import {
  abandon,
  dependencyFailed,
  endLeases,
  endWithoutResult,
  type UnitEnding
} from './unit-end.ts'
import { makeReady, newUnit, sayQueued } from './unit-start.ts'
import type { World } from './world.ts'

type SessionOpened = EntryBody<'session.opened'>

export function openSession(world: World, input: InputOf<'open'>): void {
  const { spec, history } = input
  const tenant = tenantOf(world, spec.tenant, input.availableMicro)
  const known = world.sessions.get(spec.session)
  if (known !== undefined && !isFinal(known)) return
  if (world.sessions.size >= GATEWAY_SESSIONS_MAX || tenant === null) {
    world.out.refuseSession(spec.session, 'RESOURCE_EXHAUSTED')
    return
  }
  if (tenant.availableMicro === 0 && spec.budgets.max_cost_micro > 0 && history === null) {
    world.out.refuseSession(spec.session, 'BUDGET_EXCEEDED')
    return
  }
  const session = newSession(world, input, tenant)
  world.sessions.set(spec.session, session)
  world.timers.add(session.deadlineMs, { kind: 'deadline', session })
  for (const { accepted } of history?.units.values() ?? []) {
    for (const { costMicro } of accepted) session.postedMicro += costMicro
  }
  if (history === null) {
    world.out.recordFirst({ kind: 'session.opened', body: openedBody(spec, world.nowMs) })
  }
}

const isFinal = ({ state }: SessionRecord): boolean =>
  state !== 'initialized' && state !== 'running'

function newSession(
  world: World,
  { spec, history }: InputOf<'open'>,
  tenant: TenantRecord
): SessionRecord {
  return {
    spec,
    history,
    openedAtMs: world.nowMs,
    deadlineMs: world.nowMs + spec.budgets.max_latency_ms,
    admittedIn: world.admission.mode,
    state: 'initialized',
    roots: new Map(),
    units: new Map(),
    dependants: new Map(),
    returning: new Set(),
    classKeys: new Map(),
    deferred: [],
    counts: zeroCounts(),
    tenant,
    reservedMicro: 0,
    postedMicro: 0,
    unplacedMicro: 0,
    tokensReserved: 0,
    tokensUsed: 0,
    modelCalls: 0,
    retries: 0,
    activeLeases: 0
  }
}

const zeroCounts = (): Record<ExecutionState, number> => ({
  queued: 0,
  ready: 0,
  dispatched: 0,
  running: 0,
  success: 0,
  failed: 0,
  timeout: 0,
  cancelled: 0
})

const openedBody = (spec: SessionSpec, nowMs: number): SessionOpened => ({
  session: spec.session,
  tenant: spec.tenant,
  graph_cid: spec.graphCid,
  inputs_cid: spec.inputsCid,
  request_id: spec.requestId,
  max_cost_micro: spec.budgets.max_cost_micro,
  opened_at_ms: nowMs
})

/** A tenant's balance is taken over while none of its leases is open: from then on it is counted here. */
function tenantOf(world: World, id: string, availableMicro: number | null): TenantRecord | null {
  const known = world.tenants.get(id)
  if (known !== undefined) {
    if (known.leases === 0) known.availableMicro = availableMicro
    return known
  }
  if (world.tenants.size >= GATEWAY_TENANTS_MAX) return null
  const tenant = {
    id,
    availableMicro,
    reservedMicro: 0,
    leases: 0,
    activeLeases: 0,
    retryTokens: RETRY_TOKENS,
    retryTokensAtMs: world.nowMs
  }
  world.tenants.set(id, tenant)
  return tenant
}

export function submit(world: World, id: SessionId, units: readonly UnitSubmission[]): void {
  const session = world.sessions.get(id)
  if (session === undefined || isFinal(session)) return
  start(world, session, units.length)
  for (const submission of units) submitUnit(world, session, submission)
}

function start(world: World, session: SessionRecord, units: number): void {
  if (session.state !== 'initialized') return
  session.state = moveSession(session.state, 'running')
  world.event('execution.session.started', { session }, { units })
}

/** The same unit handed in again is the same submission: its outcome, if it has one, is said again. */
function submitUnit(world: World, session: SessionRecord, { unit, edges }: UnitSubmission): void {
  const known = session.roots.get(unit.id)
  if (known !== undefined) {
    if (known.outcome !== null) world.out.outcome(known.outcome)
    return
  }
  if (session.units.has(unit.id)) return
  const root = new RootRecord(session, unit.id, edges)
  session.roots.set(unit.id, root)
  newUnit(world, root, unit)
  sayQueued(world, root.current, null)
  if (session.history !== null && restore(world, root, session.history)) return
  const rejection = rejectionOf(world, root.current)
  if (rejection !== null) endWithoutResult(world, root.current, rejection)
  else gate(world, root)
}

/** Why the unit is not taken at all, or null. */
function rejectionOf(world: World, unit: UnitRecord): UnitEnding | null {
  const { session } = unit.root
  const isShut = session.admittedIn === 'CRITICAL' && world.admission.mode === 'CRITICAL'
  const isFull = world.classes.size >= GATEWAY_CLASSES_MAX && !world.classes.has(unit.classKey)
  if (!isFull && (!isShut || isUrgent(unit.packed.unit.priority))) return null
  return {
    status: 'failed',
    stopReason: 'admission_rejected',
    class: null,
    code: 'unit.rejected',
    detail: 'RESOURCE_EXHAUSTED'
  }
}

/** The readiness gate. */
function gate(world: World, root: RootRecord): void {
  const { session, current } = root
  for (const id of current.packed.unit.dependencies) {
    const other = session.roots.get(id)
    if (other?.outcome?.status === 'success') continue
    if (other?.outcome) {
      endWithoutResult(world, current, dependencyFailed(other))
      return
    }
    root.waitingFor += 1
    const waiting = session.dependants.get(id)
    if (waiting === undefined) session.dependants.set(id, [root])
    else waiting.push(root)
  }
  if (root.waitingFor === 0) makeReady(world, current)
}

/** Units that were held back may go: admission is open again. */
export function resumeDeferred(world: World): void {
  for (const { deferred } of world.sessions.values()) {
    for (const unit of deferred.splice(0)) {
      if (unit.state === 'ready' && unit.place === null) world.wait(unit, replicasOf(unit), 'fresh')
    }
  }
}

const CANCELLED: UnitEnding = {
  status: 'cancelled',
  stopReason: 'cancelled',
  class: null,
  code: 'unit.cancelled',
  detail: ''
}

/** Ends every unit that has not ended. The session stays open for its closing word. */
export function cancelSession(world: World, id: SessionId): void {
  const session = world.sessions.get(id)
  if (session !== undefined) abandonAll(world, session, CANCELLED)
}

export function deadlinePassed(world: World, session: SessionRecord): void {
  abandonAll(world, session, {
    status: 'timeout',
    stopReason: 'budget_exhausted',
    class: 'timeout',
    code: 'unit.deadline_passed',
    detail: `${session.spec.budgets.max_latency_ms} ms`
  })
}

function abandonAll(world: World, session: SessionRecord, ending: UnitEnding): void {
  for (const root of session.roots.values()) abandon(world, root.current, ending)
}

/** The session's last word; what was still open is cancelled first, and its leases are forgotten. */
export function closeSession(
  world: World,
  { session: id, stopReason, stateHash }: InputOf<'close'>
): void {
  const session = world.sessions.get(id)
  if (session === undefined || isFinal(session)) return
  start(world, session, 0)
  abandonAll(world, session, CANCELLED)
  for (const unit of session.units.values()) {
    endLeases(world, unit, 'settled')
    endRecheck(world, unit)
  }
  assert(session.reservedMicro === 0, 'a closed session holds no reservation')
  const ends = { success: 'completed', cancelled: 'cancelled' } as const
  const end = stopReason === 'success' || stopReason === 'cancelled' ? ends[stopReason] : 'failed'
  session.state = moveSession(session.state, end)
  const type = end === 'completed' ? 'execution.session.completed' : 'execution.session.failed'
  world.event(type, { session }, { stop_reason: stopReason, state_hash: stateHash })
  const isWritten = session.history !== null && session.history.closed !== null
  if (!isWritten) {
    const body = { session: id, stop_reason: stopReason, state_hash: stateHash }
    world.out.recordLast({ kind: 'session.closed', body })
  }
  forget(world, session)
}

function forget(world: World, session: SessionRecord): void {
  for (const key of session.classKeys.keys()) world.classes.delete(key)
  for (const { leases } of session.units.values()) {
    for (const { id } of leases) world.leases.delete(id)
  }
  for (const { accepted, voided } of session.history?.units.values() ?? []) {
    for (const { lease } of [...accepted, ...voided]) world.recalled.delete(lease)
  }
  world.sessions.delete(session.spec.session)
}
