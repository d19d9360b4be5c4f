/**
 * Who keeps the ledger in the mesh of a seed, what their disks do and who forks, from a stream of its
 * own; and what of it shrinking tries to leave out.
 */
import { Chance } from '../kernel/chance.ts'
import { REPLICAS_DEFAULT } from '../replicas/keys.ts'
import type { Scenario } from '../world/scenario.ts'

/** In small meshes: each of them folds the whole log. */
const REPLICAS_MAX = 4
const WRITE_MS_MAX = 500
const DISKS = ['keeps', 'forgets', 'tears', 'rolls_back'] as const

/** A third of the meshes have replicas, and half of these somebody who forks. */
export function drawReplicas(
  seed: number,
  { nodes, faultsUntilMs }: { readonly nodes: number; readonly faultsUntilMs: number }
): Scenario['replicas'] {
  const chance = new Chance(seed, 'swarm replicas')
  if (!chance.happens(333_333)) return REPLICAS_DEFAULT
  return {
    nodes: 1 + chance.below(Math.min(nodes, REPLICAS_MAX)),
    disk: DISKS[chance.below(DISKS.length)] ?? 'keeps',
    write_ms: chance.below(WRITE_MS_MAX),
    fork: chance.happens(500_000)
      ? {
          at_ms: chance.below(faultsUntilMs),
          who: chance.happens(500_000) ? 'sequencer' : 'node',
          share_per_mille: 200 + chance.below(600)
        }
      : null
  }
}

export function* fewerReplicas(scenario: Scenario): Generator<Scenario> {
  const { replicas } = scenario
  if (replicas.nodes === 0) return
  yield { ...scenario, replicas: REPLICAS_DEFAULT }
  if (replicas.fork !== null) yield { ...scenario, replicas: { ...replicas, fork: null } }
  if (replicas.disk !== 'keeps') yield { ...scenario, replicas: { ...replicas, disk: 'keeps' } }
  if (replicas.nodes > 1) {
    yield { ...scenario, replicas: { ...replicas, nodes: replicas.nodes - 1 } }
  }
}
