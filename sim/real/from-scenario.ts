/**
 * A scenario of the simulator as options of the real fidelity. What that one does not do is refused
 * by name rather than left out: a run that says it was real was all of the scenario.
 */
import { MeshError } from '#contracts'
import { Chance } from '../kernel/chance.ts'
import { shippedMatrix } from '../network/shipped-matrices.ts'
import { Places } from '../world/places.ts'
import { Scenario } from '../world/scenario.ts'
import { DEFAULT_REAL_OPTIONS, type RealCut, type RealOptions } from './options.ts'

const US_PER_MS = 1_000
const DIALS = 3

/** Throws `sim.setting_invalid` where the scenario asks for more than the real fidelity does. */
export function realOptionsOf(scenario: Scenario, seed: number): RealOptions {
  refuseOthers(scenario)
  // the control node is one more
  const nodes = scenario.nodes + 1
  const { min, max } = scenario.service_ms
  const perMille = scenario.quorum_per_mille
  return {
    ...DEFAULT_REAL_OPTIONS,
    nodes,
    seed,
    dials: Math.min(DIALS, nodes - 1),
    links: { ...DEFAULT_REAL_OPTIONS.links, latencyMatrixMs: latenciesMs(scenario, nodes, seed) },
    cuts: cutsOf(scenario, nodes, seed),
    work: {
      units: scenario.units,
      serviceMs: Math.round((min + max) / 2),
      quorumEvery: perMille === 0 ? null : Math.max(1, Math.round(1_000 / perMille))
    }
  }
}

/** Settings that the real fidelity carries out; any other must be as it is where nobody sets it. */
const CARRIED_OUT: ReadonlySet<string> = new Set([
  'claim',
  'nodes',
  'units',
  'quorum_per_mille',
  'service_ms',
  'latency',
  'partitions',
  'until_ms'
])

function refuseOthers(scenario: Scenario): void {
  const unset = Scenario.parse({ claim: scenario.claim, nodes: 1, units: 1 })
  const defaults = new Map<string, unknown>(Object.entries(unset))
  for (const [setting, value] of Object.entries(scenario)) {
    const given = JSON.stringify(value)
    if (CARRIED_OUT.has(setting) || given === JSON.stringify(defaults.get(setting))) continue
    const reason = 'the real fidelity does not do this: run the scenario without --real'
    throw new MeshError('sim.setting_invalid', { setting, given, reason })
  }
}

function latenciesMs(scenario: Scenario, nodes: number, seed: number): readonly number[][] {
  const places = new Places(scenario.latency, nodes, {
    place: new Chance(seed, 'places'),
    jitter: new Chance(seed, 'pairs'),
    matrixOf: shippedMatrix
  })
  return Array.from({ length: nodes }, (_row, from) =>
    Array.from({ length: nodes }, (_column, to) =>
      from === to ? 0 : places.oneWayUs(from, to) / US_PER_MS
    )
  )
}

/** The control node is never among those that are cut off. */
function cutsOf({ partitions }: Scenario, nodes: number, seed: number): readonly RealCut[] {
  const chance = new Chance(seed, 'cuts')
  return partitions.map(({ from_ms, until_ms, share_per_mille }) => {
    const off = new Set<number>()
    const count = Math.min(nodes - 1, Math.round(((nodes - 1) * share_per_mille) / 1_000))
    while (off.size < count) off.add(1 + chance.below(nodes - 1))
    const rest = Array.from({ length: nodes }, (_, node) => node).filter((node) => !off.has(node))
    const span = { fromMs: from_ms, untilMs: until_ms }
    return { ...span, from: [...off], to: rest, isOneWay: false, flapMs: null }
  })
}
