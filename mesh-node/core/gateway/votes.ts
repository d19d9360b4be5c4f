/**
 * How a difference between results is settled: by nodes whose word is taken, or, where there are none,
 * by a lead of two. Counts voices; accepts and blames nobody.
 */
import type { NodeChecks } from './gateway-io.ts'
import type { LeaseRecord } from './gateway-state.ts'

const LEAD = 2
/** More executions than these are not spent on one difference: the mesh cannot tell. */
export const VOTES_MAX = 12

type Groups = readonly (readonly number[])[]

/** The leases that say what stands; null: more must be asked. `voters` are those whose results count. */
export function settledBy(
  checks: NodeChecks,
  voters: readonly LeaseRecord[],
  groups: Groups
): readonly LeaseRecord[] | null {
  const sides = sidesOf(voters, groups)
  const [top, second] = sides
  if (top === undefined || voters.length < LEAD) return null
  if (second === undefined) return top
  const provenIn = (side: readonly LeaseRecord[]): number =>
    side.filter(({ node }) => checks.isProven(node.id)).length
  const provenVotes = provenIn(voters)
  for (const side of sides) {
    if (side.length >= LEAD && provenIn(side) * 2 > provenVotes && provenVotes > 0) return side
  }
  const leads = top.length - second.length >= LEAD
  return provenVotes === 0 && leads ? top : null
}

/** Where nobody can tell: the side that is believed most, then the largest, then the first. */
export function likeliest(
  checks: NodeChecks,
  voters: readonly LeaseRecord[],
  groups: Groups
): readonly LeaseRecord[] {
  const weight = (side: readonly LeaseRecord[]): number =>
    side.filter(({ node }) => checks.isProven(node.id)).length * VOTES_MAX + side.length
  const sides = [...sidesOf(voters, groups)].sort((a, b) => weight(b) - weight(a))
  return sides[0] ?? []
}

/** Voters by what they say, the largest side first; one whose result agrees with none is a side. */
export function sidesOf(
  voters: readonly LeaseRecord[],
  groups: Groups
): readonly (readonly LeaseRecord[])[] {
  const sides: LeaseRecord[][] = []
  const placed = new Set<LeaseRecord>()
  for (const group of groups) {
    const side = voters.filter((lease) => !placed.has(lease) && group.includes(lease.attempt))
    if (side.length === 0) continue
    for (const lease of side) placed.add(lease)
    sides.push(side)
  }
  for (const lease of voters) if (!placed.has(lease)) sides.push([lease])
  return sides.sort((a, b) => b.length - a.length)
}
