/**
 * The gossip of a simulated mesh: every node is connected with the control node as long as its link
 * stands, and with some others that it dials when it comes. What gossip does is the router's affair.
 */
import { GOSSIP_SETTINGS, type GossipSettings, PEERS_FOUND_MAX } from '#contracts'
import { Chance } from '../kernel/chance.ts'
import { GossipRouter } from '../network/gossip-router.ts'
import type { GossipFaults } from '../network/gossip-state.ts'
import type { Paths } from '../network/paths.ts'
import type { GossipKeys } from './network-keys.ts'
import type { RunReport } from './report.ts'
import { KIND, type VirtualTime } from './virtual-time.ts'

/** Draws for each other that is to be dialled, before those that were met twice are given up. */
const TRIES = 4

export interface GossipMeshPorts {
  readonly time: VirtualTime
  readonly seed: number
  readonly hosts: number
  readonly paths: Paths
  readonly isLost: (from: number, to: number) => boolean
  readonly relayOf: (dialler: number, other: number) => number
  readonly keys: GossipKeys
  /** Planted, for tests of what finds them. */
  readonly faults?: GossipFaults | undefined
}

export class GossipMesh {
  readonly router: GossipRouter
  readonly #ports: GossipMeshPorts
  readonly #chances: Chance[] = []
  readonly #there: number[] = []

  constructor(ports: GossipMeshPorts) {
    const { time, hosts, paths, isLost, relayOf, keys, faults } = ports
    this.#ports = ports
    const routerPorts = {
      nowUs: () => time.nowUs,
      enter: (atUs: number, host: number, frame: number) =>
        time.enter(atUs, host, KIND.gossip, frame),
      isLost,
      chance: (host: number) => this.#chance(host),
      paths,
      relayOf
    }
    const router = new GossipRouter(hosts, settingsOf(keys), routerPorts, faults)
    this.router = router
    time.carry({
      kind: KIND.gossip,
      digestOf: (frame) => router.digestOf(frame),
      take: (frame) => router.take(frame)
    })
  }

  /** A host comes, and dials some that are there. */
  join(host: number, others: number = this.#ports.keys.peers ?? PEERS_FOUND_MAX): void {
    const { state } = this.router
    if (state.isThere(host)) return
    this.router.join(host)
    const chance = this.#chance(host)
    const dialled = new Set<number>()
    const count = Math.min(others, this.#there.length)
    for (let tries = TRIES * count; tries > 0 && dialled.size < count; tries--) {
      const other = this.#there[chance.below(this.#there.length)]
      if (other === undefined || dialled.has(other)) continue
      dialled.add(other)
      this.router.dial(host, other)
    }
    this.#there.push(host)
  }

  leave(host: number): void {
    this.router.leave(host)
    const at = this.#there.indexOf(host)
    if (at >= 0) this.#there.splice(at, 1)
  }

  publish(from: number, message: Parameters<GossipRouter['publish']>[1]): void {
    this.router.publish(from, message)
  }

  report(): RunReport['gossip'] {
    const { published, delays, copies, deliveries, spared } = this.router.state
    const share = (count: number): number =>
      deliveries === 0 ? 0 : Math.round((count * 1_000) / deliveries) / 1_000
    return {
      published,
      delivery_p50_ms: delays.quantileUs(500) / 1_000,
      delivery_p99_ms: delays.quantileUs(990) / 1_000,
      duplicates: share(copies - deliveries),
      spared: share(spared)
    }
  }

  #chance(host: number): Chance {
    const known = this.#chances[host] ?? new Chance(this.#ports.seed, 'gossip', host)
    this.#chances[host] = known
    return known
  }
}

/** The product's, but for what a scenario sets otherwise. */
function settingsOf(keys: GossipKeys): GossipSettings {
  const set = GOSSIP_SETTINGS
  return {
    ...set,
    degree: keys.d ?? set.degree,
    degreeMin: keys.d_lo ?? set.degreeMin,
    degreeMax: keys.d_hi ?? set.degreeMax,
    degreeLazy: keys.d_lazy ?? set.degreeLazy,
    degreeByScore: keys.d_score ?? set.degreeByScore,
    degreeOutbound: keys.d_out ?? set.degreeOutbound,
    gossipPerMille: keys.factor_per_mille ?? set.gossipPerMille,
    heartbeatMs: keys.heartbeat_ms ?? set.heartbeatMs,
    floodPublish: keys.flood_publish ?? set.floodPublish,
    unwantedBytesMin: keys.idontwant_bytes_min ?? set.unwantedBytesMin
  }
}
