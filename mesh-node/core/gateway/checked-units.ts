/**
 * Units that the mesh's policy has compared although their graph asks for one result alone: what two
 * results mean, who is asked next, and what stands where nobody can tell. Blames nobody for a
 * difference that is not settled.
 */
import { UNIT_ATTEMPTS_MAX } from '#contracts'
import { acceptAlone, acceptGroup } from './acceptance.ts'
import { electorateOf } from './electorate.ts'
import { isOutstanding, isUnjudged, type LeaseRecord, type UnitRecord } from './gateway-state.ts'
import { voidLease } from './lease-life.ts'
import { again } from './retry.ts'
import type { TrustChecks } from './trust-checks.ts'
import { likeliest, settledBy, VOTES_MAX } from './votes.ts'
import type { World } from './world.ts'

export function decideChecked(
  world: World,
  trust: TrustChecks,
  unit: UnitRecord,
  ok: readonly LeaseRecord[]
): void {
  if (unit.wanted > 0 || unit.leases.some(isOutstanding)) return
  if (unit.leases.some(isUnjudged)) return
  const [first] = ok
  if (first === undefined) return
  if (ok.length === 1) {
    // the other failed and is not tried again: its word is held in escrow like any other
    acceptAlone(world, unit, first, 'schema')
    return
  }
  const settled = settledBy(trust.view, ok, {
    groups: unit.groups,
    electorate: () => electorateOf(world, unit)
  })
  if (settled !== null) acceptGroup(world, unit, settled, 'schema')
  else if (ok.length < VOTES_MAX && unit.attempt + 1 < UNIT_ATTEMPTS_MAX) {
    again(world, unit, 0, 'unit.no_agreement')
  } else acceptLikeliest(world, trust, unit, ok)
}

/** Nobody else can be asked: what is likeliest stands, and the others are not paid and not blamed. */
export function settleAsIs(world: World, trust: TrustChecks, unit: UnitRecord): void {
  world.leave(unit)
  unit.wanted = 0
  unit.notBeforeMs = null
  const isComing = unit.leases.some((lease) => isOutstanding(lease) || isUnjudged(lease))
  if (isComing) return
  const ok = unit.leases.filter(({ phase }) => phase === 'ok')
  acceptLikeliest(world, trust, unit, ok)
}

function acceptLikeliest(
  world: World,
  trust: TrustChecks,
  unit: UnitRecord,
  ok: readonly LeaseRecord[]
): void {
  const side = likeliest(trust.view, ok, unit.groups)
  for (const lease of ok) {
    if (side.includes(lease)) continue
    const code = 'unit.no_agreement'
    voidLease(world, lease, { reason: 'redundant', fault: 'none', code, tell: 'ack' })
  }
  if (side.length > 0) acceptGroup(world, unit, side, 'schema')
}
