/**
 * A scenario of the simulator as options of the real fidelity. What that one does not do is refused
 * by name rather than left out: a run that says it was real was all of the scenario.
 */
import { MeshError } from '#contracts'
import { Chance } from '../kernel/chance.ts'
import { shippedMatrix } from '../network/shipped-matrices.ts'
import { Places } from '../world/places.ts'
import { Scenario } from '../world/scenario.ts'
import { DEFAULT_REAL_OPTIONS, type RealCut, type RealLinks, type RealOptions } from './options.ts'

const US_PER_MS = 1_000
const BYTES_PER_KBIT = 125
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
    links: { ...linksOf(scenario), latencyMatrixMs: latenciesMs(scenario, nodes, seed) },
    cuts: cutsOf(scenario, nodes, seed),
    trust: scenario.trust,
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
  'network',
  'trust',
  'until_ms'
])

function refuseOthers(scenario: Scenario): void {
  const unset = Scenario.parse({ claim: scenario.claim, nodes: 1, units: 1 })
  const defaults = new Map<string, unknown>(Object.entries(unset))
  for (const [setting, value] of Object.entries(scenario)) {
    const given = JSON.stringify(value)
    if (CARRIED_OUT.has(setting) || given === JSON.stringify(defaults.get(setting))) continue
    refuse(setting, given)
  }
  if (scenario.network.nat_per_mille > 0) {
    refuse('network.nat_per_mille', String(scenario.network.nat_per_mille))
  }
}

function refuse(setting: string, given: string): never {
  const reason = 'the real fidelity does not do this: run the scenario without --real'
  throw new MeshError('sim.setting_invalid', { setting, given, reason })
}

/** Where a scenario bounds nothing, lines are those of the options. */
function linksOf({ network }: Scenario): RealLinks {
  const { links } = DEFAULT_REAL_OPTIONS
  const bytesPerSecond = (kbps: number | null): number | null =>
    kbps === null ? null : kbps * BYTES_PER_KBIT
  return {
    ...links,
    lossPerMillion: network.loss_per_mille * 1_000,
    upBytesPerSecond: bytesPerSecond(network.up_kbps) ?? links.upBytesPerSecond,
    downBytesPerSecond: bytesPerSecond(network.down_kbps) ?? links.downBytesPerSecond
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
  const drawn = (perMille: number, from: ReadonlySet<number>): ReadonlySet<number> => {
    const some = new Set<number>()
    const count = Math.round(((nodes - 1) * perMille) / 1_000)
    while (some.size < Math.min(count, nodes - 1 - from.size)) {
      const node = 1 + chance.below(nodes - 1)
      if (!from.has(node)) some.add(node)
    }
    return some
  }
  return partitions.map(({ kind, from_ms, until_ms, share_per_mille, ...keys }) => {
    const off = drawn(share_per_mille, new Set())
    const bridges = kind === 'bridge' ? drawn(keys.bridge_per_mille, off) : new Set<number>()
    const all = Array.from({ length: nodes }, (_, node) => node)
    const rest = all.filter((node) => !off.has(node) && !bridges.has(node))
    const span = { fromMs: from_ms, untilMs: until_ms }
    const flapMs = kind === 'flapping' ? keys.flap_ms : null
    return { ...span, from: [...off], to: rest, isOneWay: kind === 'one_way', flapMs }
  })
}
