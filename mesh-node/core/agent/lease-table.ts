/**
 * The leases that a node holds, from the grant to the acknowledgement, and the ones that have ended,
 * so that none runs twice. Keeps order, counts and deadlines; decides nothing about them.
 */
import {
  AGENT_ENDED_LEASES_MAX,
  type Attestation,
  assert,
  assertNever,
  type LeaseId,
  type PackedUnit,
  type PeerId,
  PRIORITIES
} from '#contracts'

/**
 * `waiting`: for blobs or its model; `ready`: for a slot; `committed`: a commitment is sent, the
 * result is not; `delivered`: the result is sent, and kept until the gateway acknowledges it.
 */
export type LeasePhase = 'waiting' | 'ready' | 'running' | 'committed' | 'delivered'

export interface HeldLease {
  readonly id: LeaseId
  readonly gateway: PeerId
  readonly attempt: number
  readonly packed: PackedUnit
  readonly commit: boolean
  readonly expiresAtMs: number
  /** A built-in handler: it takes no slot. */
  readonly builtIn: boolean
  phase: LeasePhase
  needsBlobs: boolean
  needsModel: boolean
  revealed: boolean
  startedAtMs: number
  runDeadlineMs: number
  attestation: Attestation | null
}

/** A result that is never acknowledged is dropped this long after its lease has ended. */
const KEPT_AFTER_EXPIRY_MS = 600_000

export class LeaseTable {
  readonly #leases = new Map<LeaseId, HeldLease>()
  readonly #ready: readonly Set<HeldLease>[] = PRIORITIES.map(() => new Set())
  readonly #ended = new Set<LeaseId>()
  /** Killed, but the executor has not said yet that it is free. */
  readonly #stopping = new Set<LeaseId>()
  readonly #counts: Record<LeasePhase, number> = {
    waiting: 0,
    ready: 0,
    running: 0,
    committed: 0,
    delivered: 0
  }
  #builtInRunning = 0
  #nextDeadlineMs = Number.POSITIVE_INFINITY

  get(id: LeaseId): HeldLease | undefined {
    return this.#leases.get(id)
  }

  all(): IterableIterator<HeldLease> {
    return this.#leases.values()
  }

  hasEnded(id: LeaseId): boolean {
    return this.#ended.has(id)
  }

  count(phase: LeasePhase): number {
    return this.#counts[phase]
  }

  counts(): Readonly<Record<LeasePhase, number>> {
    return { ...this.#counts }
  }

  /** Leases with work left to do. */
  get active(): number {
    return this.#counts.waiting + this.#counts.ready + this.#counts.running
  }

  /** Results that the gateway has not acknowledged. */
  get kept(): number {
    return this.#counts.committed + this.#counts.delivered
  }

  get size(): number {
    return this.#leases.size
  }

  /** Executor slots in use, those of killed runs included. */
  get slotsUsed(): number {
    return this.#counts.running - this.#builtInRunning + this.#stopping.size
  }

  add(lease: HeldLease): void {
    assert(!this.#leases.has(lease.id), 'a lease is added once')
    assert(!this.#ended.has(lease.id), 'an ended lease does not come back')
    this.#leases.set(lease.id, lease)
    this.#counts[lease.phase] += 1
    if (lease.phase === 'ready') this.#queueOf(lease).add(lease)
    this.#note(lease)
  }

  move(lease: HeldLease, phase: LeasePhase): void {
    if (lease.phase === 'ready') this.#queueOf(lease).delete(lease)
    this.#counts[lease.phase] -= 1
    if (lease.builtIn && lease.phase === 'running') this.#builtInRunning -= 1
    lease.phase = phase
    this.#counts[phase] += 1
    if (lease.builtIn && phase === 'running') this.#builtInRunning += 1
    if (phase === 'ready') this.#queueOf(lease).add(lease)
    this.#note(lease)
  }

  /** Ends a lease for good. `stopping`: its run is being killed and keeps its slot until it is gone. */
  end(lease: HeldLease, options: { readonly stopping: boolean }): void {
    if (lease.phase === 'ready') this.#queueOf(lease).delete(lease)
    this.#counts[lease.phase] -= 1
    if (lease.builtIn && lease.phase === 'running') this.#builtInRunning -= 1
    assert(this.#leases.delete(lease.id), 'only a held lease ends')
    if (options.stopping) this.#stopping.add(lease.id)
    this.#remember(lease.id)
  }

  /** A lease that was never taken: it was handed back at once, and is over for good too. */
  refused(id: LeaseId): void {
    assert(!this.#leases.has(id), 'only what is not held is refused')
    this.#remember(id)
  }

  /** The killed run is gone; true if there was one. */
  stopped(id: LeaseId): boolean {
    return this.#stopping.delete(id)
  }

  /** The next lease that may run: by priority, then in the order in which they became ready. */
  nextReady(): HeldLease | undefined {
    if (this.#counts.ready === 0) return undefined
    for (const queue of this.#ready) {
      const next = queue.values().next()
      if (!next.done) return next.value
    }
    return undefined
  }

  /** Not later than the next deadline of any lease; exact after `due`. */
  get nextDeadlineMs(): number {
    return this.#nextDeadlineMs
  }

  /** Leases whose deadline has come. Called once per wake-up, not per unit. */
  due(nowMs: number): HeldLease[] {
    if (nowMs < this.#nextDeadlineMs) return []
    const due: HeldLease[] = []
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY
    for (const lease of this.#leases.values()) {
      if (deadlineOf(lease) <= nowMs) due.push(lease)
      else this.#note(lease)
    }
    return due
  }

  #note(lease: HeldLease): void {
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineOf(lease))
  }

  #queueOf(lease: HeldLease): Set<HeldLease> {
    const queue = this.#ready[PRIORITIES.indexOf(lease.packed.unit.priority)]
    assert(queue !== undefined, 'every priority has its queue')
    return queue
  }

  #remember(id: LeaseId): void {
    if (this.#ended.has(id)) return
    if (this.#ended.size >= AGENT_ENDED_LEASES_MAX) this.#forgetOldest()
    this.#ended.add(id)
  }

  #forgetOldest(): void {
    const oldest = this.#ended.values().next()
    if (!oldest.done) this.#ended.delete(oldest.value)
  }
}

/** When the lease needs a look: its run's or its own end, or the last moment of a kept result. */
function deadlineOf(lease: HeldLease): number {
  switch (lease.phase) {
    case 'running':
      return Math.min(lease.runDeadlineMs, lease.expiresAtMs)
    case 'waiting':
    case 'ready':
      return lease.expiresAtMs
    case 'committed':
    case 'delivered':
      return lease.expiresAtMs + KEPT_AFTER_EXPIRY_MS
    default:
      return assertNever(lease.phase)
  }
}
