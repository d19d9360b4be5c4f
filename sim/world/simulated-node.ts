/**
 * A node of the simulated mesh: the product's agent machine, and in place of its driver one that acts
 * in virtual time.
 */
import {
  type Attestation,
  assertNever,
  type Backend,
  type GatewayFrame,
  type LeaseId,
  type LogId,
  type NodeFrame,
  type PackedUnit,
  type PeerId,
  parseLogId,
  type UnitId
} from '#contracts'
import { type AgentEffect, type AgentInput, AgentMachine, type AgentOptions } from '#mesh-node/core'
import { digestOfText } from '../kernel/rolling-trace.ts'
import { Actor, type Answer } from '../nodes/actor.ts'
import { MODEL, rightAnswer } from '../nodes/answers.ts'
import { SimulatedClock } from '../nodes/clock.ts'
import { BACKENDS } from '../nodes/devices.ts'
import { peerOf } from '../nodes/names.ts'
import type { Rumours } from '../nodes/rumours.ts'
import type { NodeTraits } from './actors.ts'
import { KIND, type VirtualTime } from './virtual-time.ts'
import { unitIn } from './work.ts'

/** What the node's driver needs of the mesh around it. */
export interface NodePorts {
  /** Its process is gone; the next comes under another name. */
  readonly renaming: (node: SimulatedNode, rename: () => void) => void
  /** Null where nobody listens. */
  readonly rumours: Rumours | null
  readonly time: VirtualTime
  readonly gateway: PeerId
  /** The way to the gateway is tried; answers through `linked` or `unlinked`. */
  readonly dial: (node: SimulatedNode) => void
  /** It was told to stop, and has. */
  readonly leaves: (node: SimulatedNode) => void
  readonly send: (node: SimulatedNode, frame: Exclude<NodeFrame, { kind: 'result' }>) => void
  readonly deliver: (node: SimulatedNode, attestations: readonly Attestation[]) => void
  readonly executed: (node: SimulatedNode, lease: LeaseId, unit: PackedUnit) => void
  /** What the unit takes on any node; null: what the node takes by itself. */
  readonly serviceMs: (unit: UnitId) => number | null
  /** For the checkers: what became of a run, of the process, of a dial, and that work is announced. */
  readonly runEnds: (node: SimulatedNode, lease: LeaseId, how: 'finished' | 'killed') => void
  readonly revoked: (node: SimulatedNode, leases: readonly LeaseId[]) => void
  readonly granted: (node: SimulatedNode) => void
  readonly stopped: (node: SimulatedNode) => void
  readonly dialled: (node: SimulatedNode, isLinked: boolean) => void
  readonly heard: (node: SimulatedNode) => void
  /** The log that it keeps; null: it keeps none, and says so with a name that stands for nothing. */
  readonly logOf: (node: SimulatedNode) => LogId | null
  /** The gateway has spoken, for the node's own log. */
  readonly judged: (node: SimulatedNode, verdicts: Verdicts) => void
}

type Verdicts = Extract<AgentEffect, { type: 'record' }>['verdicts']

const MANIFEST_US = 100_000
/** Fetching the files and running the golden vectors. */
const CHECK_US = 3_000_000
const KILL_US = 34_000
const LEAVES_US = 1_000_000
const AGAIN_US = [50_000, 10_000_000, 120_000_000]
/** Runs that a node does at once. */
export const NODE_SLOTS = 2
const QUEUE_MAX = 16

export class SimulatedNode {
  readonly number: number
  id: PeerId
  readonly traits: NodeTraits
  readonly clock: SimulatedClock
  /** Frames of an older link are lost with it. */
  link = 0
  isLinked = false
  isUp = true
  readonly #ports: NodePorts
  readonly #digest: number
  #machine: AgentMachine
  #life = 0
  #wake = 0
  #renamed = 0
  readonly #running = new Set<LeaseId>()
  /** Null: it is honest. */
  readonly #actor: Actor | null

  constructor(number: number, traits: NodeTraits, ports: NodePorts) {
    this.number = number
    this.id = peerOf(number, 0)
    this.traits = traits
    this.clock = new SimulatedClock(traits.clock, ports.time)
    this.#ports = ports
    this.#digest = digestOfText(this.id)
    this.#actor = traits.role === 'honest' ? null : this.#newActor()
    this.#machine = this.#newMachine()
  }

