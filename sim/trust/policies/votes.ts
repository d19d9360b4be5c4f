/** `none` and m-first: a value stands once m nodes gave it. No node is known from any other. */
import { assert } from '#contracts'
import type { Arena } from '../arena.ts'
import type { PolicyRun, SabotagePolicy } from '../policy.ts'

export function mFirst(votes: number): SabotagePolicy {
  return { name: votes === 1 ? 'none' : `${votes}-first`, start: (arena) => run(arena, votes) }
}

function run(arena: Arena, votes: number): PolicyRun {
  const accepted = new Int32Array(arena.units)
  return {
    settle(unit) {
      const tally = new Map<number, number>()
      const asked = new Set<number>()
      for (;;) {
        const node = arena.pick((one) => !asked.has(one))
        assert(node !== null, 'there are more nodes than votes')
        asked.add(node)
        const value = arena.execute(node, unit)
        const count = (tally.get(value) ?? 0) + 1
        tally.set(value, count)
        if (count < votes) continue
        accepted[unit] = value
        return value
      }
    },
    finish: () => accepted,
    isBanned: () => false,
    believes: () => votes === 1
  }
}
