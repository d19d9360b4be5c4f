/**
 * What it means when a unit that has succeeded is done once more: the first result is confirmed, or
 * others are asked, or another takes its place. Where the caller has made use of the first already, it
 * stands, unpaid, and an event says that it is in doubt.
 */
import { assert, UNIT_ATTEMPTS_MAX } from '#contracts'
import { giveBack } from './budget.ts'
import { electorateOf } from './electorate.ts'
import {
  isOutstanding,
  isUnjudged,
  type LeaseRecord,
  type Recheck,
  type UnitRecord
} from './gateway-state.ts'
import { acceptLease, voidLease } from './lease-life.ts'
import { askAgain, endRecheck } from './rechecks.ts'
import { settledBy, sidesOf, VOTES_MAX } from './votes.ts'
import type { World } from './world.ts'

/** Attempts of one recheck that may come to nothing. */
const LOST_MAX = 3

interface Case {
  readonly world: World
  readonly unit: UnitRecord
  readonly recheck: Recheck
  /** Its result stands so far. */
  readonly canonical: LeaseRecord
  /** Fresh results. */
  readonly fresh: readonly LeaseRecord[]
  readonly groups: readonly (readonly number[])[]
}

/** Looks at the unit when nothing more is under way for it. */
export function decideRecheck(world: World, unit: UnitRecord): void {
  const { recheck, canonical } = unit
  if (recheck === null || canonical === null || recheck.wanted > 0 || unit.judging) return
  if (unit.leases.some((lease) => isOutstanding(lease) || isUnjudged(lease))) return
  const fresh = unit.leases.filter(({ phase }) => phase === 'ok')
  if (recheck.isOver) {
    leave({ world, unit, fresh })
    return
  }
  if (fresh.length === 0) {
    tryAgain(world, unit, recheck)
    return
  }
  const accepted = unit.leases.filter(({ isAccepted }) => isAccepted)
  const groups = withAccepted(unit.groups, canonical, accepted)
  settle({ world, unit, recheck, canonical, fresh, groups }, accepted)
}

/** All that was accepted says the same, and only the one that stands was compared again. */
function withAccepted(
  groups: Case['groups'],
  canonical: LeaseRecord,
  accepted: readonly LeaseRecord[]
): Case['groups'] {
  const all = accepted.map(({ attempt }) => attempt)
  const home = groups.find((group) => group.includes(canonical.attempt)) ?? [canonical.attempt]
  const others = groups.filter((group) => group !== home)
  return [[...new Set([...home, ...all])], ...others]
}

function tryAgain(world: World, unit: UnitRecord, recheck: Recheck): void {
  recheck.lost += 1
  if (recheck.lost < LOST_MAX && unit.attempt + 1 < UNIT_ATTEMPTS_MAX) {
    askAgain(world, unit, recheck)
    return
  }
  if (recheck.why === 'reopened') doubt(world, unit)
  endRecheck(world, unit)
}

function settle(one: Case, accepted: readonly LeaseRecord[]): void {
  const { world, unit, recheck, canonical, fresh, groups } = one
  const [home] = sidesOf([canonical, ...fresh], groups).filter((side) => side.includes(canonical))
  if (home?.length === fresh.length + 1) {
    confirm(one, fresh)
    return
  }
  // who was convicted has no voice
  const voters = recheck.why === 'reopened' ? fresh : [...accepted, ...fresh]
  const checks = world.trust?.view
  assert(checks !== undefined, 'units are done again where nodes are checked')
  const side = settledBy(checks, voters, { groups, electorate: () => electorateOf(world, unit) })
  if (side !== null) {
    const right = side.filter((lease) => fresh.includes(lease))
    const isSame = side.some((lease) => home?.includes(lease))
    if (isSame) confirm(one, right)
    // it was paid for good while it was done again: the ledger takes nothing back
    else if (checks.isFinal(unit.packed.id)) leave(one)
    else replace(one, right, accepted)
  } else if (fresh.length < VOTES_MAX && unit.attempt + 1 < UNIT_ATTEMPTS_MAX) {
    askAgain(world, unit, recheck)
  } else leave(one)
}

