/**
 * A mesh in memory around the real gateway machine: model nodes, a judge that knows the right answers,
 * and an auditor that checks every effect as it comes. No network, no keys, no clock but the one here.
 */
import { ok } from 'node:assert/strict'
import {
  type Attestation,
  commitmentOf,
  type EntryBody,
  type EntryContent,
  type EventDraft,
  type GatewayFrame,
  type LeaseId,
  openUnit,
  type PackedUnit,
  type PeerId,
  parseLogId,
  type SessionHistory,
  type SessionSpec,
  type UnitEdge,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import {
  type GatewayEffect,
  type GatewayInput,
  GatewayMachine,
  type JudgedUnit,
  type JudgeRequest,
  type TrustView
} from '#mesh-node/core'
import { Auditor } from './gateway-auditor.ts'
import { GATEWAY, MODEL, peer, SESSION, spec } from './mesh-units.ts'
import {
  attestationOf,
  judgeByCid,
  type LeaseOffer,
  type Manner,
  ModelNode,
  type NodeOptions,
  resultOf,
  wrongAnswer
} from './model-node.ts'

export interface MeshOptions {
  readonly trusted?: readonly number[]
  readonly price?: number
  readonly tenantLeasesMax?: number
  /** Bad stand-ins for a port, planted so that a checker can be seen to find them; nothing is audited. */
  readonly doubles?: PortDoubles
  /** A ledger's fold that the gateway reads. */
  readonly book?: TrustBook
  readonly secret?: Uint8Array
  /** Whether units that have succeeded may get another result. */
  readonly mayCorrect?: boolean
}

export interface PortDoubles {
  readonly trusted?: ReadonlySet<string>
  readonly judge?: (request: JudgeRequest) => JudgedUnit
  readonly price?: (micro: number) => number
  readonly inputs?: (input: GatewayInput) => GatewayInput
  readonly effects?: (effect: GatewayEffect) => readonly GatewayEffect[]
}

/** A run on a node, honest or not: what an executor would have been seen to do. */
export interface ModelExecution {
  readonly node: PeerId
  readonly unit: UnitId
  readonly attempt: number
  readonly lease: LeaseId
}

/** A ledger's fold that follows what the gateway records, and is read by it. */
export interface TrustBook {
  append(contents: readonly EntryContent[]): void
  trustView(): TrustView
}
const SECRET = Uint8Array.of(1, 2, 3)

type UnitEntryKind = Extract<EntryContent['kind'], `units.${string}`>
type UnitItems<K extends UnitEntryKind> = EntryBody<K>['items']

export class GatewayMesh {
  readonly machine: GatewayMachine
  readonly nodes = new Map<PeerId, ModelNode>()
  readonly outcomes = new Map<UnitId, UnitOutcome>()
  readonly events: EventDraft[] = []
  readonly records: EntryContent[] = []
  readonly effects: GatewayEffect[] = []
  readonly refusals: string[] = []
  readonly corrected: UnitOutcome[] = []
  readonly auditor = new Auditor()
  readonly executions: ModelExecution[] = []
  readonly #doubles: PortDoubles | null
  readonly #book: TrustBook | null
  readonly #due: { atMs: number; sequence: number; act: () => readonly GatewayInput[] }[] = []
  readonly #submitted = new Set<UnitId>()
  #sequence = 0
  #timerAtMs = Number.POSITIVE_INFINITY
  nowMs = 1_000

  constructor(options: MeshOptions = {}) {
    const { trusted = [], price = 10, tenantLeasesMax, doubles, book, mayCorrect } = options
    this.#book = book ?? null
    this.#doubles = doubles ?? null
    this.auditor.trusted = new Set(trusted.map(peer))
    this.machine = new GatewayMachine({
      gateway: GATEWAY,
      log: parseLogId('ab'.repeat(32)),
      trusted: doubles?.trusted ?? this.auditor.trusted,
      price: ({ maxMicro }) => doubles?.price?.(maxMicro) ?? Math.min(price, maxMicro),
      tenantLeasesMax: tenantLeasesMax ?? null,
      ...(book === undefined ? {} : { trust: book.trustView(), secret: options.secret ?? SECRET }),
      ...(mayCorrect === undefined ? {} : { mayCorrect: () => mayCorrect })
    })
  }

  open(over: Partial<SessionSpec> = {}, history: SessionHistory | null = null): void {
    const session = spec(over)
    this.auditor.maxCostMicro = session.budgets.max_cost_micro
    this.feed({
      type: 'open',
      spec: session,
      history,
      availableMicro: null,
      nowMs: this.nowMs
    })
  }

  submit(...units: (PackedUnit | { unit: PackedUnit; edges: UnitEdge[] })[]): void {
    const submissions = units.map((one) => ('edges' in one ? one : { unit: one, edges: [] }))
    for (const { unit, edges } of submissions) {
      this.auditor.know(unit)
      this.#submitted.add(unit.id)
      for (const { unit: other } of edges) this.auditor.know(other)
    }
    this.feed({ type: 'submit', session: SESSION, units: submissions, nowMs: this.nowMs })
  }

  addNode(number: number, options: NodeOptions = {}): ModelNode {
    const node = new ModelNode(number, options)
    this.nodes.set(node.id, node)
    this.auditor.nodes.set(node.id, node)
    this.connect(node, options.holding)
    return node
  }

  /** Says hello with what it holds, and claims. */
  connect(node: ModelNode, holding: readonly LeaseId[] = []): void {
    node.connected = true
    const { descriptor } = node
    this.feed({
      type: 'hello',
      node: node.id,
      body: {
        v: 1,
        node: node.id,
        log: 'cd'.repeat(32),
        descriptor,
        holding: [...holding],
        models: []
      },
      standing: null,
      nowMs: this.nowMs
    })
    this.feed({
      type: 'claim',
      node: node.id,
      body: {
        v: 1,
        claim: 1,
        batch: null,
        kinds: descriptor.kinds,
        models: [MODEL],
        slots: node.options.slots ?? descriptor.queue_max,
        standing: true
      },
      nowMs: this.nowMs
    })
    this.#beat(node)
  }

  disconnect(node: ModelNode): void {
    node.connected = false
    this.feed({ type: 'disconnected', node: node.id, nowMs: this.nowMs })
  }

  feed(input: GatewayInput): readonly GatewayEffect[] {
    const effects = this.machine.step(this.#doubles?.inputs?.(input) ?? input)
    for (const effect of effects) {
      for (const one of this.#doubles?.effects?.(effect) ?? [effect]) this.#perform(one)
    }
    return effects
  }

  /** Lets time pass until nothing is due before `untilMs`. */
  run(forMs: number): void {
    const untilMs = this.nowMs + forMs
    for (let turns = 0; turns < 1_000_000; turns++) {
      const next = this.#nextDue()
      const atMs = Math.min(next?.atMs ?? Number.POSITIVE_INFINITY, this.#timerAtMs)
      if (atMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, atMs)
      if (next !== undefined && next.atMs <= this.#timerAtMs) {
        this.#due.splice(this.#due.indexOf(next), 1)
        for (const input of next.act()) this.feed(input)
      } else {
        this.#timerAtMs = Number.POSITIVE_INFINITY
        this.feed({ type: 'tick', nowMs: this.nowMs })
      }
    }
    this.nowMs = untilMs
  }

  /** Lets time pass until every submission has its outcome; true if it came to that. */
  drain(limitMs = 600_000): boolean {
    const endMs = this.nowMs + limitMs
    while (this.nowMs < endMs) {
      if ([...this.#submitted].every((id) => this.outcomes.has(id))) return true
      this.run(250)
    }
    return false
  }

  after(delayMs: number, act: () => readonly GatewayInput[]): void {
    this.#due.push({ atMs: this.nowMs + delayMs, sequence: this.#sequence++, act })
  }

  eventsOf(type: EventDraft['type'], unit?: UnitId): EventDraft[] {
    return this.events.filter(
      (event) => event.type === type && (unit === undefined || event.work_unit_id === unit)
    )
  }

  items<K extends UnitEntryKind>(kind: K): UnitItems<K> {
    const found: unknown[] = []
    for (const content of this.records) {
      if (content.kind === kind && 'items' in content.body) found.push(...content.body.items)
    }
    return found as UnitItems<K>
  }

  /** Everything that must hold when all is over. */
  audit(): void {
    this.auditor.finish(this.outcomes)
  }

  #nextDue() {
    let first = this.#due[0]
    for (const one of this.#due) {
      if (first === undefined || one.atMs < first.atMs) first = one
    }
    return first
  }

  #perform(effect: GatewayEffect): void {
    this.effects.push(effect)
    if (this.#doubles === null) this.auditor.see(effect)
    switch (effect.type) {
      case 'record':
        this.records.push(...effect.contents)
        this.#book?.append(effect.contents)
        break
      case 'send': {
        const node = this.nodes.get(effect.node)
        if (node?.connected) this.#receive(node, effect.frame)
        break
      }
      case 'judge': {
        const items = effect.items.map(this.#doubles?.judge ?? judgeByCid)
        this.after(1, () => [{ type: 'judged', items, nowMs: this.nowMs }])
        break
      }
      case 'event':
        this.events.push(effect.event)
        break
      case 'outcome':
        this.outcomes.set(effect.outcome.unitId, effect.outcome)
        break
      case 'corrected':
        this.corrected.push(effect.outcome)
        this.outcomes.set(effect.outcome.unitId, effect.outcome)
        break
      case 'refuse':
        this.refusals.push(effect.code)
        break
      case 'timer':
        this.#timerAtMs = effect.atMs
        break
      case 'announce':
      case 'drop':
      case 'refuse-session':
        break
    }
  }

  #beat(node: ModelNode): void {
    this.after(1_000, () => {
      if (!node.connected) return []
      this.#beat(node)
      const body = { v: 1, seq: 0, health: 'healthy', running: 0, queued: 0, free_memory_mb: 1_000 }
      return [
        { type: 'heartbeat', node: node.id, body, nowMs: this.nowMs } as Extract<
          GatewayInput,
          { type: 'heartbeat' }
        >
      ]
    })
  }

  #receive(node: ModelNode, frame: GatewayFrame): void {
    switch (frame.kind) {
      case 'grant':
        for (const offer of frame.body.leases) this.#granted(node, offer)
        break
      case 'reveal':
        for (const lease of frame.body.leases) {
          const attestation = node.answers.get(lease)
          if (attestation === undefined) continue
          const unit = this.auditor.unit(attestation.work_unit_id)
          const manner = node.mannerFor(this.#offer(node, lease), unit)
          if (manner === 'withhold') continue
          this.after(node.options.showMs ?? 1, () =>
            node.connected ? this.#results(node, attestation, manner) : []
          )
        }
        break
      case 'revoke':
        for (const lease of frame.body.leases) node.revoked.add(lease)
        break
      case 'ack':
        for (const { lease_id, verdict, reason } of frame.body.verdicts) {
          node.verdicts.set(lease_id, `${verdict} ${reason}`)
        }
        break
      case 'welcome':
        break
    }
  }

  #offer(node: ModelNode, lease: LeaseId): LeaseOffer {
    const offer = node.granted.find((one) => one.lease_id === lease)
    ok(offer !== undefined, 'a node is asked for its own leases')
    return offer
  }

  #granted(node: ModelNode, offer: LeaseOffer): void {
    node.granted.push(offer)
    const unit = openUnit(offer.unit)
    const manner = node.mannerFor(offer, unit)
    this.after(node.options.runMs ?? 10, () => {
      if (!node.connected || node.revoked.has(offer.lease_id)) return []
      return this.#answer(node, offer, unit, manner)
    })
  }

  #answer(
    node: ModelNode,
    offer: LeaseOffer,
    unit: PackedUnit,
    manner: Manner
  ): readonly GatewayInput[] {
    const { nowMs } = this
    const { lease_id } = offer
    if (manner !== 'silent' && manner !== 'release') {
      const { attempt } = offer
      this.executions.push({ node: node.id, unit: unit.id, attempt, lease: lease_id })
    }
    switch (manner) {
      case 'silent':
        return []
      case 'release':
        return [
          {
            type: 'release',
            node: node.id,
            body: { v: 1, leases: [lease_id], reason: 'busy' },
            nowMs
          }
        ]
      case 'fail':
      case 'hopeless':
      case 'time-out': {
        const timeout = manner === 'time-out'
        const code = manner === 'hopeless' ? 'model.input_invalid' : 'executor.crashed'
        const failure = {
          lease_id,
          class: timeout ? ('timeout' as const) : ('execution' as const),
          code: timeout ? 'executor.timed_out' : code,
          detail: ''
        }
        return [{ type: 'failure', node: node.id, body: { v: 1, failures: [failure] }, nowMs }]
      }
      case 'honest':
      case 'lie':
      case 'collude':
      case 'malformed':
      case 'unsure':
      case 'copy':
      case 'withhold':
      case 'duplicate':
      case 'other-model':
      case 'greedy': {
        const attestation = attestationOf(node, offer, unit, manner)
        node.answers.set(lease_id, attestation)
        if (!offer.commit) return this.#results(node, attestation, manner)
        const said = manner === 'copy' ? wrongAnswer(unit.id, 'commit') : attestation.output_cid
        const commitment = commitmentOf(said, node.id)
        const body = { v: 1 as const, commitments: [{ lease_id, commitment }] }
        return [{ type: 'commit', node: node.id, body, nowMs }]
      }
    }
  }

  #results(node: ModelNode, attestation: Attestation, manner: Manner): readonly GatewayInput[] {
    const input = resultOf(node.id, attestation, this.nowMs)
    return manner === 'duplicate' ? [input, input, input] : [input]
  }
}
