/**
 * Where units go in a mesh that checks its nodes: alone to one whose word is taken, or to two at once
 * that still need checks, so that one extra execution checks both. Who it is follows from a secret of
 * the gateway. Grants nothing; where nobody is to be had now, the unit waits.
 */
import { affordable } from './budget.ts'
import { claimFor, hasClaim, lastingRefusal, natureOnly, refusalOf } from './eligibility.ts'
import { HOUSEKEEPING_MS } from './gateway-policy.ts'
import { isLive, type NodeRecord, type UnitRecord } from './gateway-state.ts'
import type { Draws } from './keyed-draw.ts'
import { isRecheckable, queueRecheck } from './rechecks.ts'
import { isComparable, type TrustChecks } from './trust-checks.ts'
import type { WaitingClass } from './waiting-class.ts'
import type { World } from './world.ts'

/** Nodes looked at for the second place of a check: enough to find one, too few to be foreseen. */
const PARTNER_TRIES = 12
/** Candidates passed over for one place, because of their owner or their backend. */
const PASSED_OVER_MAX = 32
/**
 * A node that is here fetches and tries a small model well within this. Then the first goes alone, and what
 * it gave is checked when another is there.
 */
const LONE_WAIT_MS = 10_000
/** Among more than these one is free soon; fewer would keep the others idle for as long as they run. */
const FEW_PARTNERS = 2
/** Where there are more nodes than these, some are in a list. */
const SCAN_MAX = 2_048

export interface Placing {
  readonly nodes: readonly NodeRecord[]
  readonly isCheck: boolean
}

/** What one placement is about. */
interface Seeker {
  readonly world: World
  readonly trust: TrustChecks
  readonly waiting: WaitingClass
  readonly unit: UnitRecord
  readonly draws: Draws
}

/** Null where the unit has to wait. */
export function pickByTrust(
  world: World,
  trust: TrustChecks,
  waiting: WaitingClass,
  unit: UnitRecord
): Placing | null {
  const draws = trust.draw.of('place', `${unit.packed.id} ${unit.attempt}`)
  const seeker = { world, trust, waiting, unit, draws }
  if (unit.leases.some(isLive)) return another(seeker)
  unit.isChecked = false
  return checked(seeker) ?? alone(seeker)
}

/** A node whose turn it is, and another beside it; or an earlier result of its is checked instead. */
function checked(seeker: Seeker): Placing | null {
  const { world, trust, waiting, draws } = seeker
  const mayCheck = trust.mayCheck() || !anyProven(seeker)
  if (!mayCheck && trust.view.suspects === 0) return null
  if (!isAffordable(seeker)) return null
  const first = takeFrom(seeker, 'tested', (node) => mayCheck || trust.view.isSuspect(node.id))
  if (first === null) return null
  const past = trust.view.pastToCheck(first.id, draws.word(), (id) => isRecheckable(world, id))
  if (past !== null && queueRecheck(world, past, first)) {
    waiting.put(first, world)
    return null
  }
  const pair = pairWith(seeker, first)
  if (pair === null) waiting.put(first, world)
  return pair
}

/** One whose word is taken, now and then with another beside it; where there is none, two others. */
function alone(seeker: Seeker): Placing | null {
  const { trust, waiting, world, draws } = seeker
  if (!anyProven(seeker)) return withoutProven(seeker)
  const node = takeFrom(seeker, 'candidates', () => true)
  if (node === null) return null
  const isDrawn = !trust.view.isTrusted(node.id) && draws.below(1_000) < trust.view.residualPerMille
  const pair = isDrawn && isAffordable(seeker) ? pairWith(seeker, node) : null
  if (pair === null && !placesFor(seeker, node)) {
    waiting.put(node, world)
    return null
  }
  return pair ?? { nodes: [node], isCheck: false }
}

/** Nobody's word is taken: two compare, whatever checks may cost; one alone only where it is the only one. */
function withoutProven(seeker: Seeker): Placing | null {
  const { world, waiting } = seeker
  const node = takeFrom(seeker, 'tested', () => true)
  if (node === null) return idleOfFew(seeker)
  if (isAffordable(seeker)) {
    const pair = pairWith(seeker, node, 'anyone')
    if (pair !== null) {
      waiting.loneSinceMs = null
      return pair
    }
    if (isWorthWaiting(seeker, node)) {
      waiting.put(node, world)
      return null
    }
  }
  return { nodes: [node], isCheck: false }
}

