/**
 * Units that have succeeded and are done once more: a check of a node's past, which no node can tell
 * from other work, or a unit whose node was convicted. Queues, places and counts them; what a result
 * means is `recheck-verdict.ts`.
 */
import { type SessionId, UNIT_ATTEMPTS_MAX, type UnitId } from '#contracts'
import { affordable } from './budget.ts'
import { claimFor, lastingRefusal, refusalOf } from './eligibility.ts'
import type { NodeRecord, Recheck, UnitRecord } from './gateway-state.ts'
import type { Draws } from './keyed-draw.ts'
import { grantLease } from './lease-life.ts'
import { isComparable, type TrustChecks } from './trust-checks.ts'
import type { World } from './world.ts'

/** Rechecks that are looked at in one pass. */
const LOOKS_MAX = 64
/** Nodes drawn by lot for one place, before all are looked at in order. */
const TRIES = 32
/** More nodes than these are not looked at one by one. */
const SCAN_MAX = 2_048
const PARTNER_TRIES = 12

type Allowed = (node: NodeRecord) => boolean

/** The unit, where it has succeeded in an open session and is not being looked at. */
function settledUnit(world: World, id: UnitId): UnitRecord | null {
  for (const session of world.sessions.values()) {
    const unit = session.units.get(id)
    if (unit !== undefined) return unit.recheck === null && hasResult(unit) ? unit : null
  }
  return null
}

const hasResult = ({ canonical, state, root }: UnitRecord): boolean =>
  canonical !== null && state === 'success' && root.session.state === 'running'

export function isRecheckable(world: World, id: UnitId): boolean {
  const unit = settledUnit(world, id)
  return unit !== null && unit.attempt < UNIT_ATTEMPTS_MAX && isAffordable(world, unit)
}

const isAffordable = (world: World, unit: UnitRecord): boolean =>
  world.trust?.hasRoom(unit.root.session, unit.packed.unit.budget.max_cost_micro) === true &&
  affordable(unit, 1) === 'now'

/** An earlier result of the node is done by another. */
export function queueRecheck(world: World, id: UnitId, subject: NodeRecord): boolean {
  const unit = settledUnit(world, id)
  if (unit === null || world.trust === null) return false
  subject.checks += 1
  start(world.trust, unit, { why: 'past', subject, wanted: 1, lost: 0, isOver: false })
  return true
}

/** Its node was convicted, and nobody else stands for it. */
export function reopen(world: World, session: SessionId, id: UnitId, node: string): void {
  const unit = world.sessions.get(session)?.units.get(id)
  if (world.trust === null || unit === undefined || !hasResult(unit)) return
  world.event('workunit.reopened', { unit }, { node, reason: 'probation.convicted' })
  // a check that is under way goes on, and the convicted has no voice in it
  if (unit.recheck !== null) unit.recheck.why = 'reopened'
  else
    start(world.trust, unit, { why: 'reopened', subject: null, wanted: 1, lost: 0, isOver: false })
}

function start(trust: TrustChecks, unit: UnitRecord, recheck: Recheck): void {
  unit.recheck = recheck
  trust.rechecks.push(unit)
}

/** One more lease is wanted for it. */
export function askAgain(world: World, unit: UnitRecord, recheck: Recheck): void {
  if (recheck.wanted > 0) return
  recheck.wanted = 1
  world.trust?.rechecks.push(unit)
  world.dispatchWanted = true
}

/** Nothing more is done about it. */
export function endRecheck(world: World, unit: UnitRecord): void {
  const { recheck } = unit
  if (recheck === null) return
  if (recheck.subject !== null) world.trust?.checkEnded(world, recheck.subject)
  unit.recheck = null
}

/** Grants leases to those that wait, as far as there are nodes and money. */
export function dispatchRechecks(world: World): void {
  const { trust } = world
  if (trust === null) return
  for (let left = Math.min(LOOKS_MAX, trust.rechecks.length); left > 0; left--) {
    const unit = trust.rechecks.shift()
    if (unit === undefined || unit.recheck === null || unit.recheck.wanted === 0) continue
    if (unit.root.session.state !== 'running') endRecheck(world, unit)
    else if (isPastMeans(trust, unit)) {
      unit.recheck.isOver = true
      unit.recheck.wanted = 0
      world.unsettled.push(unit)
    } else if (!place(world, trust, unit, unit.recheck)) trust.rechecks.push(unit)
  }
}

