/**
 * iExec's Proof of Contribution: contributions weigh as their workers' past does, and a value stands
 * once its weight is t − 1 parts of t. Source: iExec-PoCo contracts, `IexecPocoDelegate.sol`.
 */
import { assert } from '#contracts'
import type { SabotagePolicy } from '../policy.ts'

export function poco(trust: number): SabotagePolicy {
  return {
    name: `poco-${trust}`,
    start(arena) {
      const score = new Int32Array(arena.namesMax)
      const accepted = new Int32Array(arena.units)
      const weightOf = (node: number): number => Math.max(Math.floor((score[node] ?? 0) / 3), 3) - 1
      return {
        settle(unit) {
          const results = new Map<number, number>()
          const groups = new Map<number, number>()
          let total = 1
          for (;;) {
            const node = arena.pick((one) => !results.has(one))
            assert(node !== null, 'a quorum is reached before all nodes are asked')
            const value = arena.execute(node, unit)
            results.set(node, value)
            const group = groups.get(value) ?? 0
            const delta = Math.max(group, 1) * weightOf(node) - group
            groups.set(value, group + delta)
            total += delta
            if ((group + delta) * trust <= total * (trust - 1)) continue
            for (const [one, said] of results) {
              const before = score[one] ?? 0
              score[one] = said === value ? before + 1 : before - Math.floor(before / 3)
            }
            accepted[unit] = value
            return value
          }
        },
        finish: () => accepted,
        isBanned: () => false,
        believes: (node) => weightOf(node) * trust > (weightOf(node) + 1) * (trust - 1)
      }
    }
  }
}
