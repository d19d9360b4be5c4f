/**
 * The life of every lease on this node: taken or handed back, readied, run, committed, revealed, told
 * and told again until the gateway has acknowledged it. Runs nothing itself and knows no link.
 */
import {
  AGENT_RESULTS_MAX,
  assert,
  type Cid,
  type LeaseId,
  leaseIdOf,
  type PeerId,
  unitBlobs
} from '#contracts'
import type { AgentConnections } from './agent-connections.ts'
import type { AgentContext } from './agent-context.ts'
import type { AgentOffer, InputOf, RunResult } from './agent-contract.ts'
import type { AgentTotals } from './agent-totals.ts'
import { attestationOf, startedEvent } from './attest.ts'
import { builtInOf, builtInReads } from './built-in.ts'
import type { HeldLease, LeaseTable } from './lease-table.ts'
import type { ModelShelf } from './model-shelf.ts'
import { type OfferRule, refusalOf } from './offer-rules.ts'
import type { Outbox } from './outbox.ts'
import { ResultGate } from './result-gate.ts'

/** Loading a model into a fresh executor comes before the run's own limit, and takes at most this. */
const LOAD_MS_MAX = 120_000

type Failure = Omit<Parameters<Outbox['failure']>[1], 'lease_id'>

export interface LeaseDeskParts {
  readonly leases: LeaseTable
  readonly models: ModelShelf
  readonly connections: AgentConnections
  readonly totals: AgentTotals
}

export class LeaseDesk {
  readonly #context: AgentContext
  readonly #leases: LeaseTable
  readonly #models: ModelShelf
  readonly #connections: AgentConnections
  readonly #totals: AgentTotals
  readonly #gate = new ResultGate()

  constructor(context: AgentContext, { leases, models, connections, totals }: LeaseDeskParts) {
    this.#context = context
    this.#leases = leases
    this.#models = models
    this.#connections = connections
    this.#totals = totals
  }

