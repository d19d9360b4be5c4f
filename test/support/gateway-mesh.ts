/**
 * A mesh in memory around the real gateway machine: model nodes with manners (honest, lying, silent),
 * a judge that knows the right answers, and an auditor that checks every effect as it comes. No
 * network, no keys, no clock but the one in here.
 */
import { equal, ok } from 'node:assert/strict'
import {
  type Attestation,
  type Cid,
  cidOfBytes,
  commitmentOf,
  type EntryBody,
  type EntryContent,
  type EventDraft,
  encodeAttestation,
  type GatewayFrame,
  type GrantMessage,
  type HelloMessage,
  type LeaseId,
  openUnit,
  type PackedUnit,
  type PeerId,
  packUnit,
  parseLogId,
  parseSessionId,
  peerIdFromPublicKey,
  type SessionHistory,
  type SessionSpec,
  TERMINAL_UNIT_EVENTS,
  type UnitEdge,
  type UnitId,
  type UnitOutcome,
  type WorkUnit
} from '#contracts'
import {
  type GatewayEffect,
  type GatewayInput,
  GatewayMachine,
  type JudgedUnit,
  type JudgeRequest
} from '#mesh-node/core'

const utf8 = new TextEncoder()

export const peer = (number: number): PeerId => {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, number + 1)
  return peerIdFromPublicKey(key)
}
export const GATEWAY = peer(0xffff)
export const SESSION = parseSessionId(`s${'ab'.repeat(16)}`)
export const MODEL = cidOfBytes(utf8.encode('a model'))
const SOME_CID = cidOfBytes(utf8.encode('some document'))

export const spec = (over: Partial<SessionSpec> = {}): SessionSpec => ({
  session: SESSION,
  tenant: 'local',
  graphId: 'graph',
  graphCid: SOME_CID,
  inputsCid: SOME_CID,
  requestId: 'request',
  budgets: {
    max_tokens: 1_000_000,
    max_latency_ms: 86_400_000,
    max_cost_micro: 1_000_000_000,
    max_model_calls: 1_000_000
  },
  maxRetriesTotal: 1_000,
  ...over
})

export type UnitParts = Partial<Omit<WorkUnit, 'constraints' | 'verification'>> & {
  readonly constraints?: Partial<WorkUnit['constraints']>
  readonly verification?: Partial<WorkUnit['verification']>
}

export function unitOf(task: string, parts: UnitParts = {}): PackedUnit {
  const { constraints, verification, ...rest } = parts
  return packUnit({
    v: 1,
    graph_id: 'graph',
    execution_session_id: SESSION,
    tenant_id: 'local',
    task_id: task,
    index: 0,
    kind: 'deterministic',
    dependencies: [],
    model: { cid: null, handler: 'noop' },
    inputs: [],
    output_schema: true,
    budget: { max_tokens: 0, max_time_ms: 10_000, max_cost_micro: 100 },
    retries: { max_attempts: 3, backoff_ms: 500 },
    timeouts: { dispatch_ms: 5_000, run_ms: 10_000 },
    idempotent: true,
    critical: false,
    priority: 'p2',
    ...rest,
    constraints: {
      privacy: 'allow_remote',
      trusted_node_required: false,
      region: null,
      min_memory_mb: 0,
      accelerators: [],
      latency_ms: 0,
      ...constraints
    },
    verification: { mode: 'schema', replicas: 1, agreement: { level: 'exact' }, ...verification }
  })
}

export const modelUnit = (task: string, parts: UnitParts = {}): PackedUnit =>
  unitOf(task, {
    kind: 'small_model',
    model: { cid: MODEL, handler: null },
    budget: { max_tokens: 100, max_time_ms: 10_000, max_cost_micro: 100 },
    ...parts
  })

export const edge = (unit: PackedUnit, trigger: UnitEdge['trigger']): UnitEdge => ({
  trigger,
  remainingMicro: null,
  unit
})

