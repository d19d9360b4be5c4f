/**
 * How a difference between results is settled: by the operator's own nodes, by enough nodes whose word is
 * taken, or else by most of all. Counts voices; accepts and blames nobody.
 */
import type { NodeChecks } from './gateway-io.ts'
import type { LeaseRecord } from './gateway-state.ts'

const LEAD = 2
/** More executions than these are not spent on one difference: the mesh cannot tell. */
export const VOTES_MAX = 12

type Groups = readonly (readonly number[])[]

/** Who could have a voice: distinct owners, and nodes whose word is taken. */
export interface Electorate {
  readonly owners: number
  readonly proven: number
}

/** Of so many believed nodes one or two that came in together do not decide. */
const JURY = 8
/** Where no more are believed than these, most of them must say so, or four. */
export const FEW_BELIEVED = 16
const FEW_VOICES = 4

/**
 * The leases that say what stands; null: more must be asked. `voters` are those whose results count. The
 * operator's own node settles a difference alone. Believed nodes settle it where they are a jury, or most
 * of a small mesh; before that everybody's voice counts, since a few who lie alike could be the first to
 * be believed: then it takes most of all owners, or a lead of two.
 */
export function settledBy(
  checks: NodeChecks,
  voters: readonly LeaseRecord[],
  { groups, electorate }: { readonly groups: Groups; readonly electorate: () => Electorate }
): readonly LeaseRecord[] | null {
  const sides = sidesOf(voters, groups)
  const [top, second] = sides
  if (top === undefined || voters.length < LEAD) return null
  if (second === undefined) return top
  const own = mostOf(sides, ({ node }) => checks.isTrusted(node.id))
  if (own !== null) return own
  const { owners, proven } = electorate()
  const isJury = proven >= Math.min(JURY, Math.floor(owners / 2) + 1)
  const believed = mostOf(sides, ({ node }) => checks.isProven(node.id))
  if (isJury && believed !== null && believed.length >= LEAD) {
    const voices = believed.filter(({ node }) => checks.isProven(node.id)).length
    if (voices >= voicesNeeded(proven)) return believed
  }
  const isAnyBelieved = voters.some(({ node }) => checks.isProven(node.id))
  if (isJury && isAnyBelieved) return null
  return top.length - second.length >= LEAD || top.length * 2 > owners ? top : null
}

/** Two who were believed early must not decide in a mesh of few. */
const voicesNeeded = (believed: number): number =>
  believed > FEW_BELIEVED ? 1 : Math.min(FEW_VOICES, Math.floor(believed / 2) + 1)

/** The side that more than half of such voters are on. */
function mostOf(
  sides: readonly (readonly LeaseRecord[])[],
  counts: (lease: LeaseRecord) => boolean
): readonly LeaseRecord[] | null {
  const on = sides.map((side) => side.filter(counts).length)
  const all = on.reduce((sum, one) => sum + one, 0)
  return sides.find((_, index) => (on[index] ?? 0) * 2 > all) ?? null
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
