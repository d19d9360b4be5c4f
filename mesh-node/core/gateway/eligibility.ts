/**
 * Which node may run a unit, as rules with names: the scheduler filters by them and
 * `explain` prints the first that refuses. Judges one node against one unit; compares nobody.
 */
import { SUBSTRATE_OF_KIND, type WorkUnit } from '#contracts'
import type { ModelNeeds } from './gateway-io.ts'
import {
  AHEAD_BULK_MS,
  AHEAD_MS,
  AHEAD_SHARE,
  HEALTH_MIN,
  HEALTH_STALE_MS
} from './gateway-policy.ts'
import {
  type ClaimRecord,
  inputBytesOf,
  leasesMax,
  type NodeRecord,
  placesLeft
} from './gateway-state.ts'

export const ELIGIBILITY_RULES = [
  'node_state',
  'not_connected',
  'kind_not_served',
  'pod_tier',
  'accelerator_missing',
  'privacy_local_only',
  'trusted_node_required',
  'memory',
  'region',
  'no_claim',
  'model_not_conformant',
  'health',
  'breaker_open',
  'no_capacity',
  'busy'
] as const
export type EligibilityRule = (typeof ELIGIBILITY_RULES)[number]

export interface Refusal {
  readonly rule: EligibilityRule
  readonly detail: string
}

/** What is known beside unit and node. */
export interface EligibilityFacts {
  readonly nowMs: number
  readonly trusted: ReadonlySet<string>
  /** By model, where its manifest was told. */
  readonly models: ReadonlyMap<string, ModelNeeds>
  /** Units that wait for a lease, of all sessions. */
  readonly waitingUnits: number
  readonly connectedNodes: number
}

/** The first rule by which the node cannot run the unit now, or null. */
export function refusalOf(
  unit: WorkUnit,
  node: NodeRecord,
  facts: EligibilityFacts
): Refusal | null {
  return (
    standingRefusal(node) ??
    natureRefusal(unit, node, facts) ??
    claimRefusal(unit, node) ??
    momentRefusal(unit, node, facts)
  )
}

/** As `refusalOf`, without what passes by itself: load, health, breaker. */
export const lastingRefusal = (
  unit: WorkUnit,
  node: NodeRecord,
  facts: EligibilityFacts
): Refusal | null =>
  standingRefusal(node) ?? natureRefusal(unit, node, facts) ?? claimRefusal(unit, node)

/** As `lastingRefusal`, of a node that may have yet to claim: to fetch and try the model. */
export const natureOnly = (
  unit: WorkUnit,
  node: NodeRecord,
  facts: EligibilityFacts
): Refusal | null => standingRefusal(node) ?? natureRefusal(unit, node, facts)

function standingRefusal(node: NodeRecord): Refusal | null {
  if (node.state !== 'active') return { rule: 'node_state', detail: node.state }
  return node.connected ? null : { rule: 'not_connected', detail: 'no link' }
}

/** What the node is, against what the unit asks for: changes only with a new hello. */
function natureRefusal(
  unit: WorkUnit,
  { descriptor, id }: NodeRecord,
  { trusted, models }: EligibilityFacts
): Refusal | null {
  if (descriptor === null) return { rule: 'not_connected', detail: 'has not said what it is' }
  const { constraints, kind, model } = unit
  const known = model.cid === null ? undefined : models.get(model.cid)
  if (!descriptor.kinds.includes(kind)) return { rule: 'kind_not_served', detail: kind }
  if (SUBSTRATE_OF_KIND[kind] === 'pod') {
    const tier = known?.tier
    const serves =
      tier === undefined || tier === 'small'
        ? descriptor.pod_tiers.length > 0
        : descriptor.pod_tiers.includes(tier)
    if (!serves) return { rule: 'pod_tier', detail: tier ?? 'any' }
  }
  const missing = constraints.accelerators.find((name) => !descriptor.accelerators.includes(name))
  if (missing !== undefined) return { rule: 'accelerator_missing', detail: missing }
  const isTrusted = trusted.has(id)
  if (constraints.privacy === 'local_only' && !isTrusted) {
    return { rule: 'privacy_local_only', detail: 'not in zone trusted' }
  }
  if (constraints.trusted_node_required && !isTrusted) {
    return { rule: 'trusted_node_required', detail: 'not in zone trusted' }
  }
  const memoryMb = Math.max(constraints.min_memory_mb, known?.memoryMb ?? 0)
  if (descriptor.memory_mb < memoryMb) {
    return { rule: 'memory', detail: `needs ${memoryMb} MB, has ${descriptor.memory_mb} MB` }
  }
  if (constraints.region !== null && constraints.region !== descriptor.region) {
    return { rule: 'region', detail: `wants ${constraints.region}, is ${descriptor.region ?? '?'}` }
  }
  return null
}

