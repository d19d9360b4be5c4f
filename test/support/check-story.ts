/**
 * A story told to the checkers by hand: what a gateway takes, records and says of a few units, so that a
 * test can leave a step out, say it twice, or say it at the wrong time. Time is the teller's.
 */
import {
  type Attestation,
  type Cid,
  commitmentOf,
  type EntryBody,
  type EntryContent,
  type EventDraft,
  type EventType,
  type GatewayFrame,
  type HelloMessage,
  type LeaseId,
  leaseIdOf,
  type PackedUnit,
  type PeerId,
  peerIdFromPublicKey,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import type { GatewayInput } from '#mesh-node/core'
import { rightAnswer } from '../../sim/nodes/answers.ts'
import { Checks } from '../../sim/world/checks.ts'
import { Scenario } from '../../sim/world/scenario.ts'
import { EPOCH_MS } from '../../sim/world/virtual-time.ts'
import { SESSION, unitOf } from '../../sim/world/work.ts'

export const LEASE_MS = 90_000
const scenarioWith = (quorum: number): Scenario =>
  Scenario.parse({ claim: 'a test', nodes: 1, units: 1, quorum_per_mille: quorum })

export const SINGLE = unitOf(0, scenarioWith(0))
/** Two owners must agree on it. */
export const QUORUM = unitOf(0, scenarioWith(1_000))

/** Waits for the result of the first. */
export const CHILD = unitOf(1, scenarioWith(0), { dependencies: [SINGLE.id] })

export function nodeOf(number: number): PeerId {
  return peerIdFromPublicKey(new Uint8Array(32).fill(number + 1))
}

/** A model that nobody asks for. */
const ANY = rightAnswer(SINGLE.id)

/** The node that most stories are about. */
export const A = nodeOf(0)

interface Told {
  readonly unit: PackedUnit
  readonly attempt: number
  readonly node: PeerId
}
const leaseOf = ({ unit, attempt, node }: Told): LeaseId => leaseIdOf(unit.id, attempt, node)
export type VoidReason = EntryBody<'units.voided'>['items'][number]['reason']

export function attestationOf(told: Told, output: Cid = rightAnswer(told.unit.id)): Attestation {
  return {
    v: 1,
    work_unit_id: told.unit.id,
    attempt: told.attempt,
    lease_id: leaseOf(told),
    node: told.node,
    model_cid: told.unit.unit.model.cid,
    input_cids: [],
    output_cid: output,
    backend: { runtime: 'r', version: '1', provider: 'cpu', device_class: 'x' },
    usage: { cpu_ms: 1, gpu_ms: 0, wall_ms: 1, tokens_in: 0, tokens_out: 0 },
    started_ms: 0,
    finished_ms: 1
  }
}

export class CheckStory {
  nowMs = 0
  /** A quiet mesh, in which all are honest. */
  readonly checks: Checks

  constructor(checksNodes = false) {
    this.checks = new Checks({
      nowMs: () => this.nowMs,
      isQuiet: true,
      isHonest: () => true,
      checksNodes
    })
  }

  get rules(): readonly string[] {
    return [...new Set(this.checks.violations.map(({ rule }) => rule))]
  }

  /** The units are handed in, and each node says hello with its owner. */
  begin(units: readonly PackedUnit[], owners: readonly string[]): this {
    this.took({
      type: 'submit',
      session: SESSION,
      units: units.map((unit) => ({ unit, edges: [] }))
    })
    for (const unit of units) this.event('workunit.queued', unit)
    for (const [number, owner] of owners.entries()) {
      const node = nodeOf(number)
      this.hello(node, [])
      const log = 'ab'.repeat(32)
      this.record({ kind: 'node.registered', body: { node, owner, log, node_class: 'cpu' } })
    }
    return this
  }

  after(ms: number): this {
    this.nowMs += ms
    return this
  }

  hello(node: PeerId, holding: readonly Told[], queueMax = 2): this {
    const descriptor = {
      owner: 'x',
      kinds: [],
      pod_tiers: [],
      zones: [],
      region: null,
      memory_mb: 1,
      accelerators: [],
      slots: 1,
      queue_max: queueMax,
      backend: { runtime: 'r', version: '1', provider: 'cpu', device_class: 'x' }
    }
    const body: HelloMessage = {
      v: 1,
      node,
      log: 'ab'.repeat(32),
      descriptor,
      holding: holding.map(leaseOf),
      models: []
    }
    return this.took({ type: 'hello', node, body, standing: null }).claim(node)
  }

  /** It offers to run anything, and the gateway takes the offer. */
  claim(node: PeerId): this {
    return this.offer(node).about('workunit.claimed', null, { node, slots: 2 })
  }

  /** It offers to run anything; the gateway has not said yet that it takes the offer. */
  offer(node: PeerId): this {
    const some = { v: 1, claim: 1, batch: null, slots: 2, standing: true } as const
    return this.took({
      type: 'claim',
      node,
      body: { ...some, kinds: ['small_model'], models: [ANY] }
    })
  }

  withdraw(node: PeerId): this {
    return this.took({ type: 'withdraw', node, body: { v: 1, claim: 1, reason: 'paused' } })
  }

  /** Its owner wants the machine back, or gives it again. */
  rests(node: PeerId, isResting = true): this {
    this.checks.rests.rests(node, isResting)
    return this
  }

  begins({ node, ...told }: Told): this {
    this.checks.rests.begins(node, leaseOf({ node, ...told }))
    return this
  }

  /** A grant has reached it, and it holds so many that it has not begun. */
  granted(node: PeerId, unbegun: number): this {
    this.checks.rests.granted(node, () => unbegun)
    return this
  }

  beats(node: PeerId): this {
    const work = { running: 0, queued: 0, free_memory_mb: 1_000 }
    return this.took({
      type: 'heartbeat',
      node,
      body: { v: 1, seq: 1, health: 'healthy', ...work }
    })
  }

  gone(node: PeerId): this {
    return this.took({ type: 'disconnected', node })
  }

  reserve(...told: readonly Told[]): this {
    const items = told.map((one) => ({
      unit: one.unit.id,
      attempt: one.attempt,
      lease: leaseOf(one),
      node: one.node,
      model: null,
      input_bytes: 0,
      max_micro: 1_000,
      expires_at_ms: EPOCH_MS + this.nowMs + LEASE_MS
    }))
    return this.record({ kind: 'units.reserved', body: { session: SESSION, items } })
  }

  commit(told: Told, output: Cid = rightAnswer(told.unit.id)): this {
    const commitments = [{ lease_id: leaseOf(told), commitment: commitmentOf(output, told.node) }]
    return this.took({ type: 'commit', node: told.node, body: { v: 1, commitments } })
  }

  result(told: Told, output: Cid = rightAnswer(told.unit.id), from: PeerId = told.node): this {
    const attestation = attestationOf(told, output)
    const receipt = () => ({
      item: new Uint8Array(0),
      index: 0,
      path: [],
      head: new Uint8Array(0)
    })
    return this.took({
      type: 'result',
      node: from,
      results: { attestations: [attestation], receipt }
    })
  }

  accept(told: Told, canonical = true): this {
    const receipt = { item: new Uint8Array(0), index: 0, path: [], head: new Uint8Array(0) }
    const item = {
      unit: told.unit.id,
      attempt: told.attempt,
      lease: leaseOf(told),
      canonical,
      receipt
    }
    return this.record({ kind: 'units.accepted', body: { session: SESSION, items: [item] } })
  }

  void(told: Told, reason: VoidReason, fault: 'none' | 'copied' = 'none'): this {
    const item = {
      unit: told.unit.id,
      attempt: told.attempt,
      lease: leaseOf(told),
      reason,
      fault,
      receipt: null
    }
    return this.record({ kind: 'units.voided', body: { session: SESSION, items: [item] } })
  }

  /** Its result stands no more, and another may. */
  refute(told: Told): this {
    const item = { unit: told.unit.id, attempt: told.attempt, lease: leaseOf(told) }
    const items = [{ ...item, reason: 'disagreed', stands: false } as const]
    return this.record({ kind: 'units.withdrawn', body: { session: SESSION, items } })
  }

  grant(told: Told): this {
    const offer = {
      lease_id: leaseOf(told),
      attempt: told.attempt,
      unit: told.unit.bytes,
      expires_at_ms: EPOCH_MS + this.nowMs + LEASE_MS,
      ttl_ms: LEASE_MS,
      commit: true
    }
    const frame: GatewayFrame = { kind: 'grant', body: { v: 1, leases: [offer], blobs: [] } }
    this.checks.performed({ type: 'send', node: told.node, frame })
    return this
  }

  reveal(told: Told): this {
    const frame: GatewayFrame = { kind: 'reveal', body: { v: 1, leases: [leaseOf(told)] } }
    this.checks.performed({ type: 'send', node: told.node, frame })
    return this
  }

  ack(told: Told, verdict: 'accepted' | 'redundant'): this {
    const verdicts = [{ lease_id: leaseOf(told), verdict, reason: '', earned_micro: 0 }]
    const frame = { kind: 'ack', body: { v: 1, verdicts } } as const
    this.checks.performed({ type: 'send', node: told.node, frame })
    return this
  }

  run(told: Told, slots = 1): this {
    this.checks.runs.started(told.node, leaseOf(told), slots)
    return this
  }

  finish(told: Told): this {
    this.checks.runs.ended(told.node, leaseOf(told), 'finished')
    return this
  }

  revoke(told: Told): this {
    this.checks.runs.revoked(told.node, [leaseOf(told)])
    return this
  }

  event(type: EventType, { id }: PackedUnit): this {
    return this.about(type, id, {})
  }

  about(type: EventType, unit: UnitId | null, data: EventDraft['data']): this {
    this.checks.performed({
      type: 'event',
      event: {
        type,
        time_ms: this.nowMs,
        tenant_id: null,
        graph_id: null,
        execution_session_id: SESSION,
        work_unit_id: unit,
        attempt: null,
        data
      }
    })
    return this
  }

  /** The terminal event, and the outcome that the caller gets. */
  end(unit: PackedUnit, change: Partial<UnitOutcome> = {}): this {
    const { status = 'success' } = change
    this.event(status === 'success' ? 'workunit.completed' : 'workunit.failed', unit)
    const outcome: UnitOutcome = {
      session: SESSION,
      unitId: unit.id,
      finalUnitId: unit.id,
      escalations: [],
      status,
      stopReason: 'success',
      failureClass: null,
      error: null,
      outputCid: rightAnswer(unit.id),
      verification: 'schema',
      usage: null,
      costMicro: 0,
      executions: [],
      ...change
    }
    this.checks.performed({ type: 'outcome', outcome })
    return this
  }

  took(
    input: GatewayInput extends infer T
      ? T extends GatewayInput
        ? Omit<T, 'nowMs'>
        : never
      : never
  ): this {
    this.checks.took({ ...input, nowMs: EPOCH_MS + this.nowMs })
    return this
  }

  record(content: EntryContent): this {
    this.checks.recorded(content)
    return this
  }
}