/** No money will be there for it: not even when what is under way has ended. */
function isPastMeans(trust: TrustChecks, unit: UnitRecord): boolean {
  const money = affordable(unit, 1)
  if (money === 'held' || money === 'never') return true
  return !trust.hasRoom(unit.root.session, unit.packed.unit.budget.max_cost_micro)
}

function place(world: World, trust: TrustChecks, unit: UnitRecord, recheck: Recheck): boolean {
  if (!isAffordable(world, unit)) return false
  const draws = trust.draw.of('recheck', `${unit.packed.id} ${unit.attempt}`)
  const node = choose(world, trust, { unit, recheck, draws })
  if (node === null) return false
  const claim = claimFor(unit.packed.unit, node)
  if (claim === null) return false
  recheck.wanted = 0
  const lease = grantLease(world, unit, node, claim)
  trust.leaseGranted(lease, { isExtra: true, isCheck: true })
  if (!claim.standing && claim.used >= claim.slots) node.claims.delete(claim.id)
  return true
}

interface Choice {
  readonly unit: UnitRecord
  readonly recheck: Recheck
  readonly draws: Draws
}

function choose(world: World, trust: TrustChecks, choice: Choice): NodeRecord | null {
  const { unit, recheck, draws } = choice
  const able: Allowed = (node) => fits(unit, node) && isFree(world, unit, node)
  const believed: Allowed = (node) => trust.view.isProven(node.id) && able(node)
  const isDispute = unit.leases.some(({ phase }) => phase === 'ok')
  if (isDispute) {
    const own: Allowed = (node) => trust.view.isTrusted(node.id) && able(node)
    const first = world.trusted.size === 0 ? null : find(world, draws, own)
    return first ?? find(world, draws, believed) ?? find(world, draws, able)
  }
  // every other time it is one whose word is taken: nobody can read from its standing what it is for
  const isBlind = recheck.why === 'past' && draws.below(2) === 0
  const first = isBlind ? find(world, draws, believed) : null
  return (
    first ?? nearest(world, draws, able) ?? find(world, draws, believed) ?? find(world, draws, able)
  )
}

const isFree = (world: World, unit: UnitRecord, node: NodeRecord): boolean =>
  refusalOf(unit.packed.unit, node, world) === null

/** Nobody does a unit twice, nor two nodes of one owner; results must be comparable. */
function fits(unit: UnitRecord, node: NodeRecord): boolean {
  const owner = node.descriptor?.owner ?? node.id
  const { canonical } = unit
  if (canonical !== null && !isComparable(unit, node, canonical)) return false
  return unit.leases.every((lease) => {
    // of what was lost before it gave anything, another node of the owner may be asked
    if (lease.phase === 'ended' && lease.attestation === null) return lease.node !== node
    const known = lease.restored ? lease.node.descriptor?.owner : lease.owner
    return lease.node !== node && known !== owner
  })
}

/** Those that wait for another voice where nobody could ever give it. */
export function hopelessRechecks(world: World, looks: number): readonly UnitRecord[] {
  return (world.trust?.rechecks ?? []).slice(0, looks).filter((unit) => {
    if (unit.recheck === null || unit.recheck.wanted === 0) return false
    for (const node of world.nodes.values()) {
      const isAble = node.connected && fits(unit, node)
      if (isAble && lastingRefusal(unit.packed.unit, node, world) === null) return false
    }
    return true
  })
}

/** By lot; where the lot finds nobody, the first in order. */
function find(world: World, draws: Draws, allowed: Allowed): NodeRecord | null {
  const roster = world.trust?.roster(world) ?? []
  for (let tries = 0; tries < TRIES && roster.length > 0; tries++) {
    const node = roster[draws.below(roster.length)]
    if (node !== undefined && allowed(node)) return node
  }
  if (roster.length > SCAN_MAX) return null
  return roster.find(allowed) ?? null
}

/** Of a few drawn by lot that lack checks and were never convicted, the one whose turn is nearest. */
function nearest(world: World, draws: Draws, allowed: Allowed): NodeRecord | null {
  const { trust } = world
  if (trust === null) return null
  const roster = trust.roster(world)
  let best: NodeRecord | null = null
  for (let tries = 0; tries < PARTNER_TRIES && roster.length > 0; tries++) {
    const node = roster[draws.below(roster.length)]
    if (node === undefined || trust.view.isProven(node.id) || trust.needs(node) <= 0) continue
    if (trust.view.convictionsOf(node.id) > 0) continue
    if (best !== null && trust.view.turnOf(node.id) >= trust.view.turnOf(best.id)) continue
    if (allowed(node)) best = node
  }
  return best
}
