/**
 * The whole mesh in virtual time: the product's gateway machine, the ledger's fold and a node for each
 * number, joined by links and gossip that take as long as they do between places. A link that is cut
 * breaks at once on both sides; frames on it are lost with it.
 */
import {
  type AnnouncementMessage,
  type Attestation,
  assertNever,
  encodeAttestation,
  type GatewayFrame,
  type NodeFrame,
  type PeerId
} from '#contracts'
import { type GatewayEffect, type GatewayInput, GatewayMachine } from '#mesh-node/core'
import { Chance } from '../kernel/chance.ts'
import { digestOfText } from '../kernel/rolling-trace.ts'
import { Checks } from './checks.ts'
import { GossipMesh } from './gossip-mesh.ts'
import { Places } from './places.ts'
import type { Scenario } from './scenario.ts'
import { Sequencer } from './sequencer.ts'
import { type NodePorts, type NodeTraits, type Role, SimulatedNode } from './simulated-node.ts'
import { KIND, VirtualTime } from './virtual-time.ts'
import { judge, MODEL, SESSION, sessionSpec, unitOf } from './work.ts'

const EPOCH_MS = 1_700_000_000_000
/** Who dials one that is not there waits so long. */
const DIAL_LIMIT_US = 5_000_000
/** Reading a frame and finding whom it is for. */
const FRAME_US = 100
/** A run on the reference machine, as the ledger prices it. */
const MODEL_BASE_US = 100_000
/** Nodes come one after another, as they do. */
const ARRIVAL_SPREAD_US = 2_000_000

export class SimulatedMesh {
  readonly time = new VirtualTime()
  readonly checks = new Checks(() => this.time.nowMs)
  readonly sequencer: Sequencer
  readonly gossip: GossipMesh
  readonly nodes: readonly SimulatedNode[]
  executions = 0
  bids = 0
  readonly #scenario: Scenario
  readonly #seed: number
  readonly #places: Places
  readonly #gateway: GatewayMachine
  readonly #byId = new Map<PeerId, SimulatedNode>()
  /** When the last frame to and from each node arrives: a link keeps its order. */
  readonly #toNodeUs: Float64Array
  readonly #toGatewayUs: Float64Array
  #wake = 0

  constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario
    this.#seed = seed
    const hosts = scenario.nodes + 1
    this.#places = new Places(scenario.latency, hosts, {
      place: this.#chance('place'),
      jitter: this.#chance('jitter')
    })
    this.#toNodeUs = new Float64Array(hosts)
    this.#toGatewayUs = new Float64Array(hosts)
    this.gossip = new GossipMesh(hosts, this.#chance('neighbours'), {
      wayUs: (from, to) => (this.#isApart(from, to) ? null : this.#places.oneWayUs(from, to)),
      after: (us, node, digest, act) => this.time.after(us, node, KIND.gossip, digest, act),
      nowUs: () => this.time.nowUs
    })
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, seed)
    this.sequencer = new Sequencer(key)
    const { log, gateway } = this.sequencer
    this.#gateway = new GatewayMachine({
      gateway,
      log,
      trusted: new Set(),
      price: (question) => this.sequencer.priceOf(question),
      tenantLeasesMax: null,
      recoveryGraceMs: 0
    })
    this.nodes = this.#makeNodes()
    this.#begin()
  }

  /** The host number of the gateway, behind all nodes. */
  get #hub(): number {
    return this.#scenario.nodes
  }

  #chance(purpose: string, node = -1): Chance {
    return new Chance(this.#seed, purpose, node)
  }

  #makeNodes(): readonly SimulatedNode[] {
    const ports: NodePorts = {
      time: this.time,
      gateway: this.sequencer.gateway,
      dial: (node) => this.#dial(node),
      send: (node, frame) => this.#fromNode(node, frame),
      deliver: (node, attestations) => this.#results(node, attestations),
      executed: (_node, lease) => {
        this.executions += 1
        this.checks.executed(lease)
      }
    }
    return Array.from({ length: this.#scenario.nodes }, (_, number) => {
      const node = new SimulatedNode(number, this.#traits(number), ports)
      this.#byId.set(node.id, node)
      return node
    })
  }

  #traits(number: number): NodeTraits {
    const { service_ms: service, clock_off_ms: off, actors } = this.#scenario
    const chance = this.#chance('traits', number)
    const draw = chance.below(1_000)
    const role: Role =
      draw < actors.liars
        ? 'liar'
        : draw < actors.liars + actors.withholders
          ? 'withholder'
          : 'honest'
    const serviceMs = service.min + chance.below(service.max - service.min + 1)
    return { role, serviceMs, clockOffMs: chance.below(2 * off + 1) - off }
  }

  #begin(): void {
    this.sequencer.append([
      {
        kind: 'model.registered',
        body: { model: MODEL, name: 'simulated', base_us: MODEL_BASE_US, us_per_kib: 0 }
      }
    ])
    const needs = {
      tier: 'small',
      memoryMb: 64,
      cost: { baseUs: MODEL_BASE_US, usPerKib: 0 }
    } as const
    this.#feed({ type: 'model', cid: MODEL, ...needs, nowMs: this.#nowMs })
    const availableMicro = this.sequencer.availableMicro()
    const spec = sessionSpec(this.#scenario.units)
    this.#feed({ type: 'open', spec, history: null, availableMicro, nowMs: this.#nowMs })
    for (const node of this.nodes) {
      const us = this.#chance('arrival', node.number).below(ARRIVAL_SPREAD_US)
      this.time.after(us, node.number, KIND.link, 0, () => node.start())
    }
    this.#submitAll()
    this.#planFaults()
  }

  #submitAll(): void {
    const { units, arrive_over_ms: over } = this.#scenario
    const byMs = new Map<number, number[]>()
    for (let index = 0; index < units; index++) {
      const atMs = Math.floor((index * over) / units)
      const known = byMs.get(atMs)
      if (known === undefined) byMs.set(atMs, [index])
      else known.push(index)
    }
    for (const [atMs, indices] of byMs) {
      this.time.after(atMs * 1_000, this.#hub, KIND.submitted, indices.length, () => {
        const submitted = indices.map((index) => ({
          unit: unitOf(index, this.#scenario),
          edges: []
        }))
        this.#feed({ type: 'submit', session: SESSION, units: submitted, nowMs: this.#nowMs })
      })
    }
  }

  #planFaults(): void {
    for (const [index, fault] of this.#scenario.vanish.entries()) {
      const { at_ms: atMs, share_per_mille: share, back_after_ms: backAfterMs } = fault
      const chance = this.#chance('vanish', index)
      const gone = this.nodes.filter(() => chance.below(1_000) < share)
      this.#fault(atMs, () => {
        for (const node of gone) this.#stop(node)
      })
      if (backAfterMs === null) continue
      this.#fault(atMs + backAfterMs, () => {
        for (const node of gone) if (!node.isUp) node.restart()
      })
    }
    for (const [index, fault] of this.#scenario.partitions.entries()) {
      const chance = this.#chance('partition', index)
      const cut = this.nodes.filter(() => chance.below(1_000) < fault.share_per_mille)
      this.#fault(fault.from_ms, () => {
        for (const node of cut) this.#cut(node)
      })
      this.#fault(fault.until_ms, () => {
        for (const node of cut) node.isCut = false
      })
    }
  }

  #fault(atMs: number, act: () => void): void {
    this.time.after(atMs * 1_000, this.#hub, KIND.fault, 0, act)
  }

  #stop(node: SimulatedNode): void {
    node.stop()
    this.#breakLink(node)
  }

  #cut(node: SimulatedNode): void {
    node.isCut = true
    if (this.#breakLink(node)) node.linked(false)
  }

  /** The gateway is told; true where there was a link. */
  #breakLink(node: SimulatedNode): boolean {
    if (!node.isLinked) return false
    node.isLinked = false
    node.link += 1
    this.#feed({ type: 'disconnected', node: node.id, nowMs: this.#nowMs })
    return true
  }

  /** Cut nodes reach each other, and nobody else. */
  #isApart(from: number, to: number): boolean {
    const [a, b] = [this.nodes[from], this.nodes[to]]
    if (a?.isUp === false || b?.isUp === false) return true
    return (a?.isCut ?? false) !== (b?.isCut ?? false)
  }

  get #nowMs(): number {
    return EPOCH_MS + this.time.nowMs
  }

  #dial(node: SimulatedNode): void {
    const { number } = node
    const there = this.#places.oneWayUs(number, this.#hub)
    const isBarred = this.#isApart(number, this.#hub)
    const us = isBarred ? DIAL_LIMIT_US : 3 * there
    const { link } = node
    this.time.after(us, number, KIND.link, isBarred ? 1 : 2, () => {
      if (!node.isUp || node.link !== link) return
      const isLinked = !isBarred && !this.#isApart(number, this.#hub)
      node.isLinked = isLinked
      node.linked(isLinked)
    })
  }

  /** Runs `act` when the frame arrives, if its link still stands then. */
  #onLink(node: SimulatedNode, isToNode: boolean, digest: number, act: () => void): void {
    if (!node.isLinked) return
    const arrivals = isToNode ? this.#toNodeUs : this.#toGatewayUs
    const { link, number } = node
    const [from, to] = isToNode ? [this.#hub, number] : [number, this.#hub]
    const us = this.time.nowUs + this.#places.oneWayUs(from, to) + FRAME_US
    const atUs = Math.max(us, arrivals[number] ?? 0)
    arrivals[number] = atUs
    const kind = isToNode ? KIND.frameToNode : KIND.frameToGateway
    this.time.after(atUs - this.time.nowUs, number, kind, digest, () => {
      if (node.isUp && node.isLinked && node.link === link) act()
    })
  }

  #fromNode(node: SimulatedNode, frame: Exclude<NodeFrame, { kind: 'result' }>): void {
    if (frame.kind === 'claim') this.bids += 1
    this.#onLink(node, false, digestOfText(frame.kind), () => {
      this.#feed(this.#inputOf(node.id, frame))
    })
  }

  #inputOf(node: PeerId, frame: Exclude<NodeFrame, { kind: 'result' }>): GatewayInput {
    const nowMs = this.#nowMs
    switch (frame.kind) {
      case 'hello': {
        const standing = this.sequencer.standing(node)
        return { type: 'hello', node, body: frame.body, standing, nowMs }
      }
      case 'claim':
        return { type: 'claim', node, body: frame.body, nowMs }
      case 'withdraw':
        return { type: 'withdraw', node, body: frame.body, nowMs }
      case 'commit':
        return { type: 'commit', node, body: frame.body, nowMs }
      case 'failure':
        return { type: 'failure', node, body: frame.body, nowMs }
      case 'release':
        return { type: 'release', node, body: frame.body, nowMs }
      case 'heartbeat':
        return { type: 'heartbeat', node, body: frame.body, nowMs }
      default:
        return assertNever(frame)
    }
  }

  #results(node: SimulatedNode, attestations: readonly Attestation[]): void {
    const items = attestations.map(encodeAttestation)
    const receipt = (index: number) => ({
      item: items[index] ?? new Uint8Array(0),
      index,
      path: [],
      head: new Uint8Array(0)
    })
    const digest = digestOfText(attestations.map((one) => one.lease_id).join())
    this.#onLink(node, false, digest, () => {
      const results = { attestations, receipt }
      this.#feed({ type: 'result', node: node.id, results, nowMs: this.#nowMs })
    })
  }

  /** As the product's driver: judgements that need nothing fetched belong to the same step. */
  #feed(input: GatewayInput): void {
    let effects = this.#gateway.step(input)
    const all: GatewayEffect[] = []
    for (;;) {
      const judged = effects.flatMap((effect) =>
        effect.type === 'judge' ? effect.items.map(judge) : []
      )
      for (const effect of effects) if (effect.type !== 'judge') all.push(effect)
      if (judged.length === 0) break
      effects = this.#gateway.step({ type: 'judged', items: judged, nowMs: this.#nowMs })
    }
    this.#record(all)
    for (const effect of all) this.#perform(effect)
  }

  #record(effects: readonly GatewayEffect[]): void {
    const contents = effects.flatMap((effect) => (effect.type === 'record' ? effect.contents : []))
    if (contents.length === 0) return
    for (const content of contents) this.checks.recorded(content)
    this.sequencer.append(contents)
    this.checks.folded(this.sequencer.fold)
  }

  #perform(effect: GatewayEffect): void {
    switch (effect.type) {
      case 'send':
        this.#toNode(effect.node, effect.frame)
        return
      case 'announce':
        this.#announce(effect.body)
        return
      case 'outcome':
        this.checks.outcome(effect.outcome)
        return
      case 'timer': {
        const wake = ++this.#wake
        const us = (effect.atMs - EPOCH_MS) * 1_000 - this.time.nowUs
        this.time.after(us, this.#hub, KIND.timer, 0, () => {
          if (wake === this.#wake) this.#feed({ type: 'tick', nowMs: this.#nowMs })
        })
        return
      }
      case 'record':
      case 'judge':
      case 'event':
      case 'refuse':
      case 'refuse-session':
      case 'drop':
        return
      default:
        assertNever(effect)
    }
  }

  #toNode(id: PeerId, frame: GatewayFrame): void {
    const node = this.#byId.get(id)
    if (node === undefined) return
    this.#onLink(node, true, digestOfText(frame.kind), () => node.take(frame))
  }

  #announce(body: AnnouncementMessage): void {
    this.gossip.publish(this.#hub, digestOfText(body.batch), (host) =>
      this.nodes[host]?.announced(body)
    )
  }
}
