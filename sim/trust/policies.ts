/**
 * All policies by name. Those that reckon with a share of saboteurs are told the true one: the
 * reference table gives them that advantage. Ours is told nothing.
 */
import { MeshError } from '#contracts'
import type { Column } from './columns.ts'
import { boincAdaptive } from './policies/boinc.ts'
import { poco } from './policies/poco.ts'
import { probation } from './policies/probation.ts'
import { sarmenta } from './policies/sarmenta.ts'
import { mFirst } from './policies/votes.ts'
import type { SabotagePolicy } from './policy.ts'

const EPSILON = 0.01
/** What Sarmenta's formula reckons with where nobody lies: it knows no zero. */
const SABOTEURS_MIN = 0.01

const credible = (blacklisting: boolean) => (column: Column) =>
  sarmenta({
    epsilon: EPSILON,
    blacklisting,
    saboteurs: Math.max(column.saboteursPerMille / 1000, SABOTEURS_MIN)
  })

const POLICIES: Readonly<Record<string, (column: Column) => SabotagePolicy>> = {
  none: () => mFirst(1),
  '2-first': () => mFirst(2),
  '3-first': () => mFirst(3),
  'boinc-adaptive': () => boincAdaptive,
  'poco-100': () => poco(100),
  sarmenta: credible(true),
  'sarmenta-no-blacklist': credible(false),
  probation: () => probation()
}

export const POLICY_NAMES: readonly string[] = Object.keys(POLICIES)

export function policyNamed(name: string): (column: Column) => SabotagePolicy {
  const found = POLICIES[name]
  if (found !== undefined) return found
  throw new MeshError('input.malformed', { policy: name, known: POLICY_NAMES.join(', ') })
}
