/**
 * How units and submissions end: with a result, without one, or by escalation. Every unit that was
 * queued ends in exactly one terminal event, every submission in exactly one outcome.
 */
import {
  assert,
  type EscalationTrigger,
  isTerminal,
  type StopReason,
  type UnitEdge,
  type UnitOutcome
} from '#contracts'
import { releaseTokens } from './budget.ts'
import { nextEdge, takeEdge } from './escalation.ts'
import {
  isLive,
  isOutstanding,
  type LeaseRecord,
  type RootRecord,
  type UnitFailure,
  type UnitRecord
} from './gateway-state.ts'
import { type LeaseEnd, voidLease } from './lease-life.ts'
import { makeReady, sayQueued } from './unit-start.ts'
import type { World } from './world.ts'

/** A unit without a result: its status, its stop reason, and what was the matter. */
export interface UnitEnding extends Omit<UnitFailure, 'class'> {
  readonly status: 'failed' | 'timeout' | 'cancelled'
  readonly stopReason: StopReason
  readonly class: UnitFailure['class'] | null
}

export function succeed(
  world: World,
  unit: UnitRecord,
  canonical: LeaseRecord,
  verification: UnitOutcome['verification']
): void {
  const { root } = unit
  const { attestation } = canonical
  assert(attestation !== null, 'a canonical result has its attestation')
  standDown(world, unit)
  unit.canonical = canonical
  world.move(unit, 'success')
  const { usage, output_cid } = attestation
  releaseTokens(unit, usage.tokens_in + usage.tokens_out)
  world.event(
    'workunit.completed',
    { unit, attempt: canonical.attempt },
    { node: canonical.node.id, validation_status: verification, output_cid }
  )
  endRoot(world, root, {
    status: 'success',
    stopReason: 'success',
    failureClass: null,
    error: null,
    outputCid: output_cid,
    verification,
    usage
  })
}

/** Ends the unit without a result; takes a declared way out for `trigger` if there is one. */
export function giveUp(
  world: World,
  unit: UnitRecord,
  ending: UnitEnding,
  trigger: EscalationTrigger | null
): void {
  const edge = trigger === null ? null : nextEdge(unit.root, trigger)
  if (edge === null) endWithoutResult(world, unit, ending)
  else escalate(world, unit, ending, edge)
}

function escalate(world: World, unit: UnitRecord, ending: UnitEnding, edge: UnitEdge): void {
  const { root } = unit
  standDown(world, unit)
  closeUnit(world, unit, ending, 'escalated')
  world.out.escalated(root.session.spec.session, {
    from: root.unitId,
    to: edge.unit.id,
    trigger: edge.trigger
  })
  const next = takeEdge(world, root, edge)
  sayQueued(world, next, unit.packed.id)
  makeReady(world, next)
}

export function endWithoutResult(world: World, unit: UnitRecord, ending: UnitEnding): void {
  const { root } = unit
  standDown(world, unit)
  closeUnit(world, unit, ending, ending.code)
  world.out.ended(root.session.spec.session, {
    unit: unit.packed.id,
    status: ending.status,
    stop_reason: ending.stopReason,
    failure_class: ending.class,
    code: ending.code
  })
  endRoot(world, root, {
    status: ending.status,
    stopReason: ending.stopReason,
    failureClass: ending.class,
    error: { code: ending.code, detail: ending.detail },
    outputCid: null,
    verification: 'unverified',
    usage: null
  })
}

/** The unit's terminal event; what it held of the token budget returns. */
export function closeUnit(
  world: World,
  unit: UnitRecord,
  ending: UnitEnding,
  reason: string
): void {
  const { status, stopReason, detail } = ending
  if (unit.state === 'queued' && status === 'timeout') world.move(unit, 'ready')
  world.move(unit, status)
  releaseTokens(unit, tokensSpent(unit))
  if (stopReason === 'admission_rejected') {
    world.event('workunit.rejected', { unit }, { reason, stop_reason: stopReason, detail })
    return
  }
  const breach = stopReason === 'budget_exhausted' && reason !== 'escalated'
  world.event(
    'workunit.failed',
    { unit },
    {
      reason: breach ? 'BUDGET_BREACH' : reason,
      stop_reason: stopReason,
      failure_class: ending.class,
      detail
    }
  )
}

/** Tokens of results that were made and not accepted: they were spent all the same. */
function tokensSpent({ leases, tokensBefore }: UnitRecord): number {
  let tokens = tokensBefore
  for (const { attestation } of leases) {
    if (attestation !== null)
      tokens = Math.max(tokens, attestation.usage.tokens_in + attestation.usage.tokens_out)
  }
  return tokens
}

/** The unit asks for no more leases. */
function standDown(world: World, unit: UnitRecord): void {
  world.leave(unit)
  unit.wanted = 0
  unit.notBeforeMs = null
  unit.judging = false
}

/** Ends all leases of the unit that are still open. */
export function endLeases(world: World, unit: UnitRecord, code: string): void {
  for (const lease of unit.leases) {
    if (!isLive(lease)) continue
    const isOpen = isOutstanding(lease)
    const end: LeaseEnd =
      code === 'unit.cancelled' || code === 'unit.deadline_passed'
        ? { reason: 'cancelled', fault: 'none', code, tell: isOpen ? 'cancelled' : 'ack' }
        : { reason: 'redundant', fault: 'none', code, tell: isOpen ? 'settled' : 'ack' }
    voidLease(world, lease, end)
  }
}

/** Cancelled by the caller or by the session's end, whatever the unit was doing. */
export function abandon(world: World, unit: UnitRecord, ending: UnitEnding): void {
  if (isTerminal(unit.state)) return
  endLeases(world, unit, ending.code)
  endWithoutResult(world, unit, ending)
}

type Result = Pick<
  UnitOutcome,
  'status' | 'stopReason' | 'failureClass' | 'error' | 'outputCid' | 'verification' | 'usage'
>

/** The submission's one outcome. Those who wait for it are told when the step's input is done. */
export function endRoot(world: World, root: RootRecord, result: Result): void {
  assert(root.outcome === null, 'a submission has one outcome')
  assert(isTerminal(root.current.state), 'a submission ends with its unit')
  root.outcome = {
    session: root.session.spec.session,
    unitId: root.unitId,
    finalUnitId: root.current.packed.id,
    escalations: root.escalations,
    costMicro: root.costMicro,
    executions: root.executions,
    ...result
  }
  world.out.outcome(root.outcome)
  world.ended.push(root)
}

/** Tells dependants of all submissions that have ended; works the chain off without recursion. */
export function tellDependants(world: World): void {
  for (let root = world.ended.pop(); root !== undefined; root = world.ended.pop()) {
    const waiting = root.session.dependants.get(root.unitId)
    if (waiting === undefined) continue
    root.session.dependants.delete(root.unitId)
    for (const dependant of waiting) {
      if (dependant.outcome !== null) continue
      dependant.waitingFor -= 1
      assert(dependant.waitingFor >= 0, 'a submission waits for no fewer than none')
      if (root.outcome?.status !== 'success') {
        endWithoutResult(world, dependant.current, dependencyFailed(root))
      } else if (dependant.waitingFor === 0) {
        makeReady(world, dependant.current)
      }
    }
  }
}

export const dependencyFailed = (root: RootRecord): UnitEnding => ({
  status: 'failed',
  stopReason: 'dependency_failed',
  class: 'dependency',
  code: 'unit.dependency_failed',
  detail: root.unitId
})
