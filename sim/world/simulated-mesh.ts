/**
 * The whole mesh in virtual time, put together: the control node, a node for each number, the links and
 * the gossip between them, the work that comes and the faults that a scenario asks for.
 */
import type { AnnouncementMessage, PeerId } from '#contracts'
import { Chance } from '../kernel/chance.ts'
import { digestOfText } from '../kernel/rolling-trace.ts'
import type { SignerKind } from '../kernel/signing.ts'
import type { Paths } from '../network/paths.ts'
import { arrivalUs } from '../nodes/arrivals.ts'
import { peerOf } from '../nodes/names.ts'
import { RoleBook } from '../nodes/role-book.ts'
import type { Role } from '../nodes/role-names.ts'
import { Rumours } from '../nodes/rumours.ts'
import type { ReplicaTime } from '../replicas/ports.ts'
import { Replicas } from '../replicas/replicas.ts'
import { drawTraits } from './actors.ts'
import { Checks } from './checks.ts'
import { Chronicle, type Look, type PlaceTally } from './chronicle.ts'
import { planFaults } from './faults.ts'
import { GatewayHost } from './gateway-host.ts'
import { GossipMesh } from './gossip-mesh.ts'
import { Links } from './links.ts'
import { pathsOf, placesOf, relaysOf } from './network-parts.ts'
import type { MatrixOf, Places } from './places.ts'
import type { Scenario } from './scenario.ts'
import type { Sequencer } from './sequencer.ts'
import { type NodePorts, SimulatedNode } from './simulated-node.ts'
import { KIND, VirtualTime } from './virtual-time.ts'
import type { Workload } from './workload.ts'

/** Of an announcement beside its units: signature, names and addresses. */
const ANNOUNCEMENT_BYTES = 600

export interface MeshParts {
  readonly seed: number
  readonly matrixOf: MatrixOf
  readonly workload: Workload
  readonly signer: SignerKind
  /** Somebody will ask how it went over its time. */
  readonly withSeries: boolean
}

export class SimulatedMesh {
  readonly time = new VirtualTime()
  readonly checks: Checks
  readonly chronicle: Chronicle
  readonly roles = new RoleBook()
  readonly gossip: GossipMesh
  readonly nodes: readonly SimulatedNode[]
  /** Null: nobody keeps the ledger but the control node. */
  readonly replicas: Replicas | null
  executions = 0
  bids = 0
  readonly #scenario: Scenario
  readonly #seed: number
  readonly #workload: Workload
  readonly #links: Links
  readonly #places: Places
  /** Runs that each node began. */
  readonly #executions: Uint32Array
  readonly #gateway: GatewayHost
  readonly #byId = new Map<PeerId, SimulatedNode>()
  #apart: readonly { readonly node: SimulatedNode; readonly link: number }[] = []

  constructor(scenario: Scenario, { seed, matrixOf, workload, signer, withSeries }: MeshParts) {
    this.#scenario = scenario
    this.#seed = seed
    this.#workload = workload
    this.chronicle = new Chronicle(() => this.time.nowMs, withSeries ? () => this.#look() : null)
    const { time } = this
    this.checks = new Checks({
      checksNodes: scenario.trust === 'probation',
      nowMs: () => time.nowMs,
      gatewayMs: () => this.#gateway.clock.nowMs,
      ledgerMs: scenario.ledger_ms,
      isQuiet: isQuiet(scenario),
      isHonest: (id) => this.#byId.get(id)?.traits.role === 'honest'
    })
    const hub = scenario.nodes
    const hosts = hub + 1
    this.#executions = new Uint32Array(hub)
    this.#places = placesOf(scenario, { seed, hosts }, matrixOf)
    const paths = pathsOf(scenario, { seed, hosts }, this.#places)
    this.#links = new Links({
      time,
      hub,
      paths,
      node: (host) => this.nodes[host],
      connections: {
        joined: (host) => {
          this.gossip.join(host)
          this.replicas?.joined(host)
        },
        left: (host) => {
          this.gossip.leave(host)
          this.replicas?.left(host)
        },
        linked: (host) => {
          this.gossip.router.connect(host, hub)
          this.replicas?.linked(host)
        },
        unlinked: (host) => {
          this.gossip.router.disconnect(host, hub)
          this.replicas?.unlinked(host)
        }
      },
      onBroken: ({ id }) => this.#gateway.disconnected(id)
    })
    this.gossip = new GossipMesh({
      time,
      seed,
      hosts,
      paths,
      keys: scenario.gossip,
      isLost: (from, to) => this.#links.isLost(from, to),
      relayOf: relaysOf(scenario, { seed, relay: hub })
    })
    this.gossip.join(hub)
    this.#gateway = this.#makeGateway(hub, signer)
    this.replicas = scenario.replicas.nodes === 0 ? null : this.#makeReplicas(hub, paths)
    this.nodes = this.#makeNodes()
    const take = (wake: number, host: number): void => this.nodes[host]?.woken(wake)
    time.carry({ kind: KIND.work, digestOf: null, take })
    this.#begin()
  }

