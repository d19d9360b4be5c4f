/**
 * What the network of a seed is like, each kind of trouble from a stream of its own, and what of it
 * shrinking tries to leave out.
 */
import { Chance } from '../kernel/chance.ts'
import { CUT_KINDS } from '../network/cuts.ts'
import { NETWORK_DEFAULT, type PartitionKeys } from '../world/network-keys.ts'
import type { Scenario } from '../world/scenario.ts'

/** A tenth of all packets: few lines are worse and still used. */
const LOSS_PER_MILLE_MAX = 100
/** From a slow uplink to one that is no bound. */
const KBPS_MIN = 500
const KBPS_MAX = 100_000
const FLAP_MS_MIN = 200
const FLAP_MS_MAX = 10_000
const PEERS_MAX = 10

const between = (chance: Chance, min: number, max: number): number =>
  min + chance.below(max - min + 1)

export function drawNetwork(seed: number) {
  const chance = new Chance(seed, 'network')
  const isIn = (): boolean => chance.happens(500_000)
  return {
    network: {
      loss_per_mille: isIn() ? between(chance, 1, LOSS_PER_MILLE_MAX) : 0,
      up_kbps: isIn() ? between(chance, KBPS_MIN, KBPS_MAX) : null,
      down_kbps: isIn() ? between(chance, KBPS_MIN, KBPS_MAX) : null,
      nat_per_mille: isIn() ? between(chance, 1, 1_000) : 0
    },
    gossip: isIn() ? { peers: chance.below(PEERS_MAX), flood_publish: isIn() } : {}
  }
}

/** Of that partition of the seed's. */
export function drawCut(seed: number, index: number): Partial<PartitionKeys> {
  const chance = new Chance(seed, 'cut', index)
  return {
    kind: CUT_KINDS[chance.below(CUT_KINDS.length)] ?? 'symmetric',
    bridge_per_mille: chance.below(500),
    flap_ms: between(chance, FLAP_MS_MIN, FLAP_MS_MAX)
  }
}

export function* calmerNetworks(scenario: Scenario): Generator<Scenario> {
  const { network, gossip, partitions } = scenario
  if (JSON.stringify(network) !== JSON.stringify(NETWORK_DEFAULT)) {
    yield { ...scenario, network: NETWORK_DEFAULT }
  }
  for (const key of ['loss_per_mille', 'nat_per_mille'] as const) {
    if (network[key] > 0) yield { ...scenario, network: { ...network, [key]: 0 } }
  }
  for (const key of ['up_kbps', 'down_kbps'] as const) {
    if (network[key] !== null) yield { ...scenario, network: { ...network, [key]: null } }
  }
  if (Object.keys(gossip).length > 0) yield { ...scenario, gossip: {} }
  for (const [index, cut] of partitions.entries()) {
    if (cut.kind === 'symmetric') continue
    yield { ...scenario, partitions: partitions.with(index, { ...cut, kind: 'symmetric' }) }
  }
}