/** How a node behaves towards one lease. */
export type Manner =
  | 'honest'
  | 'lie'
  | 'malformed'
  | 'fail'
  | 'hopeless'
  | 'time-out'
  | 'silent'
  | 'release'
  | 'duplicate'
  | 'copy'
  | 'withhold'
  | 'unsure'
  | 'other-model'
  | 'greedy'

type Descriptor = HelloMessage['descriptor']
export interface NodeOptions {
  readonly descriptor?: Partial<Descriptor>
  readonly manner?: Manner | ((lease: LeaseOffer, unit: PackedUnit) => Manner)
  /** From the grant to the result or commitment. */
  readonly runMs?: number
  readonly slots?: number
  /** What its first hello says that it holds. */
  readonly holding?: readonly LeaseId[]
}
export type LeaseOffer = GrantMessage['leases'][number]

export const rightAnswer = (unit: UnitId): Cid => cidOfBytes(utf8.encode(`right ${unit}`))
const wrongAnswer = (unit: UnitId, liar: string): Cid =>
  cidOfBytes(utf8.encode(`wrong ${liar} ${unit}`))
const unsureAnswer = (unit: UnitId): Cid => cidOfBytes(utf8.encode(`unsure ${unit}`))
export const malformedAnswer = (unit: UnitId): Cid => cidOfBytes(utf8.encode(`malformed ${unit}`))

export class ModelNode {
  readonly id: PeerId
  readonly descriptor: Descriptor
  readonly options: NodeOptions
  connected = false
  /** Every lease it was ever granted. */
  readonly granted: LeaseOffer[] = []
  readonly revoked = new Set<LeaseId>()
  readonly verdicts = new Map<LeaseId, string>()
  readonly answers = new Map<LeaseId, Attestation>()

  constructor(number: number, options: NodeOptions) {
    this.id = peer(number)
    this.options = options
    this.descriptor = {
      owner: `owner-${number}`,
      kinds: ['deterministic', 'retrieval', 'small_model', 'llm'],
      pod_tiers: [],
      zones: [],
      region: null,
      memory_mb: 4_096,
      accelerators: [],
      slots: 4,
      queue_max: 64,
      backend: { runtime: 'ort', version: '1', provider: 'cpu', device_class: 'x64' },
      ...options.descriptor
    }
  }

  mannerFor(offer: LeaseOffer, unit: PackedUnit): Manner {
    const { manner = 'honest' } = this.options
    return typeof manner === 'function' ? manner(offer, unit) : manner
  }
}

export interface MeshOptions {
  readonly trusted?: readonly number[]
  readonly price?: number
  readonly tenantLeasesMax?: number
  /** Bad stand-ins for a port, planted so that a checker can be seen to find them; nothing is audited. */
  readonly doubles?: PortDoubles
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
  readonly auditor = new Auditor()
  readonly executions: ModelExecution[] = []
  readonly #doubles: PortDoubles | null
  readonly #due: { atMs: number; sequence: number; act: () => readonly GatewayInput[] }[] = []
  readonly #submitted = new Set<UnitId>()
  #sequence = 0
  #timerAtMs = Number.POSITIVE_INFINITY
  nowMs = 1_000

