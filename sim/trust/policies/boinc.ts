/**
 * BOINC's adaptive replication: a host with a run of valid results is believed, but for one time in
 * that run's length. Source: BOINC wiki, AdaptiveReplication; only replicated units change a run.
 */
import { assert } from '#contracts'
import type { SabotagePolicy } from '../policy.ts'

const VALID_MIN = 10
const QUORUM = 2

export const boincAdaptive: SabotagePolicy = {
  name: 'boinc-adaptive',
  start(arena) {
    const valid = new Int32Array(arena.namesMax)
    const accepted = new Int32Array(arena.units)
    const chance = arena.chance('boinc')
    return {
      settle(unit) {
        const results = new Map<number, number>()
        const tally = new Map<number, number>()
        const ask = (): number => {
          const node = arena.pick((one) => !results.has(one))
          assert(node !== null, 'there are more nodes than a quorum')
          const value = arena.execute(node, unit)
          results.set(node, value)
          tally.set(value, (tally.get(value) ?? 0) + 1)
          return node
        }
        const first = ask()
        const run = valid[first] ?? 0
        let value = results.get(first) ?? 0
        // U(0,1) > 1/run, in integers
        const alone = run >= VALID_MIN && chance.below(1_000_000) * run > 1_000_000
        if (!alone) {
          let last = first
          do {
            last = ask()
            value = results.get(last) ?? 0
          } while ((tally.get(value) ?? 0) < QUORUM)
          for (const [node, said] of results)
            valid[node] = said === value ? (valid[node] ?? 0) + 1 : 0
        }
        accepted[unit] = value
        return value
      },
      finish: () => accepted,
      isBanned: () => false,
      believes: (node) => (valid[node] ?? 0) >= VALID_MIN
    }
  }
}
