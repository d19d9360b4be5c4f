/**
 * The gateway machine and agent machines in one virtual time: each one's effects are the other's
 * inputs. Frames take a millisecond, runs take ten; links break when the test says so. No driver.
 */
import { ok } from 'node:assert/strict'
import {
  type Attestation,
  assertNever,
  cidOfBytes,
  type EntryContent,
  type EventDraft,
  encodeAttestation,
  type GatewayFrame,
  type LeaseId,
  type NodeFrame,
  openUnit,
  type PackedUnit,
  type PeerId,
  parseLogId,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import {
  type AgentEffect,
  type AgentInput,
  AgentMachine,
  type AgentOptions,
  type GatewayEffect,
  type GatewayInput,
  GatewayMachine
} from '#mesh-node/core'
import { agentOptions } from './agent-fixtures.ts'
import type { ModelExecution } from './gateway-mesh.ts'
import { GATEWAY, peer, SESSION, spec } from './mesh-units.ts'
import { judgeByCid, rightAnswer } from './model-node.ts'

const FRAME_MS = 1
const RUN_MS = 10
const NOTHING = cidOfBytes(new TextEncoder().encode('nothing'))

interface Member {
  readonly machine: AgentMachine
  readonly options: AgentOptions
  /** Units that are in its executors. */
  readonly runs: Map<LeaseId, PackedUnit>
  linked: boolean
  /** Frames of an older link are lost with it. */
  link: number
  reachable: boolean
  wake: number
}

export class MachineMesh {
  readonly gateway: GatewayMachine
  readonly members = new Map<PeerId, Member>()
  readonly outcomes = new Map<UnitId, UnitOutcome>()
  readonly executions = new Map<LeaseId, number>()
  readonly announcements: { readonly batch: string }[] = []
  readonly claims = new Map<PeerId, number>()
  readonly refusals: string[] = []
  readonly events: EventDraft[] = []
  readonly records: EntryContent[] = []
  /** Runs in executors, in order. */
  readonly runs: ModelExecution[] = []
  readonly #copies: number
  readonly #attempts = new Map<LeaseId, number>()
  #due: { atMs: number; order: number; act: () => void }[] = []
  #order = 0
  #gatewayWake = 0
  nowMs = 1_000_000

  /** `copies`: how often every frame arrives, as a link that repeats itself would have it. */
  constructor({ copies = 1 }: { readonly copies?: number } = {}) {
    this.#copies = copies
    this.gateway = new GatewayMachine({
      gateway: GATEWAY,
      log: parseLogId('ab'.repeat(32)),
      trusted: new Set(),
      price: ({ maxMicro }) => Math.min(10, maxMicro),
      tenantLeasesMax: null
    })
    const open = { type: 'open', spec: spec(), history: null, availableMicro: null } as const
    this.#gateway({ ...open, nowMs: this.nowMs })
  }

  addAgent(number: number, changes: Partial<AgentOptions['descriptor']> = {}): Member {
    const node = peer(number)
    const base = agentOptions({ owner: `owner-${number}`, ...changes })
    const gateways = [{ gateway: GATEWAY, addresses: [] }]
    const options: AgentOptions = { ...base, node, gateways }
    const member: Member = {
      machine: new AgentMachine(options),
      options,
      runs: new Map(),
      linked: false,
      link: 0,
      reachable: true,
      wake: 0
    }
    this.members.set(node, member)
    this.#agent(member, { type: 'tick', nowMs: this.nowMs })
    return member
  }

  submit(units: readonly PackedUnit[]): void {
    const submissions = units.map((unit) => ({ unit, edges: [] }))
    this.#gateway({ type: 'submit', session: SESSION, units: submissions, nowMs: this.nowMs })
  }

  /** The link breaks on both sides; what was under way on it is lost. */
  breakLink(member: Member): void {
    if (!member.linked) return
    member.linked = false
    member.link += 1
    const { node } = member.options
    this.#gateway({ type: 'disconnected', node, nowMs: this.nowMs })
    this.#agent(member, { type: 'unlinked', gateway: GATEWAY, nowMs: this.nowMs })
  }

  /** The process is gone: nothing more comes from it. */
  kill(member: Member): void {
    this.members.delete(member.options.node)
    member.reachable = false
    member.linked = false
    member.link += 1
    this.#gateway({ type: 'disconnected', node: member.options.node, nowMs: this.nowMs })
  }

  drain(member: Member): void {
    this.#agent(member, { type: 'drain', nowMs: this.nowMs })
  }

  /** Lets time pass until the condition holds. */
  runUntil(holds: () => boolean, what: string, limitMs = 600_000): void {
    const endMs = this.nowMs + limitMs
    while (!holds()) {
      const next = this.#next()
      ok(next !== undefined && next.atMs <= endMs, `not in ${limitMs} ms: ${what}`)
      this.#due.splice(this.#due.indexOf(next), 1)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.act()
    }
  }

  #next() {
    let next = this.#due[0]
    for (const one of this.#due) {
      if (next === undefined || one.atMs < next.atMs) next = one
      else if (one.atMs === next.atMs && one.order < next.order) next = one
    }
    return next
  }

  #at(atMs: number, act: () => void): void {
    this.#due.push({ atMs, order: this.#order++, act })
  }

  #gateway(input: GatewayInput): void {
    for (const effect of this.gateway.step(input)) this.#performForGateway(effect)
  }

  #agent(member: Member, input: AgentInput): void {
    if (!this.members.has(member.options.node)) return
    for (const effect of member.machine.step(input)) this.#performForAgent(member, effect)
  }

  #performForGateway(effect: GatewayEffect): void {
    switch (effect.type) {
      case 'send': {
        const member = this.members.get(effect.node)
        if (member !== undefined) this.#toAgent(member, effect.frame)
        return
      }
      case 'announce': {
        const { body } = effect
        this.announcements.push(body)
        for (const member of this.members.values()) {
          this.#at(this.nowMs + FRAME_MS, () => {
            this.#agent(member, { type: 'announcement', body, nowMs: this.nowMs })
          })
        }
        return
      }
      case 'judge':
        this.#at(this.nowMs, () => {
          const items = effect.items.map(judgeByCid)
          this.#gateway({ type: 'judged', items, nowMs: this.nowMs })
        })
        return
      case 'outcome':
        ok(!this.outcomes.has(effect.outcome.unitId), 'a unit has one outcome')
        this.outcomes.set(effect.outcome.unitId, effect.outcome)
        return
      case 'refuse':
        this.refusals.push(effect.code)
        return
      case 'timer': {
        const wake = ++this.#gatewayWake
        this.#at(effect.atMs, () => {
          if (wake === this.#gatewayWake) this.#gateway({ type: 'tick', nowMs: this.nowMs })
        })
        return
      }
      case 'record':
        this.records.push(...effect.contents)
        return
      case 'event':
        this.events.push(effect.event)
        return
      case 'corrected':
      case 'refuse-session':
      case 'drop':
        return
      default:
        assertNever(effect)
    }
  }

  #performForAgent(member: Member, effect: AgentEffect): void {
    const { node } = member.options
    const later = (afterMs: number, input: (nowMs: number) => AgentInput): void =>
      this.#at(this.nowMs + afterMs, () => this.#agent(member, input(this.nowMs)))
    switch (effect.type) {
      case 'dial':
        later(FRAME_MS, (nowMs) => {
          member.linked = member.reachable
          const type = member.reachable ? 'linked' : 'unlinked'
          return { type, gateway: GATEWAY, nowMs }
        })
        return
      case 'send':
        this.#toGateway(member, effect.frame)
        return
      case 'attest':
        this.#deliver(member, effect.attestations)
        return
      case 'read-manifest': {
        const { model } = effect
        later(5, (nowMs) => ({ type: 'manifest-read', model, tier: 'small', memoryMb: 1, nowMs }))
        return
      }
      case 'check-model':
        later(50, (nowMs) => ({ type: 'model-ready', model: effect.model, nowMs }))
        return
      case 'execute':
        this.#execute(member, effect.lease, effect.unit, RUN_MS)
        return
      case 'run-built-in':
        for (const { lease, unit } of effect.items) this.#execute(member, lease, unit, 0)
        return
      case 'kill': {
        const { lease } = effect
        member.runs.delete(lease)
        const failure = { class: 'execution', code: 'executor.cancelled', detail: '' } as const
        later(1, (nowMs) => ({ type: 'failed', lease, ...failure, nowMs }))
        return
      }
      case 'timer': {
        const wake = ++member.wake
        this.#at(effect.atMs, () => {
          if (wake === member.wake) this.#agent(member, { type: 'tick', nowMs: this.nowMs })
        })
        return
      }
      case 'fetch':
        throw new Error(`${node} has no inputs to fetch`)
      case 'record':
      case 'forget':
      case 'event':
      case 'drained':
        return
      default:
        assertNever(effect)
    }
  }

  #execute(member: Member, lease: LeaseId, unit: PackedUnit, runMs: number): void {
    this.executions.set(lease, (this.executions.get(lease) ?? 0) + 1)
    const { node } = member.options
    const attempt = this.#attempts.get(lease) ?? 0
    this.runs.push({ node, unit: unit.id, attempt, lease })
    member.runs.set(lease, unit)
    const startedMs = this.nowMs
    this.#at(this.nowMs + runMs, () => {
      if (!member.runs.delete(lease)) return
      const { backend } = member.options.descriptor
      const usage = { cpu_ms: 1, gpu_ms: 0, wall_ms: runMs, tokens_in: 0, tokens_out: 0 }
      const outputCid = unit.unit.kind === 'deterministic' ? NOTHING : rightAnswer(unit.id)
      const result = { lease, outputCid, usage, backend, startedMs, finishedMs: this.nowMs }
      this.#agent(member, { type: 'finished', results: [result], nowMs: this.nowMs })
    })
  }

  #onLink(member: Member, act: () => void): void {
    const { link } = member
    for (let copy = 0; copy < this.#copies; copy++) {
      this.#at(this.nowMs + FRAME_MS + copy, () => {
        if (member.linked && member.link === link) act()
      })
    }
  }

  #toAgent(member: Member, frame: GatewayFrame): void {
    const gateway = GATEWAY
    this.#onLink(member, () => {
      const { nowMs } = this
      switch (frame.kind) {
        case 'welcome':
          return this.#agent(member, { type: 'welcome', gateway, body: frame.body, nowMs })
        case 'reveal':
          return this.#agent(member, { type: 'reveal', gateway, leases: frame.body.leases, nowMs })
        case 'revoke':
          return this.#agent(member, { type: 'revoke', gateway, body: frame.body, nowMs })
        case 'ack':
          return this.#agent(member, { type: 'ack', gateway, verdicts: frame.body.verdicts, nowMs })
        case 'grant': {
          for (const one of frame.body.leases) this.#attempts.set(one.lease_id, one.attempt)
          const offers = frame.body.leases.map((one) => ({
            lease: one.lease_id,
            attempt: one.attempt,
            unit: openUnit(one.unit),
            ttlMs: one.ttl_ms,
            commit: one.commit
          }))
          return this.#agent(member, { type: 'grant', gateway, offers, nowMs })
        }
      }
    })
  }

  #toGateway(member: Member, frame: Exclude<NodeFrame, { kind: 'result' }>): void {
    const { node } = member.options
    if (frame.kind === 'claim') this.claims.set(node, (this.claims.get(node) ?? 0) + 1)
    this.#onLink(member, () => {
      const { nowMs } = this
      switch (frame.kind) {
        case 'hello':
          return this.#gateway({ type: 'hello', node, body: frame.body, standing: null, nowMs })
        case 'claim':
          return this.#gateway({ type: 'claim', node, body: frame.body, nowMs })
        case 'withdraw':
          return this.#gateway({ type: 'withdraw', node, body: frame.body, nowMs })
        case 'commit':
          return this.#gateway({ type: 'commit', node, body: frame.body, nowMs })
        case 'failure':
          return this.#gateway({ type: 'failure', node, body: frame.body, nowMs })
        case 'release':
          return this.#gateway({ type: 'release', node, body: frame.body, nowMs })
        case 'heartbeat':
          return this.#gateway({ type: 'heartbeat', node, body: frame.body, nowMs })
      }
    })
  }

  #deliver(member: Member, attestations: readonly Attestation[]): void {
    const { node } = member.options
    const receipt = (index: number) => {
      const attestation = attestations[index]
      ok(attestation)
      return { item: encodeAttestation(attestation), index, path: [], head: new Uint8Array(0) }
    }
    this.#onLink(member, () => {
      const results = { attestations, receipt }
      this.#gateway({ type: 'result', node, results, nowMs: this.nowMs })
    })
  }
}
