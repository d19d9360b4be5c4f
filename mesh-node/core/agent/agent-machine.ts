/**
 * The node agent: bids for announced work, claims what it can run, takes leases within its limits,
 * and answers each with exactly one result, failure or release. Decides, never
 * acts: time arrives in inputs, a driver performs the effects. It runs no ended lease, and no lease twice.
 */
import { assert, assertNever } from '#contracts'
import { AgentConnections } from './agent-connections.ts'
import type { AgentContext, AgentMode } from './agent-context.ts'
import type { AgentEffect, AgentInput, AgentOptions } from './agent-contract.ts'
import { type AgentStatus, statusOf } from './agent-status.ts'
import { AgentTotals } from './agent-totals.ts'
import { LeaseDesk } from './lease-desk.ts'
import { LeaseTable } from './lease-table.ts'
import { ModelShelf } from './model-shelf.ts'
import { Outbox } from './outbox.ts'

export class AgentMachine {
  readonly #context: AgentContext
  readonly #leases = new LeaseTable()
  readonly #totals = new AgentTotals()
  readonly #models: ModelShelf
  readonly #connections: AgentConnections
  readonly #desk: LeaseDesk
  #graceEndsAtMs = Number.POSITIVE_INFINITY
  #wakeAtMs = Number.POSITIVE_INFINITY
  readonly #slots: number

