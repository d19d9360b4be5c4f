/**
 * What happens because time passes: leases end, pauses are over, sessions run out of time, nodes fall
 * silent, admission is judged, units that nobody can ever run are given up. Looks at all nodes twice
 * a second; everything else has its own due time.
 */
import { assertNever } from '#contracts'
import { settleAsIs } from './checked-units.ts'
import { HOUSEKEEPING_MS, RECOVERY_GRACE_MS, REVEAL_ANSWER_MS } from './gateway-policy.ts'
import { isLive, isOutstanding, type LeaseRecord } from './gateway-state.ts'
import { voidLease } from './lease-life.ts'
import { loseIfSilent } from './nodes.ts'
import { leaveRecheck } from './recheck-verdict.ts'
import { hopelessRechecks } from './rechecks.ts'
import { tellUnknown } from './results.ts'
import { attemptFailed, attemptLost, retryDue } from './retry.ts'
import { deadlinePassed, resumeDeferred } from './sessions.ts'
import { starve } from './starvation.ts'
import { couldVote } from './trust-placement.ts'
import { maybeJudge } from './verification.ts'
import type { WaitingClass } from './waiting-class.ts'
import type { World } from './world.ts'

/** Units of one class for which all nodes are looked at in one round. */
const STUCK_LOOKS_MAX = 64

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
    settleStuck(world, waiting)
  }
  // whose word is taken, and who could be the other of two, changes with who is there
  if (world.trust !== null && world.waitingUnits > 0) world.dispatchWanted = true
  else if (isAnyStill(world)) world.dispatchWanted = true
  for (const unit of hopelessRechecks(world, STUCK_LOOKS_MAX)) leaveRecheck(world, unit)
  if (world.mayPark) return
  for (const [lease, { node, result }] of world.parked.drain()) {
    tellUnknown(world, node, lease, result)
  }
}

/** Units wait, and nothing of their session is under way that could pay for them in the end. */
function isAnyStill(world: World): boolean {
  for (const { size, session } of world.classes.values()) {
    if (size > 0 && session.activeLeases === 0) return true
  }
  return false
}

/** Checked units that wait for another voice where nobody could ever give it. */
function settleStuck(world: World, waiting: WaitingClass): void {
  const { trust } = world
  if (trust === null || waiting.tested === null || waiting.size === 0) return
  let looks = STUCK_LOOKS_MAX
  for (const unit of [...waiting.units()]) {
    if (!unit.isChecked || !unit.leases.some(isLive)) continue
    if (looks-- === 0) return
    if (!couldVote(world, unit)) settleAsIs(world, trust, unit)
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
  const answerAtMs = lease.phase === 'revealed' ? (lease.revealedAtMs ?? 0) + REVEAL_ANSWER_MS : 0
  if (answerAtMs > world.nowMs) {
    // it was asked a moment ago, and its answer is under way
    world.endAt(lease, answerAtMs)
    return
  }
  const code = node.connected ? 'lease.expired' : 'unit.lost'
  const tell = node.connected ? 'expired' : null
  voidLease(world, lease, { reason: 'expired', fault: 'none', code, tell })
  if (!node.connected) attemptLost(world, lease, 'lost')
  else attemptFailed(world, lease, { class: 'timeout', code, detail: 'no result in time' }, null)
}