  start(): void {
    this.#actor?.started()
    this.feed({ type: 'tick', nowMs: this.#nowMs })
  }

  /** Leases that it has taken and not begun. */
  get unbegun(): number {
    const { waiting, ready } = this.#machine.status(this.#nowMs).leases
    return waiting + ready
  }

  /** The process is gone, with all that it had in memory. */
  stop(): void {
    this.isUp = false
    this.#life += 1
    this.#wake += 1
    this.#running.clear()
    this.#ports.stopped(this)
  }

  /** A new process of the same node. */
  restart(): void {
    this.isUp = true
    this.clock.begin()
    this.#machine = this.#newMachine()
    this.start()
  }

  /** Another name, another log, another owner: nobody knows this machine. */
  rename(): void {
    this.#renamed += 1
    this.id = peerOf(this.number, this.#renamed)
  }

  feed(input: AgentInput): void {
    if (!this.isUp) return
    for (const effect of this.#machine.step(input)) this.#perform(effect)
  }

  linked(isLinked: boolean): void {
    const { gateway } = this.#ports
    this.#ports.dialled(this, isLinked)
    this.feed({ type: isLinked ? 'linked' : 'unlinked', gateway, nowMs: this.#nowMs })
  }

  announced(body: Extract<AgentInput, { type: 'announcement' }>['body']): void {
    this.#ports.heard(this)
    this.feed({ type: 'announcement', body, nowMs: this.#nowMs })
  }

  take(frame: GatewayFrame): void {
    const { gateway } = this.#ports
    const nowMs = this.#nowMs
    switch (frame.kind) {
      case 'welcome':
        this.feed({ type: 'welcome', gateway, body: frame.body, nowMs })
        return
      case 'reveal':
        this.feed({ type: 'reveal', gateway, leases: frame.body.leases, nowMs })
        return
      case 'revoke':
        this.#ports.revoked(this, frame.body.leases)
        this.feed({ type: 'revoke', gateway, body: frame.body, nowMs })
        return
      case 'ack':
        this.feed({ type: 'ack', gateway, verdicts: frame.body.verdicts, nowMs })
        this.#actor?.told(frame.body.verdicts)
        return
      case 'grant': {
        const offers = frame.body.leases.map((one) => ({
          lease: one.lease_id,
          attempt: one.attempt,
          unit: unitIn(one.unit),
          ttlMs: one.ttl_ms,
          commit: one.commit
        }))
        this.#actor?.granted(offers)
        this.feed({ type: 'grant', gateway, offers, nowMs })
        this.#ports.granted(this)
        if (this.traits.role === 'replayer') this.#grantAgain(offers)
        return
      }
      default:
        assertNever(frame)
    }
  }

  get slots(): number {
    return NODE_SLOTS
  }

  get #backend(): Backend {
    return BACKENDS[this.traits.device?.kind ?? 'native']
  }

  get #nowMs(): number {
    return this.clock.nowMs
  }

  #newMachine(): AgentMachine {
    return new AgentMachine(this.#options())
  }

  /** Only if the process that asked for it is still there. */
  #later(us: number, act: () => void): void {
    const life = this.#life
    this.#ports.time.after(us, this.number, KIND.work, this.#digest, () => {
      if (life === this.#life) act()
    })
  }

  #perform(effect: AgentEffect): void {
    switch (effect.type) {
      case 'dial':
        this.#ports.dial(this)
        return
      case 'send':
        this.#send(effect.frame)
        return
      case 'attest':
        this.#deliver(effect.attestations)
        this.#actor?.attested(effect.attestations)
        return
      case 'read-manifest': {
        const read = { type: 'manifest-read', model: effect.model, tier: 'small' } as const
        this.#later(MANIFEST_US, () => this.feed({ ...read, memoryMb: 64, nowMs: this.#nowMs }))
        return
      }
      case 'check-model':
        this.#later(CHECK_US, () => {
          this.feed({ type: 'model-ready', model: effect.model, nowMs: this.#nowMs })
        })
        return
      case 'fetch':
        this.#later(0, () => {
          this.feed({ type: 'blobs-ready', lease: effect.lease, nowMs: this.#nowMs })
        })
        return
      case 'execute':
        this.#execute(effect.lease, effect.unit)
        return
      case 'run-built-in':
        for (const { lease, unit } of effect.items) this.#execute(lease, unit)
        return
      case 'kill':
        this.#kill(effect.lease)
        return
      case 'timer':
        this.#setTimer(effect.atMs)
        return
      case 'record':
        this.#ports.judged(this, effect.verdicts)
        return
      case 'forget':
      case 'event':
        return
      case 'drained':
        // its last words are under way
        this.#later(LEAVES_US, () => this.#ports.leaves(this))
        return
      default:
        assertNever(effect)
    }
  }

  /** Heartbeats make timers most of all that is entered: each is a number. */
  #setTimer(atMs: number): void {
    const us = this.clock.untilUs(atMs)
    this.#ports.time.after(us, this.number, KIND.work, this.#digest, ++this.#wake)
  }

  /** A timer has run down; the latest one counts, and none of a process that is gone. */
  woken(wake: number): void {
    if (wake === this.#wake) this.feed({ type: 'tick', nowMs: this.#nowMs })
  }

  #send(frame: Exclude<NodeFrame, { kind: 'result' }>): void {
    const { rumours } = this.#ports
    if (rumours !== null && frame.kind === 'commit') {
      for (const { lease_id: lease, commitment } of frame.body.commitments) {
        rumours.committed(this.id, lease, commitment)
      }
    }
    this.#ports.send(this, frame)
  }

  #deliver(attestations: readonly Attestation[]): void {
    for (const attestation of attestations) this.#ports.rumours?.shown(attestation)
    this.#ports.deliver(this, attestations)
  }

  #execute(lease: LeaseId, unit: PackedUnit): void {
    this.#ports.executed(this, lease, unit)
    this.#ports.rumours?.began(lease, unit, this.id)
    this.#running.add(lease)
    const answer = this.#actor === null ? this.#honest(unit) : this.#actor.begin(lease, unit)
    if (answer !== null) this.#answer(lease, answer)
  }

