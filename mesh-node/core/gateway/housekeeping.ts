/**
 * What happens because time passes: leases end, pauses are over, sessions run out of time, nodes fall
 * silent, admission is judged, units that nobody can ever run are given up. Looks at all nodes twice
 * a second; everything else has its own due time.
 */
import { assertNever, type EscalationTrigger } from '#contracts'
import { lastingRefusal } from './eligibility.ts'
import { HOUSEKEEPING_MS, RECOVERY_GRACE_MS } from './gateway-policy.ts'
import { isOutstanding, type LeaseRecord, type UnitRecord } from './gateway-state.ts'
import { voidLease } from './lease-life.ts'
import { loseIfSilent } from './nodes.ts'
import { tellUnknown } from './results.ts'
import { attemptFailed, attemptLost, retryDue } from './retry.ts'
import { deadlinePassed, resumeDeferred } from './sessions.ts'
import { giveUp, type UnitEnding } from './unit-end.ts'
import { maybeJudge } from './verification.ts'
import type { WaitingClass } from './waiting-class.ts'
import type { World } from './world.ts'

export class Housekeeping {
  #nextAtMs = 0

  /** The next look at the nodes; infinity while there is nothing to look after. */
  nextAtMs({ nodes, sessions, parked }: World): number {
    const isIdle = nodes.size === 0 && sessions.size === 0 && parked.size === 0
    return isIdle ? Number.POSITIVE_INFINITY : this.#nextAtMs
  }

  /** Everything that is due now. */
  run(world: World): void {
    world.graceUntilMs ??= world.nowMs + (world.options.recoveryGraceMs ?? RECOVERY_GRACE_MS)
    for (let due = world.timers.due(world.nowMs); due; due = world.timers.due(world.nowMs)) {
      switch (due.kind) {
        case 'leases':
          world.endsPassed(due.atMs)
          for (const lease of due.leases) if (isOutstanding(lease)) leaseDue(world, lease)
          break
        case 'retry':
          retryDue(world, due.unit)
          break
        case 'reveal':
          maybeJudge(world, due.unit)
          break
        case 'deadline':
          deadlinePassed(world, due.session)
          break
        default:
          assertNever(due)
      }
    }
    if (world.nowMs < this.#nextAtMs) return
    this.#nextAtMs = world.nowMs + HOUSEKEEPING_MS
    lookAround(world)
  }
}

function lookAround(world: World): void {
  for (const node of world.nodes.values()) {
    loseIfSilent(world, node)
    const { breaker } = node
    if (breaker.state !== 'closed' && breaker.allows(world.nowMs)) world.changes.risen(node)
  }
  const { admission } = world
  if (admission.evaluate(world.waitingUnits, world.nowMs)) {
    const data = { mode: admission.mode, queued: world.waitingUnits }
    world.event('capacity.admission.mode.changed', {}, data)
    if (admission.mode === 'OPEN') resumeDeferred(world)
  }
  for (const waiting of world.classes.values()) {
    if (waiting.size === 0) waiting.starvedSinceMs = null
    else starve(world, waiting)
  }
  if (world.mayPark) return
  for (const [lease, { node, result }] of world.parked.drain()) {
    tellUnknown(world, node, lease, result)
  }
}

function leaseDue(world: World, lease: LeaseRecord): void {
  const { unit, node } = lease
  if (lease.phase === 'committed' && unit.canonical === null) {
    // it waits for other replicas, which is not its fault
    const { dispatch_ms, run_ms } = unit.packed.unit.timeouts
    world.endAt(lease, world.nowMs + dispatch_ms + run_ms)
    return
  }
  const code = node.connected ? 'lease.expired' : 'unit.lost'
  const tell = node.connected ? 'expired' : null
  voidLease(world, lease, { reason: 'expired', fault: 'none', code, tell })
  if (!node.connected) attemptLost(world, lease, 'lost')
  else attemptFailed(world, lease, { class: 'timeout', code, detail: 'no result in time' }, null)
}

/** Units of a class that no node known could ever run end when each has waited its dispatch time. */
function starve(world: World, waiting: WaitingClass): void {
  let region = world.connectedNodes > 0
  for (const node of world.nodes.values()) {
    if (!node.connected) continue
    const refusal = lastingRefusal(waiting.sample, node, world)
    if (refusal === null) {
      waiting.starvedSinceMs = null
      return
    }
    if (refusal.rule !== 'region') region = false
  }
  waiting.starvedSinceMs ??= world.nowMs
  const starvedMs = world.nowMs - waiting.starvedSinceMs
  if (starvedMs < waiting.sample.timeouts.dispatch_ms) return
  for (const unit of [...waiting.units()]) {
    if (world.nowMs - unit.queuedAtMs < unit.packed.unit.timeouts.dispatch_ms) continue
    giveUpUnplaced(world, unit, region)
  }
}

function giveUpUnplaced(world: World, unit: UnitRecord, region: boolean): void {
  if (unit.leases.some(({ phase }) => phase !== 'ended')) return
  const trigger: EscalationTrigger = 'failure'
  giveUp(world, unit, region ? NO_REGION : NO_NODE, trigger)
}

const NO_NODE: UnitEnding = {
  status: 'timeout',
  stopReason: 'substrate_failure',
  class: 'execution',
  code: 'unit.no_node',
  detail: 'no node known can run it'
}
const NO_REGION: UnitEnding = {
  status: 'timeout',
  stopReason: 'admission_rejected',
  class: null,
  code: 'unit.no_node',
  detail: 'REGION_UNAVAILABLE'
}