/** Of few, one that has checks enough under way does not stand idle until a slow one has done its half. */
function idleOfFew(seeker: Seeker): Placing | null {
  if (seeker.world.connectedNodes > FEW_PARTNERS + 1) return null
  const node = anyone(seeker, ({ working }) => working === 0)
  return node === null || isWorthWaiting(seeker, node) ? null : { nodes: [node], isCheck: false }
}

/** One more for a unit of which some results are there, or still come. */
function another(seeker: Seeker): Placing | null {
  const { unit, waiting, world } = seeker
  const nodes: NodeRecord[] = []
  const isDispute = unit.leases.filter(({ phase }) => phase === 'ok').length > 1
  while (nodes.length < unit.wanted) {
    const fresh = (node: NodeRecord): boolean => !nodes.includes(node) && fits(seeker, node)
    const node =
      (isDispute ? ownNode(seeker, fresh) : drawn(seeker, fresh)) ??
      takeFrom(seeker, 'candidates', fresh) ??
      takeFrom(seeker, 'tested', fresh) ??
      anyone(seeker, fresh)
    if (node === null) break
    nodes.push(node)
  }
  if (nodes.length === unit.wanted) return { nodes, isCheck: true }
  for (const node of nodes) waiting.put(node, world)
  return null
}

/** `anyone`: also one that has checks enough under way, rather than that both wait. */
function pairWith(
  seeker: Seeker,
  first: NodeRecord,
  whom: 'anyone' | 'lacking' = 'lacking'
): Placing | null {
  const owner = ownerOf(first)
  const second = (node: NodeRecord): boolean =>
    node !== first && ownerOf(node) !== owner && fits(seeker, node) && areAlike(seeker, first, node)
  const partner =
    drawn(seeker, second) ??
    takeFrom(seeker, 'candidates', second) ??
    takeFrom(seeker, 'tested', second) ??
    (whom === 'anyone' ? anyone(seeker, second) : null)
  if (partner === null) return null
  const nodes = seeker.draws.below(2) === 0 ? [first, partner] : [partner, first]
  return { nodes, isCheck: true }
}

/** Of a few nodes drawn by lot that lack checks, the one whose turn is nearest. */
function drawn(
  { world, trust, unit, draws }: Seeker,
  allowed: (node: NodeRecord) => boolean
): NodeRecord | null {
  const roster = trust.roster(world)
  let best: NodeRecord | null = null
  for (let tries = 0; tries < PARTNER_TRIES && roster.length > 0; tries++) {
    const node = roster[draws.below(roster.length)]
    if (node === undefined || trust.view.isProven(node.id) || trust.needs(node) <= 0) continue
    if (trust.view.convictionsOf(node.id) > 0 || !allowed(node)) continue
    if (best !== null && trust.view.turnOf(node.id) >= trust.view.turnOf(best.id)) continue
    if (refusalOf(unit.packed.unit, node, world) === null) best = node
  }
  return best
}

/** A node that has checks enough under way is in no list, and may be the only other voice. */
function anyone(
  { world, trust, unit }: Seeker,
  allowed: (node: NodeRecord) => boolean
): NodeRecord | null {
  const roster = trust.roster(world)
  if (roster.length > SCAN_MAX) return null
  const isFree = (node: NodeRecord): boolean =>
    allowed(node) && refusalOf(unit.packed.unit, node, world) === null
  return roster.find(isFree) ?? null
}

/** One of the operator's own settles a difference alone. */
function ownNode(seeker: Seeker, allowed: (node: NodeRecord) => boolean): NodeRecord | null {
  const { world, trust } = seeker
  if (world.trusted.size === 0) return null
  return anyone(seeker, (node) => trust.view.isTrusted(node.id) && allowed(node))
}