  get sequencer(): Sequencer {
    return this.#gateway.sequencer
  }

  /** In the midst of it: what the gateway keeps. */
  look(): void {
    this.#gateway.look({ isOver: false })
  }

  /** All units have ended: as KORA does then. */
  close(): void {
    this.#gateway.look({ isOver: false })
    this.#gateway.close()
  }

  /** After the session's end: nothing is left of it, and whoever could be linked for long is. */
  lookAtEnd(): void {
    this.#gateway.look({ isOver: true })
    // a link that came and went again is one that was there
    const apart = this.#apart.filter(({ node, link }) => this.#isApart(node) && node.link === link)
    this.checks.apart(apart.map(({ node }) => node.id))
  }

  /** Those who could reach the gateway now, and have no link to it. */
  markApart(): void {
    const apart = this.nodes.filter((node) => this.#isApart(node))
    this.#apart = apart.map((node) => ({ node, link: node.link }))
  }

  #isApart({ number, isUp, isLinked }: SimulatedNode): boolean {
    return isUp && !isLinked && !this.#links.isApart(number, this.nodes.length)
  }

  /** Set while something of the disks goes on that takes no time: the next event waits for it. */
  get reading(): Promise<void> | null {
    return this.#gateway.reading ?? this.replicas?.settling ?? null
  }

  /** How many nodes each place has, and what they ran. */
  get placeTallies(): readonly PlaceTally[] {
    const tallies = new Map<number, { place: number; nodes: number; executions: number }>()
    for (const { number } of this.nodes) {
      const place = this.#places.placeOf(number)
      if (place === null) return []
      const tally = tallies.get(place) ?? { place, nodes: 0, executions: 0 }
      tally.nodes += 1
      tally.executions += this.#executions[number] ?? 0
      tallies.set(place, tally)
    }
    return [...tallies.values()].sort((a, b) => a.place - b.place)
  }

