/**
 * Who could have a voice where results of a unit differ, as far as it matters for how that is settled.
 * Counts; asks nobody.
 */
import { lastingRefusal } from './eligibility.ts'
import type { UnitRecord } from './gateway-state.ts'
import { type Electorate, FEW_BELIEVED, VOTES_MAX } from './votes.ts'
import type { World } from './world.ts'

/** Who could say what the unit comes to: those who have, and those who could be asked. */
export function electorateOf(world: World, unit: UnitRecord): Electorate {
  const owners = new Set<string>()
  let proven = 0
  for (const node of world.nodes.values()) {
    if (!node.connected || lastingRefusal(unit.packed.unit, node, world) !== null) continue
    owners.add(node.descriptor?.owner ?? node.id)
    if (world.trust?.view.isProven(node.id)) proven += 1
    if (owners.size > VOTES_MAX * 2 && proven > FEW_BELIEVED) break
  }
  for (const lease of unit.leases) if (lease.attestation !== null) owners.add(lease.owner)
  return { owners: owners.size, proven }
}