/** The best that is free and allowed; it is out of the list until it is put back. */
function takeFrom(
  { world, waiting }: Seeker,
  list: 'candidates' | 'tested',
  allowed: (node: NodeRecord) => boolean
): NodeRecord | null {
  const candidates = waiting[list]
  const passedOver: NodeRecord[] = []
  let found: NodeRecord | null = null
  while (found === null && passedOver.length < PASSED_OVER_MAX) {
    const node = candidates?.take(world)
    if (node === undefined) break
    if (allowed(node)) found = node
    else passedOver.push(node)
  }
  for (const node of passedOver) waiting.put(node, world)
  return found
}

/** Whether some node could ever give the unit another voice. */
export function couldVote(world: World, unit: UnitRecord): boolean {
  for (const node of world.nodes.values()) {
    if (!node.connected || !fits({ unit }, node)) continue
    if (lastingRefusal(unit.packed.unit, node, world) === null) return true
  }
  return false
}

/** Another owner than those of the unit's results, and one whose result can be compared with them. */
function fits({ unit }: Pick<Seeker, 'unit'>, node: NodeRecord): boolean {
  if (unit.avoid.includes(node.id)) return false
  return unit.leases.every((lease) => {
    if (!isLive(lease)) return true
    const owner = lease.restored ? lease.node.descriptor?.owner : lease.owner
    return owner !== undefined && owner !== ownerOf(node) && isComparable(unit, node, lease)
  })
}

const ownerOf = (node: NodeRecord): string => node.descriptor?.owner ?? node.id

function areAlike({ unit }: Seeker, one: NodeRecord, other: NodeRecord): boolean {
  const { level } = unit.packed.unit.verification.agreement
  const byBytes = level === 'exact' || level === 'class_exact'
  return !byBytes || one.backendClass === other.backendClass
}

/** Two leases fit the budgets, and take nothing from units that have none yet. */
function isAffordable({ world, trust, unit }: Seeker): boolean {
  const { session } = unit.root
  const cap = world.options.tenantLeasesMax
  if (cap !== null && session.tenant.activeLeases + 2 > cap) return false
  const { max_cost_micro: micro } = unit.packed.unit.budget
  return trust.hasRoom(session, micro) && affordable(unit, 2) === 'now'
}

const placesFor = ({ unit }: Seeker, node: NodeRecord): boolean =>
  claimFor(unit.packed.unit, node) !== null

/** Whether there is a node whose word is taken and that could ever run the class; looked at twice a second. */
function anyProven({ world, trust, waiting }: Seeker): boolean {
  const known = waiting.proven
  if (known !== null && world.nowMs - known.atMs < HOUSEKEEPING_MS) return known.any
  let any = false
  for (const node of world.nodes.values()) {
    if (!trust.view.isProven(node.id) || !node.connected) continue
    any = lastingRefusal(waiting.sample, node, world) === null
    if (any) break
  }
  waiting.proven = { atMs: world.nowMs, any }
  return any
}

/** Nodes that could be the other of a pair once they are free, or ready; no more than say enough. */
function partners(seeker: Seeker, first: NodeRecord, whom: 'claimed' | 'to claim'): number {
  const { world, waiting } = seeker
  const refusal = whom === 'claimed' ? lastingRefusal : natureOnly
  let found = 0
  for (const node of world.nodes.values()) {
    // while models are fetched hardly anybody has claimed, and all nodes are walked for every unit
    if (whom === 'claimed' && !hasClaim(waiting.sample, node)) continue
    if (node === first || ownerOf(node) === ownerOf(first) || !node.connected) continue
    if (!areAlike(seeker, first, node) || seeker.unit.avoid.includes(node.id)) continue
    if (refusal(waiting.sample, node, world) === null) found += 1
    if (found > FEW_PARTNERS) break
  }
  return found
}

/**
 * Another is soon free where there are many. Where there are few, or they have yet to claim, it is waited
 * for a while: the first of a mesh is not believed for being the first.
 */
function isWorthWaiting(seeker: Seeker, first: NodeRecord): boolean {
  const { world, waiting } = seeker
  if (partners(seeker, first, 'claimed') > FEW_PARTNERS) return true
  if (partners(seeker, first, 'to claim') === 0) return false
  waiting.loneSinceMs ??= world.nowMs
  return world.nowMs - waiting.loneSinceMs < LONE_WAIT_MS
}
