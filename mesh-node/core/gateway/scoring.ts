/**
 * How good a node is for a unit: a weighted sum of capacity, idleness, trust and region,
 * equal for equal inputs. Ranks nodes that may run the unit; whether they may is `eligibility.ts`.
 */
import type { WorkUnit } from '#contracts'
import {
  CAPACITY_FULL,
  WEIGHT_CAPACITY,
  WEIGHT_IDLE,
  WEIGHT_REGION,
  WEIGHT_TRUST
} from './gateway-policy.ts'
import { type ClaimRecord, leasesMax, type NodeRecord, placesLeft } from './gateway-state.ts'

const REGION_SAME = 1
const REGION_NONE_ASKED = 0.5
const REGION_OTHER = 0

/** Between 0 and 1. */
export function scoreOf(unit: WorkUnit, node: NodeRecord, claim: ClaimRecord): number {
  const capacity = Math.min(1, placesLeft(node, claim) / CAPACITY_FULL)
  const load = Math.min(1, node.working / Math.max(1, leasesMax(node)))
  return (
    WEIGHT_CAPACITY * capacity +
    WEIGHT_IDLE * (1 - load) +
    WEIGHT_TRUST * node.trust +
    WEIGHT_REGION * regionScore(unit, node)
  )
}

function regionScore({ constraints }: WorkUnit, { descriptor }: NodeRecord): number {
  if (constraints.region === null) return REGION_NONE_ASKED
  return descriptor?.region === constraints.region ? REGION_SAME : REGION_OTHER
}

export interface Ranked {
  readonly node: NodeRecord
  readonly score: number
  /** Leases that the node works on, when it was ranked. */
  readonly depth: number
}

/** True when `left` comes first: by score, then the shorter queue, then the node's id. */
export function ranksBefore(left: Ranked, right: Ranked): boolean {
  if (left.score !== right.score) return left.score > right.score
  if (left.depth !== right.depth) return left.depth < right.depth
  return left.node.id < right.node.id
}
