/**
 * Declared ways out: which edge a trigger activates, and the step along it. Krako adds
 * no edge, takes none twice, and takes none that nobody declared.
 */
import { assert, type EscalationTrigger, type UnitEdge } from '#contracts'
import { remainingMicro } from './budget.ts'
import type { RootRecord, UnitRecord } from './gateway-state.ts'
import { newUnit } from './unit-start.ts'
import type { World } from './world.ts'

/**
 * The first declared edge for the trigger that was not taken: only declared ones, each once. An edge
 * for `budget_remaining` answers any trigger, while so much of the cost budget is left.
 */
export function nextEdge(root: RootRecord, trigger: EscalationTrigger): UnitEdge | null {
  for (const edge of root.edges) {
    if (root.taken.includes(edge) || root.session.units.has(edge.unit.id)) continue
    const isMeant = edge.trigger === trigger || edge.trigger === 'budget_remaining'
    const needMicro = edge.remainingMicro ?? 0
    if (isMeant && remainingMicro(root.session) >= needMicro) return edge
  }
  return null
}

/** The submission goes on with the edge's unit. */
export function takeEdge(world: World, root: RootRecord, edge: UnitEdge): UnitRecord {
  assert(!root.taken.includes(edge), 'an edge is taken once')
  root.taken.push(edge)
  root.escalations.push(edge.trigger)
  return newUnit(world, root, edge.unit)
}