  constructor(options: AgentOptions) {
    this.#slots = options.descriptor.slots
    this.#context = { options, mode: 'serving', nowMs: 0, out: new Outbox() }
    this.#models = new ModelShelf(this.#context)
    const held = { leases: this.#leases, models: this.#models }
    this.#connections = new AgentConnections(this.#context, held)
    this.#desk = new LeaseDesk(this.#context, {
      ...held,
      connections: this.#connections,
      totals: this.#totals
    })
  }

  /** The effects of one input, in the order in which they are to be carried out. */
  step(input: AgentInput): readonly AgentEffect[] {
    if (this.#context.mode === 'drained') return []
    this.#context.nowMs = input.nowMs
    this.#dispatch(input)
    this.#desk.startReady()
    this.#desk.tellResults()
    this.#connections.refreshClaims()
    assert(this.#leases.slotsUsed <= this.#slots, 'no more runs than the node has slots')
    const { mode } = this.#context
    if (mode === 'finishing' && this.#leases.active === 0) this.#context.mode = 'paused'
    if (mode === 'draining' && this.#hasDrained()) return this.#endDrain()
    this.#setTimer()
    return this.#context.out.seal()
  }

  status(nowMs: number): AgentStatus {
    const parts = {
      leases: this.#leases,
      models: this.#models,
      connections: this.#connections,
      totals: this.#totals
    }
    return statusOf(this.#context, parts, nowMs)
  }

  #dispatch(input: AgentInput): void {
    switch (input.type) {
      case 'announcement':
        if (this.#context.mode === 'serving') this.#connections.announced(input.body)
        this.#bid()
        return
      case 'reachable':
        this.#connections.reachable(input.gateway)
        return
      case 'linked':
        this.#connections.linked(input.gateway)
        return
      case 'unlinked':
        this.#connections.unlinked(input.gateway)
        return
      case 'welcome': {
        const named = this.#connections.welcomed(input.gateway, input.body)
        if (named !== undefined) this.#desk.reconcile(input.gateway, named, input.body.standing)
        return
      }
      case 'grant':
        this.#desk.grant(input)
        return
      case 'reveal':
        this.#desk.reveal(input)
        return
      case 'revoke':
        this.#desk.revoke(input)
        return
      case 'ack':
        this.#desk.acknowledge(input)
        return
      case 'measured':
        this.#connections.measured(input.freeMemoryMb)
        return
      case 'drain':
        this.#drain()
        return
      case 'pause':
        this.#pause()
        return
      case 'finish':
        this.#finish()
        return
      case 'backends-changed':
        this.#models.checkAgain()
        return
      case 'resume':
        if (isResting(this.#context.mode)) this.#context.mode = 'serving'
        return
      case 'tick':
        this.#tick()
        return
      case 'blobs-ready':
      case 'blobs-failed':
      case 'manifest-read':
      case 'model-ready':
      case 'model-refused':
      case 'finished':
      case 'failed':
        this.#dispatchWork(input)
        return
      default:
        assertNever(input)
    }
  }

  /** What the driver reports of work in hand. */
  #dispatchWork(input: WorkInput): void {
    switch (input.type) {
      case 'blobs-ready':
        this.#desk.blobsReady(input.lease)
        return
      case 'blobs-failed': {
        const { code, detail } = input
        this.#desk.fail(input.lease, { class: 'execution', code, detail })
        return
      }
      case 'manifest-read':
        this.#models.manifestRead(input)
        this.#desk.modelSettled(input.model)
        return
      case 'model-ready':
        this.#models.passed(input.model)
        this.#desk.modelSettled(input.model)
        return
      case 'model-refused':
        this.#models.refused(input)
        this.#desk.modelSettled(input.model)
        return
      case 'finished':
        for (const result of input.results) this.#desk.finish(result)
        return
      case 'failed': {
        const { code, detail } = input
        this.#desk.fail(input.lease, { class: input.class, code, detail })
        return
      }
      default:
        assertNever(input)
    }
  }

  /** Bids that are due; a model that they name and nobody knows here is checked first. */
  #bid(): void {
    if (this.#context.mode !== 'serving') return
    for (const { wants, gateway } of this.#connections.dueBids()) {
      for (const { model } of wants) if (model !== null) this.#models.need(model, gateway)
    }
  }

  #tick(): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY
    this.#desk.expire()
    this.#bid()
    this.#connections.tick()
  }

  /** The machine is wanted back at once: everything unfinished is handed back, running units too. */
  #pause(): void {
    if (this.#context.mode !== 'serving' && this.#context.mode !== 'finishing') return
    this.#context.mode = 'paused'
    this.#connections.stopBidding()
    for (const lease of this.#leases.all()) {
      if (lease.attestation === null) this.#desk.handBack(lease, 'paused')
    }
  }

  /** What runs goes on to its own end; nothing else is begun. */
  #finish(): void {
    if (this.#context.mode !== 'serving') return
    this.#context.mode = 'finishing'
    this.#handBackUnbegun('paused')
  }

  /** No new work; what runs may finish within the grace period, the rest is handed back. */
  #drain(): void {
    if (this.#context.mode === 'draining') return
    this.#context.mode = 'draining'
    this.#graceEndsAtMs = this.#context.nowMs + this.#context.options.drainGraceMs
    this.#handBackUnbegun('draining')
  }

  #handBackUnbegun(reason: 'paused' | 'draining'): void {
    this.#connections.stopBidding()
    for (const lease of this.#leases.all()) {
      if (lease.phase === 'waiting' || lease.phase === 'ready') {
        this.#desk.handBack(lease, reason)
      }
    }
  }

  /** Nothing runs and every result is acknowledged or cannot be told, or the grace is used up. */
  #hasDrained(): boolean {
    if (this.#context.nowMs >= this.#graceEndsAtMs) return true
    if (this.#leases.active > 0 || this.#leases.slotsUsed > 0) return false
    for (const lease of this.#leases.all()) {
      if (this.#connections.isOnline(lease.gateway)) return false
    }
    return true
  }

  #endDrain(): readonly AgentEffect[] {
    for (const lease of this.#leases.all()) {
      if (lease.phase !== 'delivered') this.#desk.handBack(lease, 'draining')
    }
    this.#context.mode = 'drained'
    return [...this.#context.out.seal(), { type: 'drained' }]
  }

  #setTimer(): void {
    const { nextDeadlineMs } = this.#leases
    const next = Math.min(
      this.#connections.nextAtMs(),
      nextDeadlineMs,
      this.#desk.resultsDueAtMs,
      this.#graceEndsAtMs
    )
    if (next >= this.#wakeAtMs) return
    this.#wakeAtMs = next
    this.#context.out.push({ type: 'timer', atMs: next })
  }
}

const isResting = (mode: AgentMode): boolean => mode === 'paused' || mode === 'finishing'

type WorkInput = Extract<
  AgentInput,
  {
    readonly type:
      | 'blobs-ready'
      | 'blobs-failed'
      | 'manifest-read'
      | 'model-ready'
      | 'model-refused'
      | 'finished'
      | 'failed'
  }
>