  constructor({ trusted = [], price = 10, tenantLeasesMax, doubles }: MeshOptions = {}) {
    this.#doubles = doubles ?? null
    this.auditor.trusted = new Set(trusted.map(peer))
    this.machine = new GatewayMachine({
      gateway: GATEWAY,
      log: parseLogId('ab'.repeat(32)),
      trusted: doubles?.trusted ?? this.auditor.trusted,
      price: ({ maxMicro }) => doubles?.price?.(maxMicro) ?? Math.min(price, maxMicro),
      tenantLeasesMax: tenantLeasesMax ?? null
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
          this.after(1, () => (node.connected ? this.#results(node, attestation, manner) : []))
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

export function attestationOf(
  node: ModelNode,
  offer: LeaseOffer,
  { id, unit }: PackedUnit,
  manner: Manner
): Attestation {
  const output =
    manner === 'lie'
      ? wrongAnswer(id, node.id)
      : manner === 'malformed'
        ? malformedAnswer(id)
        : manner === 'unsure'
          ? unsureAnswer(id)
          : rightAnswer(id)
  const attestation: Attestation = {
    v: 1,
    work_unit_id: id,
    attempt: offer.attempt,
    lease_id: offer.lease_id,
    node: node.id,
    model_cid: manner === 'other-model' ? SOME_CID : unit.model.cid,
    input_cids: unit.inputs.map(({ cid }) => cid),
    output_cid: output,
    backend: node.descriptor.backend,
    usage: {
      cpu_ms: 1,
      gpu_ms: 0,
      wall_ms: 1,
      tokens_in: 0,
      tokens_out: manner === 'greedy' ? unit.budget.max_tokens + 1 : 0
    },
    started_ms: 0,
    finished_ms: 1
  }
  return offer.commit ? { ...attestation, commit: commitmentOf(output, node.id) } : attestation
}

export const resultOf = (
  node: PeerId,
  attestation: Attestation,
  nowMs: number
): Extract<GatewayInput, { type: 'result' }> => ({
  type: 'result',
  node,
  results: {
    attestations: [attestation],
    receipt: () => ({
      item: encodeAttestation(attestation),
      index: 0,
      path: [],
      head: new Uint8Array(0)
    })
  },
  nowMs
})

/** Right answers, and wrong ones that look right, follow the schema; groups are of equal ids. */
export function judgeByCid({ session, unit, candidates }: JudgeRequest): JudgedUnit {
  const comparable = candidates.filter(({ outputCid }) => outputCid !== malformedAnswer(unit.id))
  const groups = new Map<string, number[]>()
  for (const { attempt, outputCid } of comparable) {
    groups.set(outputCid, [...(groups.get(outputCid) ?? []), attempt])
  }
  return {
    session,
    unit: unit.id,
    judgements: candidates
      .filter(({ ok: known }) => !known)
      .map(({ attempt, outputCid }) => {
        const isUnsure = outputCid === unsureAnswer(unit.id)
        const isMalformed = outputCid === malformedAnswer(unit.id)
        const trigger = isUnsure ? 'confidence_below' : isMalformed ? 'schema_mismatch' : null
        return { attempt, judgement: { ok: trigger === null, issues: [], trigger } }
      }),
    groups: [...groups.values()].sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0))
  }
}

type ReservedItem = UnitItems<'units.reserved'>[number]

/** Checks effects as they come: money, leases, events. */
class Auditor {
  trusted: ReadonlySet<string> = new Set()
  maxCostMicro = Number.POSITIVE_INFINITY
  readonly nodes = new Map<PeerId, ModelNode>()
  readonly #units = new Map<UnitId, PackedUnit>()
  readonly #open = new Map<LeaseId, { unit: UnitId; attempt: number; micro: number }>()
  readonly #attempts = new Set<string>()
  readonly #closed = new Set<LeaseId>()
  readonly #canonical = new Set<UnitId>()
  readonly #queued = new Map<UnitId, number>()
  readonly #terminal = new Map<UnitId, number>()
  readonly #judgedOk = new Set<string>()
  readonly #recorded = new Set<LeaseId>()
  #reservedMicro = 0
  #postedMicro = 0

  know(unit: PackedUnit): void {
    this.#units.set(unit.id, unit)
  }

  unit(id: UnitId): PackedUnit {
    const unit = this.#units.get(id)
    ok(unit !== undefined, 'only submitted units are run')
    return unit
  }

  see(effect: GatewayEffect): void {
    if (effect.type === 'record') for (const content of effect.contents) this.#record(content)
    else if (effect.type === 'event') this.#event(effect.event)
    else if (effect.type === 'judge') {
      for (const item of effect.items) {
        const { judgements } = judgeByCid(item)
        for (const { attempt, judgement } of judgements) {
          if (judgement?.ok) this.#judgedOk.add(`${item.unit.id} ${attempt}`)
        }
      }
    } else if (effect.type === 'send' && effect.frame.kind === 'grant') {
      for (const { lease_id } of effect.frame.body.leases) {
        ok(this.#recorded.has(lease_id), 'a lease is in the log before it is granted')
      }
    }
  }

  /** A lease of an earlier life of the gateway. */
  recall({ unit, attempt, lease, max_micro: micro }: ReservedItem): void {
    this.#attempts.add(`${unit} ${attempt}`)
    this.#open.set(lease, { unit, attempt, micro })
    this.#reservedMicro += micro
  }

  recallSettled(lease: LeaseId, postedMicro: number): void {
    this.#settled(lease, postedMicro)
  }

  finish(outcomes: ReadonlyMap<UnitId, UnitOutcome>): void {
    for (const [id, count] of this.#queued) {
      equal(count, 1, 'a unit is queued once')
      equal(this.#terminal.get(id) ?? 0, 1, `a queued unit ends once: ${outcomes.get(id)?.status}`)
    }
    equal(this.#open.size, 0, 'every lease ends')
    equal(this.#reservedMicro, 0, 'every reservation returns')
  }

  #record(content: EntryContent): void {
    if (content.kind === 'units.reserved') {
      for (const item of content.body.items) this.#reserved(item)
    } else if (content.kind === 'units.voided') {
      for (const { lease } of content.body.items) this.#settled(lease, 0)
    } else if (content.kind === 'units.accepted') {
      for (const { unit, attempt, lease, canonical } of content.body.items) {
        this.#settled(lease, 10)
        const { verification } = this.unit(unit).unit
        const judged = this.#judgedOk.has(`${unit} ${attempt}`)
        ok(verification.mode === 'none' || judged, 'what is accepted was judged ok')
        if (canonical) {
          ok(!this.#canonical.has(unit), 'a unit has one canonical result')
          this.#canonical.add(unit)
        }
      }
    }
  }

  #reserved(item: ReservedItem): void {
    const { unit, attempt, lease, node, max_micro: micro } = item
    ok(!this.#attempts.has(`${unit} ${attempt}`), 'no two leases are of one attempt')
    ok(!this.#open.has(lease) && !this.#closed.has(lease), 'a lease is granted once')
    this.#attempts.add(`${unit} ${attempt}`)
    this.#open.set(lease, { unit, attempt, micro })
    this.#recorded.add(lease)
    this.#reservedMicro += micro
    ok(this.#reservedMicro + this.#postedMicro <= this.maxCostMicro, 'the budget holds')
    const { kind, constraints, verification } = this.unit(unit).unit
    const descriptor = this.nodes.get(node)?.descriptor
    ok(kind !== 'llm' || (descriptor?.pod_tiers.length ?? 0) > 0, 'llm units run on pods alone')
    ok(constraints.privacy !== 'local_only' || this.trusted.has(node), 'local_only stays trusted')
    if (verification.mode !== 'quorum') return
    const owners = new Set<string>()
    for (const [id, open] of this.#open) {
      if (open.unit !== unit) continue
      const owner = [...this.nodes.values()].find(({ granted }) =>
        granted.some(({ lease_id }) => lease_id === id)
      )?.descriptor.owner
      if (owner === undefined) continue
      ok(!owners.has(owner), 'leases of one quorum go to distinct owners')
      owners.add(owner)
    }
  }

  #settled(lease: LeaseId, postedMicro: number): void {
    const open = this.#open.get(lease)
    ok(open !== undefined, 'only an open lease is settled, and once')
    this.#open.delete(lease)
    this.#closed.add(lease)
    this.#reservedMicro -= open.micro
    this.#postedMicro += Math.min(postedMicro, open.micro)
  }

  #event({ type, work_unit_id: unit }: EventDraft): void {
    if (unit === null) return
    if (type === 'workunit.queued') this.#queued.set(unit, (this.#queued.get(unit) ?? 0) + 1)
    if (!TERMINAL_UNIT_EVENTS.includes(type)) return
    this.#terminal.set(unit, (this.#terminal.get(unit) ?? 0) + 1)
    equal(this.#terminal.get(unit), 1, 'a unit ends in one terminal event')
  }
}
