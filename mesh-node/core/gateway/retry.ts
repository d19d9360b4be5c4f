/**
 * What follows a failed attempt: another one after a pause that doubles, as long as the
 * unit, its session and its tenant have tries left; else the end, or a declared way out. The pause's
 * jitter comes from the hash of unit and attempt, so a replay pauses as long.
 */
import {
  assert,
  ERROR_CODES,
  type ErrorCode,
  type EscalationTrigger,
  isTerminal,
  type PeerId,
  sha256,
  UNIT_ATTEMPTS_MAX,
  UNIT_LOSSES_MAX,
  type UnitId
} from '#contracts'
import {
  ATTEMPTS_MAX,
  ATTEMPTS_MAX_CONGESTED,
  CONGESTED_QUEUE,
  RETRY_BACKOFF_MS_MAX,
  RETRY_JITTER,
  RETRY_TOKENS,
  RETRY_TOKENS_PER_MINUTE
} from './gateway-policy.ts'
import {
  isLive,
  type LeaseRecord,
  type TenantRecord,
  type UnitFailure,
  type UnitRecord
} from './gateway-state.ts'
import { voidLease } from './lease-life.ts'
import { giveUp, type UnitEnding } from './unit-end.ts'
import type { World } from './world.ts'

const MINUTE_MS = 60_000
const HOPELESS_OWNERS = 2
/** A unit that the mesh's policy has compared goes to two. */
const CHECKED_PLACES = 2

/** `backoff · 2^(k−1)`, at most 30 s, and up to a fifth more. `failures` counts from 1. */
export function backoffMs(
  unit: UnitId,
  attempt: number,
  backoff: number,
  failures: number
): number {
  const doublings = Math.min(30, Math.max(0, failures - 1))
  const pauseMs = Math.min(RETRY_BACKOFF_MS_MAX, backoff * 2 ** doublings)
  const digest = sha256(new TextEncoder().encode(`kora/retry/v1\0${unit}\0${attempt}`))
  const share = new DataView(digest.buffer, digest.byteOffset, 4).getUint32(0) / 2 ** 32
  return Math.min(RETRY_BACKOFF_MS_MAX, Math.round(pauseMs * (1 + RETRY_JITTER * share)))
}

/** Failed rounds that a unit may have: congestion leaves fewer to those that are not critical. */
function attemptsMax({ packed }: UnitRecord, waitingUnits: number, nodes: number): number {
  const { critical, retries } = packed.unit
  const isCongested = waitingUnits / Math.max(1, nodes) > CONGESTED_QUEUE
  const most = isCongested && !critical ? ATTEMPTS_MAX_CONGESTED : ATTEMPTS_MAX
  return Math.min(retries.max_attempts, most)
}

/** The lease ended by a fault of its node or its unit: the attempt counts. */
export function attemptFailed(
  world: World,
  lease: LeaseRecord,
  failure: UnitFailure,
  trigger: EscalationTrigger | null
): void {
  const { unit, node } = lease
  if (isTerminal(unit.state)) {
    if (unit.recheck !== null) world.unsettled.push(unit)
    return
  }
  world.unsettled.push(unit)
  unit.failures += 1
  unit.lastFailure = failure
  avoid(unit, node.id)
  const mayRetry =
    unit.packed.unit.idempotent &&
    unit.hopeless.length < HOPELESS_OWNERS &&
    unit.failures < attemptsMax(unit, world.waitingUnits, world.connectedNodes) &&
    unit.root.session.retries < unit.root.session.spec.maxRetriesTotal
  if (trigger !== null) giveUpUnit(world, unit, failure, trigger)
  else if (mayRetry && hasEnough(unit)) return
  else if (mayRetry) retry(world, unit, failure)
  else if (!canStillSettle(world, unit)) {
    giveUpUnit(world, unit, failure, 'failure')
  }
}

/** The lease ended without anyone's fault: the node vanished or handed it back. */
export function attemptLost(world: World, lease: LeaseRecord, how: 'lost' | 'released'): void {
  const { unit } = lease
  if (isTerminal(unit.state)) {
    if (unit.recheck !== null) world.unsettled.push(unit)
    return
  }
  if (how === 'released') unit.releases += 1
  else unit.losses += 1
  avoid(unit, lease.node.id)
  const hasRun = how === 'lost' && !unit.packed.unit.idempotent
  if (hasRun || unit.losses > UNIT_LOSSES_MAX) {
    const detail = `${unit.losses} nodes vanished`
    attemptFailed(world, lease, { class: 'execution', code: 'unit.lost', detail }, null)
    return
  }
  if (hasEnough(unit)) {
    world.unsettled.push(unit)
    return
  }
  const pauses = Math.max(0, unit.releases - 1)
  const { backoff_ms } = unit.packed.unit.retries
  const delayMs =
    pauses === 0 ? 0 : backoffMs(unit.packed.id, unit.attempt, Math.max(backoff_ms, 100), pauses)
  again(world, unit, delayMs, how)
}

/**
 * Of leases held over a restart there may be more than are ever asked for at once: results that had
 * differed are forgotten, and the one that was to settle it. Those that are left are enough as long as
 * they could still come to agree, with each other or with what is here.
 */
