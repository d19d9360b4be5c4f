/**
 * Large meshes with every kind of fault at once, for one question: whether two runs of a seed leave the
 * same trace. They are cut off in the middle of their troubles, so that a thousand of them can be run.
 */
import { Chance } from '../kernel/chance.ts'
import { CUT_KINDS } from '../network/cuts.ts'
import { PAUSE_KINDS } from '../nodes/keys.ts'
import { ACTOR_KEYS } from '../nodes/role-names.ts'
import { REPLICAS_DEFAULT } from '../replicas/keys.ts'
import { Scenario } from '../world/scenario.ts'

/** All troubles begin within this, and most of them end. */
export const LARGE_FOR_MS = 15_000
const UNITS_MIN = 200
const UNITS_MAX = 400
/** Of each kind of actor up to so many in a thousand: together no more than half. */
const ACTORS_MAX = 30
const DISKS = ['keeps', 'forgets', 'tears', 'flips', 'rolls_back'] as const
const REPLICA_DISKS = ['keeps', 'forgets', 'tears', 'rolls_back'] as const
const REPLICAS = 2
const REPLICA_WRITE_MS_MAX = 200
const REPLICAS_PER_MILLION = 100_000
const FAULTS = 2

export function drawLarge(seed: number, nodes: number): Scenario {
  const chance = new Chance(seed, 'large')
  const between = (min: number, max: number): number => min + chance.below(max - min + 1)
  const early = (): number => between(2_000, LARGE_FOR_MS - 5_000)
  const some = <Fault>(draw: () => Fault): Fault[] => Array.from({ length: FAULTS }, draw)
  return Scenario.parse({
    claim: 'Two runs of a seed leave one trace and one ledger, whatever goes wrong in them.',
    nodes,
    units: between(UNITS_MIN, UNITS_MAX),
    arrive_over_ms: between(5_000, LARGE_FOR_MS),
    quorum_per_mille: between(100, 900),
    dependencies: { share_per_mille: between(50, 300), parents_max: 2 },
    service_ms: { min: between(10, 500), max: between(500, 8_000) },
    latency: 'wondernetwork',
    clocks: {
      off_ms: between(1, 3_600_000),
      drift_ppm: between(1, 1_000),
      jumps: (['nodes', 'gateway'] as const).map((who) => ({
        at_ms: early(),
        by_ms: between(-600_000, 600_000),
        who,
        share_per_mille: between(50, 500)
      }))
    },
    churn: { fit: 'combos', speed: between(50, 1_000), until_ms: LARGE_FOR_MS },
    actors: Object.fromEntries(ACTOR_KEYS.map((key) => [key, between(1, ACTORS_MAX)])),
    cheat_per_mille: between(100, 1_000),
    trust: chance.happens(500_000) ? 'probation' : 'credibility',
    vanish: some(() => ({
      at_ms: early(),
      share_per_mille: between(50, 500),
      back_after_ms: between(1_000, 10_000)
    })),
    pauses: PAUSE_KINDS.map((how) => ({
      at_ms: early(),
      for_ms: between(1_000, 10_000),
      share_per_mille: between(20, 200),
      how
    })),
    partitions: some(() => {
      const fromMs = early()
      return {
        from_ms: fromMs,
        until_ms: fromMs + between(1_000, 10_000),
        share_per_mille: between(50, 500),
        kind: CUT_KINDS[chance.below(CUT_KINDS.length)],
        bridge_per_mille: chance.below(500),
        flap_ms: between(200, 10_000)
      }
    }),
    network: {
      loss_per_mille: between(1, 50),
      up_kbps: between(2_000, 100_000),
      down_kbps: between(2_000, 100_000),
      nat_per_mille: between(1, 900)
    },
    crashes: [
      {
        at_ms: early(),
        down_ms: between(500, 3_000),
        disk: DISKS[chance.below(DISKS.length)]
      }
    ],
    replicas: replicas(chance, early),
    budget_per_mille: between(500, 20_000),
    ledger_ms: between(1, 200),
    until_ms: LARGE_FOR_MS
  })
}

/** Their heads are gossiped to everybody, which makes five times the events: in some runs alone. */
function replicas(chance: Chance, early: () => number): Scenario['replicas'] {
  if (!chance.happens(REPLICAS_PER_MILLION)) return REPLICAS_DEFAULT
  return {
    nodes: REPLICAS,
    disk: REPLICA_DISKS[chance.below(REPLICA_DISKS.length)] ?? 'keeps',
    write_ms: 1 + chance.below(REPLICA_WRITE_MS_MAX),
    fork: {
      at_ms: early(),
      who: chance.happens(500_000) ? 'sequencer' : 'node',
      share_per_mille: 200 + chance.below(601)
    }
  }
}