  grant({ gateway, offers, unreadable = [] }: InputOf<'grant'>): void {
    for (const { lease, code, detail } of unreadable) {
      if (this.#leases.get(lease) !== undefined || this.#leases.hasEnded(lease)) continue
      const failure = { lease_id: lease, class: 'validation', code, detail } as const
      this.#context.out.failure(gateway, failure)
    }
    for (const offer of offers) {
      const held = this.#leases.get(offer.lease)
      if (held !== undefined) {
        if (held.gateway === gateway) this.#tell(held)
        continue
      }
      const rule = this.#refusal(gateway, offer)
      if (rule === null) this.#accept(gateway, offer)
      else this.#refuse(gateway, offer, rule)
    }
  }

  /** After a new welcome: drops what was named and no longer stands, and tells the rest again. */
  reconcile(gateway: PeerId, named: ReadonlySet<LeaseId>, standing: readonly LeaseId[]): void {
    const stands = new Set(standing)
    for (const lease of this.#leases.all()) {
      if (lease.gateway !== gateway) continue
      if (named.has(lease.id) && !stands.has(lease.id)) this.#endAs(lease, 'revoked')
      else this.#tell(lease)
    }
  }

  reveal({ gateway, leases }: InputOf<'reveal'>): void {
    for (const id of leases) {
      const lease = this.#leases.get(id)
      if (lease === undefined || lease.gateway !== gateway || lease.revealed) continue
      lease.revealed = true
      if (lease.phase === 'committed') this.#deliver(lease)
    }
  }

  revoke({ gateway, body }: InputOf<'revoke'>): void {
    for (const id of body.leases) {
      const lease = this.#leases.get(id)
      if (lease === undefined || lease.gateway !== gateway) continue
      this.#endAs(lease, body.reason === 'expired' ? 'expired' : 'revoked')
    }
  }

  acknowledge({ gateway, verdicts }: InputOf<'ack'>): void {
    const known = verdicts.filter(({ lease_id }) => {
      const lease = this.#leases.get(lease_id)
      return lease?.gateway === gateway && lease.phase === 'delivered'
    })
    if (known.length === 0) return
    this.#context.out.push({ type: 'record', gateway, verdicts: known })
    for (const verdict of known) {
      const lease = this.#leases.get(verdict.lease_id)
      // the same lease twice in one message counts once
      if (lease === undefined) continue
      this.#totals.judged(verdict)
      this.#end(lease)
    }
  }

  blobsReady(id: LeaseId): void {
    const lease = this.#leases.get(id)
    if (lease !== undefined) this.#satisfy(lease, { needsBlobs: false })
  }

  /** A model's verdict is in: its leases go on, or are handed back. */
  modelSettled(model: Cid): void {
    const isReady = this.#models.isReady(model)
    if (!isReady && !this.#models.isRefused(model)) return
    for (const lease of this.#leases.all()) {
      if (!lease.needsModel || lease.packed.unit.model.cid !== model) continue
      if (isReady) this.#satisfy(lease, { needsModel: false })
      else this.handBack(lease, 'model_refused')
    }
  }

  /** Fills the slots: by priority, then in the order of becoming ready. */
  startReady(): void {
    if (this.#context.mode !== 'serving') return
    for (;;) {
      const lease = this.#leases.nextReady()
      if (lease === undefined) return
      if (!lease.builtIn && this.#leases.slotsUsed >= this.#context.options.descriptor.slots) return
      if (lease.expiresAtMs <= this.#context.nowMs) this.#giveUp(lease)
      else this.#start(lease)
    }
  }

  /** Tells the results that waited for each other, where it is time. To be called after `startReady`. */
  tellResults(): void {
    const { mode, nowMs } = this.#context
    const ready = mode === 'serving' ? this.#leases.count('ready') : 0
    for (const lease of this.#gate.take(nowMs, ready)) this.#tell(lease)
  }

  /** When results that wait are due. */
  get resultsDueAtMs(): number {
    return this.#gate.dueAtMs
  }

  finish(result: RunResult): void {
    const wasKilled = this.#leases.stopped(result.lease)
    const lease = this.#leases.get(result.lease)
    if (wasKilled || lease?.phase !== 'running') {
      this.#context.out.forget(result.lease)
      return
    }
    lease.attestation = attestationOf(lease, result, this.#context.options.node)
    this.#totals.ran(result)
    const isOver = lease.expiresAtMs <= this.#context.nowMs
    this.#leases.move(lease, 'committed')
    if (isOver) this.#giveUp(lease)
    else if (lease.commit && !lease.revealed) this.#tell(lease)
    else this.#deliver(lease)
  }

  fail(id: LeaseId, failure: Failure): void {
    if (this.#leases.stopped(id)) return
    const lease = this.#leases.get(id)
    if (lease === undefined || lease.attestation !== null) return
    this.#totals.lastFailure = failure.code
    this.#say(lease, failure)
    // the run is gone already, so that there is nothing to kill
    if (lease.phase === 'running') this.#leases.move(lease, 'waiting')
    this.#endAs(lease, 'failed')
  }

  /** Ends leases and runs whose time is up on this node's clock. */
  expire(): void {
    for (const lease of this.#leases.due(this.#context.nowMs)) {
      const isRunTimeout = lease.phase === 'running' && lease.expiresAtMs > this.#context.nowMs
      if (!isRunTimeout) {
        if (lease.phase === 'committed' || lease.phase === 'delivered')
          this.#endAs(lease, 'expired')
        else this.#giveUp(lease)
        continue
      }
      const code = 'executor.timed_out'
      this.#totals.lastFailure = code
      this.#say(lease, { class: 'timeout', code, detail: 'no answer from the executor in time' })
      this.#endAs(lease, 'failed')
    }
  }

  handBack(lease: HeldLease, reason: OfferRule): void {
    if (this.#connections.isOnline(lease.gateway)) {
      this.#context.out.release(lease.gateway, lease.id, reason)
    }
    this.#endAs(lease, 'released')
  }

  #refusal(gateway: PeerId, offer: AgentOffer): OfferRule | null {
    const { options, mode } = this.#context
    if (this.#leases.hasEnded(offer.lease)) return 'ended'
    if (mode === 'paused' || mode === 'finishing') return 'paused'
    if (mode !== 'serving') return 'draining'
    if (!this.#connections.isAuthorized(gateway)) return 'unauthorized'
    if (!this.#isOurs(offer)) return 'mismatched'
    if (this.#leases.active >= options.descriptor.queue_max) return 'queue_full'
    if (this.#leases.size >= AGENT_RESULTS_MAX) return 'results_full'
    const rule = refusalOf(offer.unit.unit, options)
    if (rule !== null) return rule
    const { cid } = offer.unit.unit.model
    if (cid === null) return null
    if (this.#models.isRefused(cid)) return 'model_refused'
    return this.#models.hold(cid, gateway) ? null : 'models_full'
  }

  /** What is handed back is over: its gateway gives it to another, so that no later word of it counts. */
  #refuse(gateway: PeerId, offer: AgentOffer, rule: OfferRule): void {
    this.#totals.refuse(rule)
    this.#context.out.release(gateway, offer.lease, rule)
    // a gateway that may not give this lease must not end it for the one that may
    if (this.#connections.isAuthorized(gateway) && this.#isOurs(offer)) {
      this.#leases.refused(offer.lease)
    }
  }

  /** The id is that of the unit, the attempt and this node. */
  #isOurs({ unit, attempt, lease }: AgentOffer): boolean {
    return leaseIdOf(unit.id, attempt, this.#context.options.node) === lease
  }

  #accept(gateway: PeerId, offer: AgentOffer): void {
    const { unit } = offer.unit
    const handler = builtInOf(unit)
    const cids = handler !== null && !builtInReads(handler) ? [] : unitBlobs(unit)
    const needsModel = unit.model.cid !== null && !this.#models.isReady(unit.model.cid)
    const needsBlobs = cids.length > 0
    this.#leases.add({
      id: offer.lease,
      gateway,
      attempt: offer.attempt,
      packed: offer.unit,
      commit: offer.commit,
      expiresAtMs: this.#context.nowMs + offer.ttlMs,
      builtIn: handler !== null,
      phase: needsModel || needsBlobs ? 'waiting' : 'ready',
      needsBlobs,
      needsModel,
      revealed: false,
      startedAtMs: 0,
      runDeadlineMs: Number.POSITIVE_INFINITY,
      attestation: null
    })
    this.#connections.held(gateway, 1)
    if (!needsBlobs) return
    const { lease, unit: packed } = offer
    this.#context.out.push({ type: 'fetch', lease, unit: packed, gateway, cids })
  }

  #satisfy(lease: HeldLease, met: { needsBlobs?: false; needsModel?: false }): void {
    if (lease.phase !== 'waiting') return
    lease.needsBlobs = met.needsBlobs ?? lease.needsBlobs
    lease.needsModel = met.needsModel ?? lease.needsModel
    if (!lease.needsBlobs && !lease.needsModel) this.#leases.move(lease, 'ready')
  }

  #start(lease: HeldLease): void {
    const { nowMs, out, options } = this.#context
    const { packed: unit, id } = lease
    const { timeouts, budget } = unit.unit
    const timeoutMs = Math.min(timeouts.run_ms, budget.max_time_ms)
    lease.startedAtMs = nowMs
    lease.runDeadlineMs = nowMs + timeoutMs + LOAD_MS_MAX
    this.#leases.move(lease, 'running')
    if (lease.builtIn) {
      out.runBuiltIn({ lease: id, unit })
      return
    }
    out.push({ type: 'execute', lease: id, unit, timeoutMs })
    out.push({ type: 'event', event: startedEvent(lease, options.node, nowMs) })
  }

  #deliver(lease: HeldLease): void {
    this.#leases.move(lease, 'delivered')
    if (!this.#gate.hold(lease, this.#context.nowMs)) this.#tell(lease)
  }

  /** Sends what the lease has to say, if its gateway is there: a commitment, a result, or nothing yet. */
  #tell(lease: HeldLease): void {
    const { attestation, gateway, phase } = lease
    this.#gate.drop(lease)
    if (attestation === null || !this.#connections.isOnline(gateway)) return
    if (phase === 'delivered') {
      this.#context.out.result(gateway, attestation)
      return
    }
    assert(phase === 'committed', 'what has an attestation is committed or delivered')
    const { commit } = attestation
    assert(commit !== undefined, 'a result that is held back has its commitment')
    this.#context.out.commit(gateway, { lease_id: lease.id, commitment: commit })
  }

  #say(lease: HeldLease, failure: Failure): void {
    if (!this.#connections.isOnline(lease.gateway)) return
    this.#context.out.failure(lease.gateway, { lease_id: lease.id, ...failure })
  }

  /**
   * Its time is up here before anything was said of it. Where this clock was set forth, or goes faster,
   * the gateway would wait for what does not come: it is told.
   */
  #giveUp(lease: HeldLease): void {
    if (this.#connections.isOnline(lease.gateway)) {
      this.#context.out.release(lease.gateway, lease.id, 'expired')
    }
    this.#endAs(lease, 'expired')
  }

  #endAs(lease: HeldLease, end: 'failed' | 'released' | 'revoked' | 'expired'): void {
    this.#totals.count(end)
    this.#end(lease)
  }

  /** The lease is over here, whatever it was doing. */
  #end(lease: HeldLease): void {
    this.#gate.drop(lease)
    const stopping = lease.phase === 'running' && !lease.builtIn
    if (stopping) this.#context.out.push({ type: 'kill', lease: lease.id })
    this.#leases.end(lease, { stopping })
    this.#connections.held(lease.gateway, -1)
    const { cid } = lease.packed.unit.model
    if (cid !== null) this.#models.letGo(cid)
    this.#context.out.forget(lease.id)
  }
}