  /** What an honest run of the unit takes here. */
  #serviceMs({ id }: PackedUnit): number {
    const { device, serviceMs } = this.traits
    return this.#ports.serviceMs(id) ?? device?.nextMs() ?? serviceMs
  }

  #honest(unit: PackedUnit): Answer {
    const serviceMs = this.#serviceMs(unit)
    const usage = { cpu_ms: serviceMs, gpu_ms: 0, wall_ms: serviceMs, tokens_in: 0, tokens_out: 0 }
    return { outputCid: rightAnswer(unit.id), serviceMs, usage }
  }

  #answer(lease: LeaseId, { outputCid, serviceMs, usage }: Answer): void {
    const startedMs = this.#nowMs
    this.#later(serviceMs * 1_000, () => {
      if (!this.#running.delete(lease)) return
      this.#ports.runEnds(this, lease, 'finished')
      const finishedMs = this.#nowMs
      const result = { lease, outputCid, usage, backend: this.#backend, startedMs, finishedMs }
      this.feed({ type: 'finished', results: [result], nowMs: finishedMs })
    })
  }

  /** A replayer gives its own machine old grants again, while they stand and after their end. */
  #grantAgain(offers: Extract<AgentInput, { type: 'grant' }>['offers']): void {
    const { gateway } = this.#ports
    for (const us of AGAIN_US) {
      this.#later(us, () => this.feed({ type: 'grant', gateway, offers, nowMs: this.#nowMs }))
    }
  }

  #kill(lease: LeaseId): void {
    this.#running.delete(lease)
    const failure = { class: 'execution', code: 'executor.cancelled', detail: '' } as const
    this.#later(KILL_US, () => {
      this.#ports.runEnds(this, lease, 'killed')
      this.feed({ type: 'failed', lease, ...failure, nowMs: this.#nowMs })
    })
  }

  #newActor(): Actor {
    return new Actor({
      role: this.traits.role,
      cheatPerMille: this.traits.cheatPerMille,
      serviceMs: (unit) => this.#serviceMs(unit),
      backend: this.#backend,
      rumours: this.#ports.rumours,
      id: () => this.id,
      nowMs: () => this.#nowMs,
      later: (us, act) => this.#later(us, act),
      send: (frame) => this.#send(frame),
      deliver: (attestations) => this.#ports.deliver(this, attestations),
      hello: (holding) => this.#hello(holding),
      answer: (lease, answer) => this.#answer(lease, answer),
      beReborn: () => {
        this.#ports.renaming(this, () => this.rename())
        this.restart()
      }
    })
  }

  #hello(holding: readonly LeaseId[]): void {
    const { node, log, descriptor } = this.#options()
    const body = { node, log, descriptor, holding: [...holding], models: [MODEL] }
    this.#send({ kind: 'hello', body: { v: 1, ...body } })
  }

  #options(): AgentOptions {
    const { owner, role } = this.traits
    const name = this.#renamed === 0 ? owner : `${this.number}-${this.#renamed}`
    const log = ((this.#renamed << 20) + this.number + 1).toString(16).padStart(64, '0')
    return {
      node: this.id,
      log: this.#ports.logOf(this) ?? parseLogId(log),
      descriptor: {
        owner: role === 'sybil' ? 'owner-of-many' : `owner-${name}`,
        kinds: ['deterministic', 'retrieval', 'small_model'],
        pod_tiers: [],
        zones: [],
        region: null,
        memory_mb: 4_096,
        accelerators: [],
        slots: NODE_SLOTS,
        queue_max: QUEUE_MAX,
        backend: this.#backend
      },
      tenants: null,
      authorized: null,
      gateways: [{ gateway: this.#ports.gateway, addresses: [] }],
      drainGraceMs: 10_000
    }
  }
}
