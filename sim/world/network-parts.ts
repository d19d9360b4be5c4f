/** The network of a scenario, put together: paths between hosts, who is behind a NAT, and cuts. */
import { Chance } from '../kernel/chance.ts'
import { type Cut, sidesOf } from '../network/cuts.ts'
import { Paths } from '../network/paths.ts'
import type { PartitionKeys } from './network-keys.ts'
import { type MatrixOf, Places } from './places.ts'
import type { Scenario } from './scenario.ts'
import { KIND, type VirtualTime } from './virtual-time.ts'

interface Ground {
  readonly seed: number
  readonly hosts: number
}

export function placesOf(
  { latency }: Scenario,
  { seed, hosts }: Ground,
  matrixOf: MatrixOf
): Places {
  const [place, jitter] = [new Chance(seed, 'place'), new Chance(seed, 'jitter')]
  return new Places(latency, hosts, { place, jitter, matrixOf })
}

export function pathsOf({ network }: Scenario, { seed, hosts }: Ground, places: Places): Paths {
  const { loss_per_mille: lossPerMille, up_kbps: upKbps, down_kbps: downKbps } = network
  const options = { hosts, lossPerMille, upKbps, downKbps }
  return new Paths(places, options, new Chance(seed, 'loss'))
}

/** Who relays between two hosts, -1 for nobody: two nodes behind NATs need `relay`, who is public. */
export function relaysOf(
  { nodes, network }: Scenario,
  { seed, relay }: { readonly seed: number; readonly relay: number }
): (from: number, to: number) => number {
  const chance = new Chance(seed, 'nat')
  const isBehindNat = Array.from({ length: nodes }, (_, node) => {
    return chance.below(1_000) < network.nat_per_mille && node !== relay
  })
  return (from, to) => (isBehindNat[from] === true && isBehindNat[to] === true ? relay : -1)
}

export interface CutPorts {
  readonly time: VirtualTime
  readonly seed: number
  /** Of them, those below `nodes` may be cut off. */
  readonly hosts: number
  readonly nodes: number
  readonly begin: (cut: Cut) => void
  readonly end: (cut: Cut) => void
}

/** Draws whom a partition is about, and enters when it begins and ends. */
export function planCut(keys: PartitionKeys, index: number, ports: CutPorts): void {
  const { time, seed, hosts, nodes } = ports
  const { kind, until_ms: untilMs, flap_ms: flapMs } = keys
  const some = (purpose: string, perMille: number): readonly number[] => {
    const chance = new Chance(seed, purpose, index)
    const all = Array.from({ length: nodes }, (_, node) => node)
    return all.filter(() => chance.below(1_000) < perMille)
  }
  const bridges = kind === 'bridge' ? some('bridge', keys.bridge_per_mille) : []
  const cut: Cut = { kind, side: sidesOf(hosts, some('partition', keys.share_per_mille), bridges) }
  const at = (atMs: number, act: () => void): void =>
    time.after(atMs * 1_000 - time.nowUs, nodes, KIND.fault, 0, act)
  const turn = (fromMs: number): void => {
    const endMs = kind === 'flapping' ? Math.min(fromMs + flapMs, untilMs) : untilMs
    at(fromMs, () => ports.begin(cut))
    at(endMs, () => {
      ports.end(cut)
      if (endMs + flapMs < untilMs) turn(endMs + flapMs)
    })
  }
  turn(keys.from_ms)
}
