/**
 * Who gets what: urgent units first, classes in turn, each unit to the best nodes that may run it, at
 * once for all owners it needs. A unit that cannot be placed keeps its place; one that can never be
 * paid ends. Costs O(log n) of the nodes with places per lease.
 */
import { assert, PRIORITIES } from '#contracts'
import { affordable, anyGoesOn } from './budget.ts'
import { settleAsIs } from './checked-units.ts'
import { claimFor } from './eligibility.ts'
import { DISPATCH_QUANTUM } from './gateway-policy.ts'
import { isLive, type NodeRecord, ownersOf, type UnitRecord } from './gateway-state.ts'
import { backendClass, grantLease } from './lease-life.ts'
import { dispatchRechecks } from './rechecks.ts'
import { giveUpUnit } from './retry.ts'
import { type Placing, pickByTrust } from './trust-placement.ts'
import { maybeReveal } from './verification.ts'
import type { WaitingClass } from './waiting-class.ts'
import type { World } from './world.ts'

/** Units that need a lease again and are looked at in one pass: each may fail on its own reason. */
const AGAIN_LOOKS_MAX = 64
/** Candidates passed over for one unit because of its owners or nodes. */
const PASSED_OVER_MAX = 256

/** Enough that a number says little, few beside UNIT_ATTEMPTS_MAX. */
const FIRST_ATTEMPTS = 32

type Placement = 'placed' | 'ended' | 'blocked'

export function dispatch(world: World): void {
  world.changes.publish(world.nodes.size)
  world.dispatchWanted = false
  dispatchRechecks(world)
  if (world.waitingUnits === 0) return
  for (const waiting of world.classes.values()) {
    if (waiting.size === 0) continue
    waiting.refresh(world.nodes, world.changes, world)
  }
  for (let level = 0; level < PRIORITIES.length; level++) dispatchLevel(world, level)
  // what was found to be looked at again while nodes were chosen
  dispatchRechecks(world)
}

/** Classes in turn, a quantum each, until none of them gets anything more. */
function dispatchLevel(world: World, level: number): void {
  let hopeful: WaitingClass[] = []
  for (const waiting of world.classes.values()) {
    if (waiting.sizeAt(level) === 0) continue
    retryPlacements(world, waiting, level)
    if (waiting.sizeAt(level) > 0) hopeful.push(waiting)
  }
  while (hopeful.length > 0) {
    hopeful = hopeful.filter((waiting) => placeQuantum(world, waiting, level))
  }
}

function retryPlacements(world: World, waiting: WaitingClass, level: number): void {
  for (const unit of waiting.takeAgain(level, AGAIN_LOOKS_MAX)) {
    // placing another may have ended it
    if (unit.place !== null && place(world, waiting, unit) === 'blocked') waiting.putBack(unit)
  }
}

/** False when the class has to wait for something. */
function placeQuantum(world: World, waiting: WaitingClass, level: number): boolean {
  for (let turn = 0; turn < DISPATCH_QUANTUM; turn++) {
    const unit = waiting.firstFresh(level)
    if (unit === undefined || place(world, waiting, unit) === 'blocked') return false
  }
  return true
}

function place(world: World, waiting: WaitingClass, unit: UnitRecord): Placement {
  assert(unit.place !== null && unit.wanted > 0, 'only a waiting unit is placed')
  const { session } = unit.root
  const cap = world.options.tenantLeasesMax
  if (cap !== null && session.tenant.activeLeases + unit.wanted > cap) return 'blocked'
  switch (affordable(unit, unit.wanted)) {
    case 'later':
      return 'blocked'
    case 'held':
      if (anyGoesOn(world.sessions.values(), unit)) return 'blocked'
      return unpaid(world, unit)
    case 'never':
      return unpaid(world, unit)
    case 'now': {
      const placing = placingFor(world, waiting, unit)
      if (placing === null) return 'blocked'
      grantAll(world, waiting, unit, placing)
      return 'placed'
    }
  }
}

