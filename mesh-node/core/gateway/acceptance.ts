/**
 * Accepting what a unit's results come to: who is paid, who is named, and what stands. Whether they are
 * enough was decided before.
 */
import { assert } from '#contracts'
import type { LeaseRecord, UnitRecord } from './gateway-state.ts'
import { acceptLease, voidLease } from './lease-life.ts'
import { giveUpUnit } from './retry.ts'
import { succeed } from './unit-end.ts'
import type { World } from './world.ts'

export function acceptAlone(
  world: World,
  unit: UnitRecord,
  lease: LeaseRecord,
  verification: 'none' | 'schema'
): void {
  if (lease.lowConfidence) {
    escalateUnsure(world, unit)
    return
  }
  acceptLease(world, lease, true)
  succeed(world, unit, lease, verification)
}

/** The lowest attempt stands for the unit; those who agree are paid, those who do not are named. */
export function acceptGroup(
  world: World,
  unit: UnitRecord,
  agreed: readonly LeaseRecord[],
  verification: 'agreed' | 'schema'
): void {
  const canonical = agreed[0]
  assert(canonical !== undefined, 'a group that is accepted has members')
  if (canonical.lowConfidence) {
    escalateUnsure(world, unit)
    return
  }
  for (const lease of agreed) acceptLease(world, lease, lease === canonical)
  for (const lease of unit.leases) {
    if (lease.phase === 'ok') {
      voidLease(world, lease, {
        reason: 'rejected',
        fault: 'disagreed',
        code: 'disagreed',
        tell: 'ack'
      })
    } else if (lease.phase === 'granted' || lease.phase === 'committed') {
      voidLease(world, lease, {
        reason: 'redundant',
        fault: 'none',
        code: 'settled',
        tell: 'settled'
      })
    }
  }
  succeed(world, unit, canonical, verification)
}

/** Nothing is wrong with the nodes' work: it is not held against them, and not paid. */
function escalateUnsure(world: World, unit: UnitRecord): void {
  const failure = {
    class: 'validation',
    code: 'unit.confidence_low',
    detail: 'not sure enough'
  } as const
  giveUpUnit(world, unit, failure, 'confidence_below')
}