/** What stands is right: those who say so are paid, the others are named. */
function confirm({ world, unit, fresh }: Case, right: readonly LeaseRecord[]): void {
  for (const lease of right) acceptLease(world, lease, false)
  name(world, fresh, right)
  endRecheck(world, unit)
}

function name(world: World, fresh: readonly LeaseRecord[], right: readonly LeaseRecord[]): void {
  const code = 'disagreed'
  for (const lease of fresh) {
    if (right.includes(lease)) continue
    voidLease(world, lease, { reason: 'rejected', fault: 'disagreed', code, tell: 'ack' })
  }
}

/** Nobody can be asked any more. */
export function leaveRecheck(world: World, unit: UnitRecord): void {
  const isComing = (lease: LeaseRecord): boolean => isOutstanding(lease) || isUnjudged(lease)
  if (unit.recheck === null || unit.leases.some(isComing)) return
  leave({ world, unit, fresh: unit.leases.filter(({ phase }) => phase === 'ok') })
}

/** Nobody can tell: nothing changes, and nobody is blamed. */
function leave({ world, unit, fresh }: Pick<Case, 'world' | 'unit' | 'fresh'>): void {
  const isOpen = unit.recheck?.why === 'reopened' || fresh.length > 0
  const code = 'unit.no_agreement'
  for (const lease of fresh) {
    voidLease(world, lease, { reason: 'redundant', fault: 'none', code, tell: 'ack' })
  }
  if (isOpen) doubt(world, unit)
  endRecheck(world, unit)
}

/** Another result than the first is right. */
function replace(
  { world, unit, recheck, fresh }: Case,
  right: readonly LeaseRecord[],
  accepted: readonly LeaseRecord[]
): void {
  const { root, packed } = unit
  const { session } = root.session.spec
  const mayCorrect = world.options.mayCorrect?.(session, root.unitId) ?? false
  for (const lease of accepted) {
    const wasConvicted = recheck.why === 'reopened'
    if (!wasConvicted) giveBack(lease)
    if (wasConvicted && !mayCorrect) continue
    world.out.withdrawn(session, {
      unit: packed.id,
      attempt: lease.attempt,
      lease: lease.id,
      reason: 'disagreed',
      stands: !mayCorrect
    })
    lease.isAccepted = false
  }
  const [first] = right
  assert(first !== undefined, 'what is right was said by somebody')
  for (const lease of right) acceptLease(world, lease, mayCorrect && lease === first)
  name(world, fresh, right)
  if (mayCorrect) correct(world, unit, first)
  else doubt(world, unit)
  endRecheck(world, unit)
}

/** The caller hears of the result that stands now. */
function correct(world: World, unit: UnitRecord, lease: LeaseRecord): void {
  const { root, canonical } = unit
  const { attestation } = lease
  assert(root.outcome !== null && attestation !== null, 'only what has succeeded is corrected')
  const was = canonical?.attestation?.output_cid ?? null
  const { output_cid: outputCid, usage } = attestation
  unit.canonical = lease
  root.outcome = {
    ...root.outcome,
    costMicro: root.costMicro,
    executions: root.executions,
    outputCid,
    usage
  }
  world.out.corrected(root.outcome)
  world.event(
    'workunit.corrected',
    { unit, attempt: lease.attempt },
    { node: lease.node.id, output_cid: outputCid, was }
  )
}

function doubt(world: World, unit: UnitRecord): void {
  const { canonical } = unit
  const outputCid = canonical?.attestation?.output_cid ?? null
  world.event(
    'workunit.doubted',
    { unit },
    { node: canonical?.node.id ?? '', output_cid: outputCid, reason: 'disagreed' }
  )
}