/** Nothing will pay for another lease. */
function unpaid(world: World, unit: UnitRecord): Placement {
  if (world.trust !== null && unit.isChecked && unit.leases.some(isLive)) {
    settleAsIs(world, world.trust, unit)
    return 'ended'
  }
  const detail = 'what is left of the budgets does not cover it'
  const failure = { class: 'budget', code: 'unit.budget_exhausted', detail } as const
  giveUpUnit(world, unit, failure, 'failure')
  return 'ended'
}

function placingFor(world: World, waiting: WaitingClass, unit: UnitRecord): Placing | null {
  const { trust } = world
  if (trust !== null && waiting.tested !== null) return pickByTrust(world, trust, waiting, unit)
  const nodes = pick(world, waiting, unit)
  return nodes === null ? null : { nodes, isCheck: false }
}

function grantAll(
  world: World,
  waiting: WaitingClass,
  unit: UnitRecord,
  { nodes, isCheck }: Placing
): void {
  const isFirst = !unit.leases.some(isLive)
  if (waiting.tested !== null && unit.attempt === 0) unit.attempt = firstAttempt(world, unit)
  world.leave(unit)
  unit.wanted = 0
  unit.isChecked ||= isCheck
  world.move(unit, 'dispatched')
  for (const [index, node] of nodes.entries()) {
    const claim = claimFor(unit.packed.unit, node)
    assert(claim !== null, 'a picked node has a claim with places')
    const lease = grantLease(world, unit, node, claim)
    const isExtra = isCheck && (index > 0 || !isFirst)
    world.trust?.leaseGranted(lease, { isExtra, isCheck })
    waiting.put(node, world)
    if (!claim.standing && claim.used >= claim.slots) node.claims.delete(claim.id)
  }
  maybeReveal(world, unit)
}

/** Attempts count from anywhere where nodes are checked: a number must not tell who is the second. */
function firstAttempt({ trust }: World, { packed }: UnitRecord): number {
  return trust?.draw.of('attempt', packed.id).below(FIRST_ATTEMPTS) ?? 0
}

/** As many nodes as the unit wants leases, of distinct owners; null where there are too few now. */
function pick(world: World, waiting: WaitingClass, unit: UnitRecord): NodeRecord[] | null {
  const { candidates } = waiting
  const picked: NodeRecord[] = []
  const passedOver: NodeRecord[] = []
  const rules = ownerRules(world, unit)
  while (picked.length < unit.wanted && passedOver.length < PASSED_OVER_MAX) {
    const node = candidates.take(world)
    if (node === undefined) break
    if (!unit.avoid.includes(node.id) && rules.takes(node)) picked.push(node)
    else passedOver.push(node)
  }
  for (const node of passedOver) {
    const isLastResort = picked.length < unit.wanted && unit.avoid.includes(node.id)
    if (isLastResort && rules.takes(node)) picked.push(node)
    else candidates.put(node, world)
  }
  if (picked.length === unit.wanted) return picked
  for (const node of picked) candidates.put(node, world)
  return null
}

/** What the leases of one unit demand of each other. */
export function ownerRules(world: World, unit: UnitRecord): { takes(node: NodeRecord): boolean } {
  const { mode, agreement } = unit.packed.unit.verification
  if (mode !== 'quorum' && mode !== 'recompute') return { takes: () => true }
  const live = unit.leases.filter(isLive)
  const owners = ownersOf(live)
  if (owners === null) return { takes: () => false }
  const first = live[0]
  let sameClass = first === undefined ? null : backendClass(first)
  let needsTrusted = mode === 'recompute' && !live.some(({ node }) => world.trusted.has(node.id))
  let left = unit.wanted
  return {
    takes(node) {
      const owner = node.descriptor?.owner ?? node.id
      if (owners.has(owner)) return false
      if (agreement.level === 'class_exact' && sameClass !== null) {
        if (node.backendClass !== sameClass) return false
      }
      const isTrusted = world.trusted.has(node.id)
      if (needsTrusted && !isTrusted && left === 1) return false
      if (isTrusted) needsTrusted = false
      owners.add(owner)
      sameClass ??= node.backendClass
      left -= 1
      return true
    }
  }
}
