/**
 * Sarmenta's credibility-based fault tolerance: spot checks make a worker credible, and a value
 * stands once its group is credible enough. Source: L. Sarmenta, "Sabotage-tolerance mechanisms for
 * volunteer computing systems" (2002). The only arithmetic that is not of integers is here.
 */
import { RIGHT, UNSETTLED } from '../actors.ts'
import type { Arena } from '../arena.ts'
import type { PolicyRun, SabotagePolicy } from '../policy.ts'

const EULER = Math.E
const SPOT_CHECKS_PER_MILLION = 100_000

export interface SarmentaOptions {
  /** Share of wrong results that is borne. */
  readonly epsilon: number
  readonly blacklisting: boolean
  /** The share of saboteurs that the policy reckons with. */
  readonly saboteurs: number
}

export function sarmenta(options: SarmentaOptions): SabotagePolicy {
  const name = options.blacklisting ? 'sarmenta' : 'sarmenta-no-blacklist'
  return { name, start: (arena) => run(arena, options) }
}

function credibility({ blacklisting, saboteurs }: SarmentaOptions, passed: number): number {
  if (passed === 0) return 1 - saboteurs
  if (!blacklisting) return 1 - saboteurs / passed
  return 1 - saboteurs / ((1 - saboteurs) * passed * EULER)
}

function run(arena: Arena, options: SarmentaOptions): PolicyRun {
  const passed = new Int32Array(arena.namesMax)
  const banned = new Uint8Array(arena.namesMax)
  const accepted = new Int32Array(arena.units)
  const chance = arena.chance('sarmenta')
  /** The mesh knows the answer of a spot check beforehand. */
  function spotCheck(node: number, unit: number): void {
    if (arena.execute(node, unit) === RIGHT) passed[node] = (passed[node] ?? 0) + 1
    else {
      passed[node] = 0
      if (!options.blacklisting) return
      banned[node] = 1
      arena.convicted(node)
    }
  }
  const credible = (node: number): number => credibility(options, passed[node] ?? 0)
  return {
    settle(unit) {
      const results = new Map<number, number>()
      for (;;) {
        const node = arena.pick((one) => banned[one] === 0 && !results.has(one))
        if (node === null) {
          accepted[unit] = UNSETTLED
          return UNSETTLED
        }
        if (chance.happens(SPOT_CHECKS_PER_MILLION)) {
          spotCheck(node, unit)
          continue
        }
        results.set(node, arena.execute(node, unit))
        const best = bestGroup(results, credible)
        if (best.credibility < 1 - options.epsilon) continue
        accepted[unit] = best.value
        return best.value
      }
    },
    finish: () => accepted,
    isBanned: (node) => banned[node] === 1,
    believes: (node) => credible(node) >= 1 - options.epsilon
  }
}

/** The group that is most likely right, given that not more than one is. */
function bestGroup(
  results: ReadonlyMap<number, number>,
  credible: (node: number) => number
): { readonly value: number; readonly credibility: number } {
  const groups = new Map<number, { good: number; bad: number }>()
  for (const [node, value] of results) {
    const good = credible(node)
    const group = groups.get(value) ?? { good: 1, bad: 1 }
    groups.set(value, { good: group.good * good, bad: group.bad * (1 - good) })
  }
  let allBad = 1
  for (const { bad } of groups.values()) allBad *= bad
  const likely = [...groups].map(([value, { good, bad }]) => ({
    value,
    odds: (good * allBad) / bad
  }))
  const sum = likely.reduce((total, { odds }) => total + odds, allBad)
  const best = likely.reduce((a, b) => (b.odds > a.odds ? b : a))
  return { value: best.value, credibility: best.odds / sum }
}