  #look(): Look {
    const { spentMicro, heldMicro } = this.sequencer.spending()
    const scores = new Map<Role, { sum: number; nodes: number }>()
    let up = 0
    for (const { id, isUp, traits } of this.nodes) {
      if (isUp) up += 1
      const score = this.sequencer.standing(id)?.trustMilli
      if (score === undefined) continue
      const { sum, nodes } = scores.get(traits.role) ?? { sum: 0, nodes: 0 }
      scores.set(traits.role, { sum: sum + score, nodes: nodes + 1 })
    }
    const means = [...scores].map(([role, { sum, nodes }]) => [role, Math.round(sum / nodes)])
    const trust = Object.fromEntries(means)
    return { nodes_up: up, spent_micro: spentMicro, held_micro: heldMicro, trust_milli: trust }
  }

  #chance(purpose: string, node = -1): Chance {
    return new Chance(this.#seed, purpose, node)
  }

  #makeGateway(hub: number, signer: SignerKind): GatewayHost {
    const settings = {
      scenario: this.#scenario,
      seed: this.#seed,
      workload: this.#workload,
      signer
    }
    return new GatewayHost(settings, {
      time: this.time,
      checks: this.checks,
      chronicle: this.chronicle,
      hub,
      send: (id, frame) => {
        if (frame.kind === 'ack') this.roles.told(id, frame.body.verdicts)
        const node = this.#byId.get(id)
        if (node === undefined) return
        this.#links.toNode(node, digestOfText(frame.kind), () => node.take(frame))
      },
      drop: (id) => {
        const node = this.#byId.get(id)
        if (node !== undefined) this.#links.drop(node)
      },
      refused: (id, code) => this.roles.refused(id, code),
      reachable: (isUp) => this.#links.hubIs(isUp, this.nodes),
      announce: (body) =>
        this.gossip.publish(hub, {
          digest: digestOfText(body.batch),
          bytes: announcementBytes(body),
          deliver: (host) => this.nodes[host]?.announced(body)
        })
    })
  }

  #makeReplicas(hub: number, paths: Paths): Replicas {
    return new Replicas({
      keys: this.#scenario.replicas,
      seed: this.#seed,
      time: replicaTime(this.time),
      paths,
      hub,
      sequencer: this.sequencer,
      clockOf: (host) => this.nodes[host]?.clock ?? this.#gateway.clock,
      nameOf: (host) => peerOf(host, 0),
      isLost: (from, to) => this.#links.isLost(from, to),
      publish: (host, bytes, deliver) =>
        this.gossip.publish(host, { digest: bytes, bytes, deliver }),
      broken: (rule, detail) => this.checks.found(rule, detail)
    })
  }

  #makeNodes(): readonly SimulatedNode[] {
    const ports: NodePorts = {
      renaming: (node, rename) => {
        this.#links.stop(node)
        this.#byId.delete(node.id)
        rename()
        this.#named(node, 'renamed')
      },
      rumours: hasEars(this.#scenario) ? new Rumours() : null,
      time: this.time,
      gateway: this.#gateway.sequencer.gateway,
      dial: (node) => {
        this.checks.runs.dials(node.id)
        this.#links.dial(node)
      },
      leaves: (node) => this.#links.stop(node),
      heard: (node) => this.checks.runs.heard(node.id),
      dialled: (node, isLinked) => this.checks.runs.dialled(node.id, isLinked),
      send: (node, frame) => {
        if (frame.kind === 'claim') this.bids += 1
        const digest = digestOfText(frame.kind)
        this.#links.toGateway(node, digest, () => this.#gateway.take(node.id, frame))
      },
      deliver: (node, attestations) => {
        const sealed = this.sequencer.seal(node.id, attestations)
        this.replicas?.sealed(node.number, attestations, sealed)
        const digest = digestOfText(attestations.map((one) => one.lease_id).join())
        this.#links.toGateway(node, digest, () => this.#gateway.results(node.id, sealed))
      },
      serviceMs: (unit) => this.#workload.serviceMs(unit),
      executed: (node, lease) => {
        this.executions += 1
        this.#executions[node.number] = (this.#executions[node.number] ?? 0) + 1
        this.checks.runs.started(node.id, lease, node.slots)
        this.checks.rests.begins(node.id, lease)
      },
      runEnds: (node, lease, how) => this.checks.runs.ended(node.id, lease, how),
      revoked: (node, leases) => this.checks.runs.revoked(node.id, leases),
      granted: (node) => this.checks.rests.granted(node.id, () => node.unbegun),
      stopped: (node) => {
        this.checks.runs.stopped(node.id)
        this.checks.rests.stopped(node.id)
      },
      logOf: (node) => this.replicas?.logOf(node.number, node.id) ?? null,
      judged: (node, verdicts) => this.replicas?.judged(node.number, verdicts)
    }
    return Array.from({ length: this.#scenario.nodes }, (_, number) => {
      const traits = drawTraits(this.#scenario, number, this.#chance('traits', number))
      const node = new SimulatedNode(number, traits, ports)
      this.#named(node, 'new')
      return node
    })
  }

  #named(node: SimulatedNode, how: 'new' | 'renamed'): void {
    this.#byId.set(node.id, node)
    this.roles.came(node.id, node.traits.role, how)
  }

  #begin(): void {
    const { time, nodes } = this
    this.#gateway.begin()
    for (const node of nodes) {
      const which = { number: node.number, of: nodes.length }
      const chance = this.#chance('arrival', node.number)
      const us = arrivalUs(which, this.#scenario.arrivals, chance)
      time.after(us, node.number, KIND.link, 0, () => node.start())
    }
    this.#submitAll()
    const gateway = this.#gateway
    const parts = { time, nodes, links: this.#links, gateway, checks: this.checks }
    planFaults(this.#scenario, { ...parts, seed: this.#seed })
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
      this.time.after(atMs * 1_000, this.nodes.length, KIND.submitted, indices.length, () => {
        this.#gateway.submit(indices)
      })
    }
  }
}

const replicaTime = (time: VirtualTime): ReplicaTime => ({
  get nowUs() {
    return time.nowUs
  },
  after: (us, host, event, digest, act) => time.after(us, host, KIND[event], digest, act)
})

const announcementBytes = ({ units }: AnnouncementMessage): number =>
  units.reduce((sum, unit) => sum + unit.length, ANNOUNCEMENT_BYTES)

const hasEars = ({ actors }: Scenario): boolean => actors.copiers > 0 || actors.thieves > 0

/** Half of what a heartbeat may be late, at the least. */
const LEDGER_MS_QUICK = 500

/** Whoever is linked is heard within seconds. */
const isQuiet = ({ network, partitions, clocks, latency, ledger_ms }: Scenario): boolean =>
  network.loss_per_mille === 0 &&
  // heartbeats wait while a slow ledger writes
  ledger_ms <= LEDGER_MS_QUICK &&
  partitions.length === 0 &&
  clocks.jumps.length === 0 &&
  (typeof latency === 'string' || latency.rtt_ms <= 1_000)