function hasEnough({ packed, leases, wanted, groups, isChecked }: UnitRecord): boolean {
  const { mode, replicas } = packed.unit.verification
  if (mode !== 'quorum' && !(mode === 'schema' && isChecked)) return false
  const atFirst = mode === 'quorum' ? replicas : CHECKED_PLACES
  const live = leases.filter(isLive)
  const ok = live.filter(({ phase }) => phase === 'ok')
  const agreeing = groups.map((group) => ok.filter(({ attempt }) => group.includes(attempt)).length)
  const open = live.length - ok.length + wanted
  const mayAgree = Math.max(0, ...agreeing) + open >= majorityOf(atFirst)
  return open > 0 && live.length + wanted >= atFirst && mayAgree
}

function retry(world: World, unit: UnitRecord, failure: UnitFailure): void {
  const { session } = unit.root
  session.retries += 1
  const { backoff_ms } = unit.packed.unit.retries
  const pauseMs = backoffMs(unit.packed.id, unit.attempt, backoff_ms, unit.failures)
  again(world, unit, pauseMs + tokenWaitMs(session.tenant, world.nowMs), failure.code)
}

/** Other nodes are preferred from now on. */
function avoid({ avoid }: UnitRecord, node: PeerId): void {
  if (!avoid.includes(node)) avoid.push(node)
}

/** One more lease is wanted, after a pause. */
export function again(world: World, unit: UnitRecord, delayMs: number, reason: string): void {
  assert(unit.attempt > 0, 'only what was leased is leased again')
  if (unit.attempt + unit.wanted >= UNIT_ATTEMPTS_MAX) {
    const detail = `${unit.attempt} attempts`
    giveUpUnit(world, unit, { class: 'execution', code: 'unit.lost', detail }, 'failure')
    return
  }
  unit.wanted += 1
  if (!unit.leases.some(isLive)) world.move(unit, 'ready')
  const subject = { unit, attempt: unit.attempt }
  world.event('workunit.retried', subject, { reason, delay_ms: delayMs })
  if (unit.place !== null) return
  if (delayMs === 0 && unit.notBeforeMs === null) {
    world.wait(unit, unit.wanted, 'again')
    return
  }
  const atMs = Math.max(unit.notBeforeMs ?? 0, world.nowMs + delayMs)
  if (unit.notBeforeMs === atMs) return
  unit.notBeforeMs = atMs
  unit.root.session.returning.add(unit)
  world.timers.add(atMs, { kind: 'retry', unit, atMs })
}

/** The pause is over. */
export function retryDue(world: World, unit: UnitRecord): void {
  unit.notBeforeMs = null
  if (unit.wanted > 0 && unit.place === null) world.wait(unit, unit.wanted, 'again')
}

/** Takes one token of the tenant's retry budget; where there is none, the pause until the next. */
export function tokenWaitMs(tenant: TenantRecord, nowMs: number): number {
  const gained = ((nowMs - tenant.retryTokensAtMs) * RETRY_TOKENS_PER_MINUTE) / MINUTE_MS
  tenant.retryTokens = Math.min(RETRY_TOKENS, tenant.retryTokens + Math.max(0, gained))
  tenant.retryTokensAtMs = nowMs
  tenant.retryTokens -= 1
  if (tenant.retryTokens >= 0) return 0
  const waitMs = Math.ceil((-tenant.retryTokens * MINUTE_MS) / RETRY_TOKENS_PER_MINUTE)
  tenant.retryTokens = Math.max(tenant.retryTokens, -RETRY_TOKENS)
  return Math.min(waitMs, RETRY_BACKOFF_MS_MAX)
}

/** Whether the leases that are left can still settle the unit without another one. */
function canStillSettle(world: World, { packed, leases, wanted }: UnitRecord): boolean {
  const { mode, replicas } = packed.unit.verification
  const live = leases.filter(isLive)
  if (mode === 'quorum') return live.length + wanted >= majorityOf(replicas)
  if (wanted > 0) return true
  return mode === 'recompute'
    ? live.some(({ node }) => world.trusted.has(node.id))
    : live.length > 0
}

export const majorityOf = (replicas: number): number => Math.floor(replicas / 2) + 1

/**
 * Notes that the node says no node can ever do it; one voice alone may lie. Only what nodes say counts:
 * codes that are given here, of a lease that ended say, tell what to do with the lease.
 */
export function heedHopeless({ unit, owner }: LeaseRecord, code: string): void {
  const isHopeless = isErrorCode(code) && ERROR_CODES[code].retry === 'never'
  if (isHopeless && !unit.hopeless.includes(owner)) unit.hopeless.push(owner)
}
const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code)

export function giveUpUnit(
  world: World,
  unit: UnitRecord,
  failure: UnitFailure,
  trigger: EscalationTrigger
): void {
  for (const lease of unit.leases) {
    if (!isLive(lease)) continue
    const tell = lease.attestation === null ? 'settled' : 'ack'
    voidLease(world, lease, { reason: 'redundant', fault: 'none', code: failure.code, tell })
  }
  giveUp(world, unit, endingOf(failure), trigger)
}

function endingOf({ class: failureClass, code, detail }: UnitFailure): UnitEnding {
  const common = { class: failureClass, code, detail }
  switch (failureClass) {
    case 'validation':
      return { status: 'failed', stopReason: 'validation_failed', ...common }
    case 'timeout':
      return { status: 'timeout', stopReason: 'retry_exhausted', ...common }
    case 'budget':
      return { status: 'failed', stopReason: 'budget_exhausted', ...common }
    case 'dependency':
    case 'execution':
      return { status: 'failed', stopReason: 'retry_exhausted', ...common }
  }
}
