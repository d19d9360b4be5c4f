/** Whom each node dials beside its way into the mesh, as the seed draws it. Dials nobody. */
import { Chance } from '../kernel/chance.ts'
import type { RealOptions } from './options.ts'

/** By number, row by row. */
export function dialsOf({
  nodes,
  dials,
  seed
}: Pick<RealOptions, 'nodes' | 'dials' | 'seed'>): readonly (readonly number[])[] {
  const chance = new Chance(seed, 'dials')
  return Array.from({ length: nodes }, (_, node) => {
    const others = new Set<number>()
    while (others.size < dials) {
      const other = chance.below(nodes)
      if (other !== node) others.add(other)
    }
    return [...others]
  })
}
