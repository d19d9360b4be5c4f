/**
 * Gossip for its own sake: nodes without a control node or work, messages that some of them publish,
 * and hosts that are there to spoil it. Checks that every honest node has every message in time.
 */
import { Chance } from '../kernel/chance.ts'
import { Cuts } from '../network/cuts.ts'
import type { GossipFaults } from '../network/gossip-state.ts'
import { Checks } from './checks.ts'
import { GossipMesh } from './gossip-mesh.ts'
import type { AttackKeys, MessagesKeys } from './network-keys.ts'
import { pathsOf, placesOf, planCut, relaysOf } from './network-parts.ts'
import type { MatrixOf } from './places.ts'
import type { Scenario } from './scenario.ts'
import { KIND, VirtualTime } from './virtual-time.ts'

/** Nodes come one after another, as they do. */
const ARRIVAL_SPREAD_US = 2_000_000

export class GossipOnly {
  readonly time = new VirtualTime()
  readonly checks = new Checks({ nowMs: () => this.time.nowMs })
  readonly gossip: GossipMesh
  /** Of every message to every honest node: not there in time. */
  missed = 0
  readonly #scenario: Scenario
  readonly #seed: number
  readonly #cuts = new Cuts()
  readonly #publishers: Chance
  #messages = 0

  constructor(
    scenario: Scenario,
    { seed, matrixOf, faults }: { seed: number; matrixOf: MatrixOf; faults?: GossipFaults }
  ) {
    this.#scenario = scenario
    this.#seed = seed
    this.#publishers = this.#chance('publishers')
    const { time } = this
    const hosts = scenario.nodes + (scenario.attack?.sybils ?? 0)
    this.gossip = new GossipMesh({
      time,
      seed,
      hosts,
      paths: pathsOf(scenario, { seed, hosts }, placesOf(scenario, { seed, hosts }, matrixOf)),
      keys: scenario.gossip,
      isLost: (from, to) => this.#cuts.isLost(from, to),
      // the first node is a public one, and relays
      relayOf: relaysOf(scenario, { seed, relay: 0 }),
      faults
    })
    this.#begin()
  }

  #chance(purpose: string, node = -1): Chance {
    return new Chance(this.#seed, purpose, node)
  }

  #begin(): void {
    const { nodes, messages, attack, partitions } = this.#scenario
    for (let node = 0; node < nodes; node++) {
      const us = this.#chance('arrival', node).below(ARRIVAL_SPREAD_US)
      this.time.after(us, node, KIND.link, 0, () => this.gossip.join(node))
    }
    if (attack !== null) this.#planAttack(attack)
    for (const [index, partition] of partitions.entries()) {
      planCut(partition, index, {
        time: this.time,
        seed: this.#seed,
        hosts: nodes + (attack?.sybils ?? 0),
        nodes,
        begin: (cut) => this.#cuts.begin(cut),
        end: (cut) => this.#cuts.end(cut)
      })
    }
    if (messages !== null) this.#planMessage(messages)
  }

  #planMessage(keys: MessagesKeys): void {
    const atUs = keys.from_ms * 1_000 + Math.floor((this.#messages * 1_000_000) / keys.per_second)
    if (atUs >= keys.until_ms * 1_000) return
    const index = this.#messages++
    const from = this.#publishers.below(this.#scenario.nodes)
    this.time.after(atUs - this.time.nowUs, from, KIND.submitted, index, () => {
      this.#publish(from, index, keys)
      this.#planMessage(keys)
    })
  }

  #publish(from: number, index: number, { bytes, within_ms: withinMs }: MessagesKeys): void {
    const { time, checks } = this
    let missing = -1
    const { state } = this.gossip.router
    for (let node = 0; node < this.#scenario.nodes; node++) if (state.isThere(node)) missing += 1
    const deliver = (): void => {
      missing -= 1
    }
    this.gossip.publish(from, { digest: index, bytes, deliver })
    time.after(withinMs * 1_000, from, KIND.judged, index, () => {
      if (missing <= 0) return
      this.missed += missing
      const detail = `message ${index} of node ${from} has not reached ${missing} nodes`
      checks.undelivered(`${detail} ${withinMs} ms after it was published`)
    })
  }

  #planAttack({ kind, sybils, at_ms: atMs, dials }: AttackKeys): void {
    const { nodes } = this.#scenario
    const { state } = this.gossip.router
    const target = this.#chance('target').below(nodes)
    const turn = (host: number): void => {
      state.isHostile[host] = 1
    }
    for (let host = nodes; host < nodes + sybils; host++) {
      state.isCounted[host] = 0
      const chance = this.#chance('sybil', host)
      const isEarly = kind === 'cold_boot' || kind === 'covert_flash'
      const us = (isEarly ? 0 : atMs * 1_000) + chance.below(ARRIVAL_SPREAD_US)
      this.time.after(us, host, KIND.link, 0, () => {
        if (kind !== 'covert_flash') turn(host)
        this.gossip.join(host, 0)
        if (kind === 'eclipse') this.gossip.router.dial(host, target)
        else for (let dial = 0; dial < dials; dial++) this.#dialNode(host, chance)
      })
      if (kind !== 'covert_flash') continue
      this.time.after(atMs * 1_000, host, KIND.fault, 0, () => turn(host))
    }
  }

  #dialNode(host: number, chance: Chance): void {
    this.gossip.router.dial(host, chance.below(this.#scenario.nodes))
  }
}