/** Whether the node has claimed what the unit needs, be there places or not. */
export function hasClaim({ kind, model }: WorkUnit, { claims }: NodeRecord): boolean {
  for (const { kinds, models } of claims.values()) {
    if (kinds.has(kind) && (model.cid === null || models.has(model.cid))) return true
  }
  return false
}

function claimRefusal(unit: WorkUnit, node: NodeRecord): Refusal | null {
  if (hasClaim(unit, node)) return null
  const claimsKind = [...node.claims.values()].some(({ kinds }) => kinds.has(unit.kind))
  return claimsKind
    ? { rule: 'model_not_conformant', detail: unit.model.cid ?? '' }
    : { rule: 'no_claim', detail: unit.kind }
}

function momentRefusal(unit: WorkUnit, node: NodeRecord, facts: EligibilityFacts): Refusal | null {
  const { nowMs } = facts
  const health = healthNow(node, nowMs)
  if (health < HEALTH_MIN) return { rule: 'health', detail: health.toFixed(3) }
  if (!node.breaker.allows(nowMs)) return { rule: 'breaker_open', detail: node.breaker.state }
  if (claimFor(unit, node) === null) {
    return { rule: 'no_capacity', detail: `${node.working} of ${leasesMax(node)} leases` }
  }
  const enough = leasesEnough(unit, node, facts)
  if (node.working >= enough) {
    return { rule: 'busy', detail: `has ${node.working} leases; ${enough} keep it busy` }
  }
  return null
}

/**
 * Leases that keep the node busy while results and the next grant travel. Long runs do not queue up
 * behind each other on the first node that was ready: the next node to come gets them. While much
 * waits a node takes more at once, and less and less of it as the end comes near (guided
 * self-scheduling: Polychronopoulos and Kuck, 1987).
 */
function leasesEnough(
  unit: WorkUnit,
  node: NodeRecord,
  { models, waitingUnits, connectedNodes }: EligibilityFacts
): number {
  const slots = node.descriptor?.slots ?? 1
  const cost = unit.model.cid === null ? null : (models.get(unit.model.cid)?.cost ?? null)
  if (cost === null) return Number.POSITIVE_INFINITY
  const runUs = cost.baseUs + (cost.usPerKib * inputBytesOf(unit)) / 1024
  const ahead = (ms: number): number => Math.floor((slots * ms * 1000) / Math.max(1, runUs))
  const share = Math.floor((AHEAD_SHARE * waitingUnits) / Math.max(1, connectedNodes))
  return slots + Math.max(ahead(AHEAD_MS), Math.min(ahead(AHEAD_BULK_MS), share))
}

/** The node's claim under which the unit fits, with most places left; null where none has any. */
export function claimFor(unit: WorkUnit, node: NodeRecord): ClaimRecord | null {
  let best: ClaimRecord | null = null
  let most = 0
  for (const claim of node.claims.values()) {
    if (!claim.kinds.has(unit.kind)) continue
    if (unit.model.cid !== null && !claim.models.has(unit.model.cid)) continue
    const places = placesLeft(node, claim)
    if (places > most) {
      best = claim
      most = places
    }
  }
  return best
}

/** A score that is old counts half. */
export const healthNow = ({ health, healthAtMs }: NodeRecord, nowMs: number): number =>
  nowMs - healthAtMs > HEALTH_STALE_MS ? health / 2 : health
