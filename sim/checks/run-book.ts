/**
 * What really runs on the nodes, whatever anybody says of it: no lease twice, none long after its end,
 * no more at once than a node has slots, and no dialling without a pause.
 */
import type { LeaseId, PeerId } from '#contracts'
import type { BookPorts } from './book.ts'
import type { BookedLease, LeaseBook } from './lease-book.ts'

interface NodeRuns {
  readonly running: Set<LeaseId>
  /** Dials in a row that led nowhere. */
  misses: number
  missedMs: number
  /** When it heard of work, which is a reason to dial once its turn to bid has come. */
  heardMs: number
}

/** A grant is under way so long at most; a node counts from its receipt. */
const ON_THE_WAY_MS_MAX = 20_000
/** After so many misses the pause is seconds long. */
const MISSES_MANY = 5
const PAUSE_MS_MIN = 4_000
/** A turn to bid comes within this of the announcement, also after the node has dialled for another. */
const BID_MS_MAX = 10_000
/** A run that is killed is gone within some milliseconds. */
const STOP_MS_MAX = 1_000
/** After a clock was set, what was timed by it may be early or late: the longest pause, and some more. */
const LENIENT_MS = 40_000

export class RunBook {
  readonly #ports: BookPorts
  readonly #leases: LeaseBook
  readonly #executed = new Set<LeaseId>()
  readonly #revokedMs = new Map<LeaseId, number>()
  readonly #nodes = new Map<PeerId, NodeRuns>()

  constructor(ports: BookPorts, leases: LeaseBook) {
    this.#ports = ports
    this.#leases = leases
  }

  started(node: PeerId, lease: LeaseId, slots: number): void {
    const { broken } = this.#ports
    if (this.#executed.has(lease)) broken('one_execution', lease)
    this.#executed.add(lease)
    const { running } = this.#node(node)
    running.add(lease)
    if (running.size > slots) broken('within_slots', `${node} runs ${running.size}`)
    const booked = this.#leases.find(lease)
    if (booked === undefined) broken('write_ahead', `${lease} runs unrecorded`)
    else this.#inTime(booked)
  }

  /** It has ended or was killed. */
  ended(node: PeerId, lease: LeaseId, how: 'finished' | 'killed'): void {
    this.#node(node).running.delete(lease)
    this.#stops(lease)
    const booked = this.#leases.find(lease)
    if (booked === undefined) return
    this.#inTime(booked)
    if (how === 'finished') booked.finishedMs ??= this.#ports.nowMs()
  }

  /** The node hears that these leases are over. */
  revoked(node: PeerId, leases: readonly LeaseId[]): void {
    const { running } = this.#node(node)
    for (const lease of leases) {
      if (running.has(lease)) this.#revokedMs.set(lease, this.#ports.nowMs())
    }
  }

  /** At the end: nothing runs that was to stop. */
  finished(): void {
    for (const { running } of this.#nodes.values()) for (const lease of running) this.#stops(lease)
  }

  #stops(lease: LeaseId): void {
    const revokedMs = this.#revokedMs.get(lease)
    if (revokedMs === undefined) return
    const lateMs = this.#ports.nowMs() - revokedMs
    if (lateMs > STOP_MS_MAX) this.#ports.broken('stops_when_told', `${lease}: after ${lateMs} ms`)
  }

  /** The process is gone, and its runs with it. */
  stopped(node: PeerId): void {
    const runs = this.#node(node)
    for (const lease of runs.running) this.#revokedMs.delete(lease)
    runs.running.clear()
    runs.misses = 0
  }

  heard(node: PeerId): void {
    this.#node(node).heardMs = this.#ports.nowMs()
  }

  dials(node: PeerId): void {
    const runs = this.#node(node)
    const pauseMs = this.#ports.nowMs() - runs.missedMs
    const isEarly = pauseMs < PAUSE_MS_MIN && !this.#isLenient()
    const mayBid = this.#ports.nowMs() - runs.heardMs <= BID_MS_MAX
    if (runs.misses >= MISSES_MANY && !mayBid && isEarly) {
      this.#ports.broken('dial_pause', `${node} dials after ${pauseMs} ms`)
    }
  }

  dialled(node: PeerId, isLinked: boolean): void {
    const runs = this.#node(node)
    runs.misses = isLinked ? 0 : runs.misses + 1
    runs.missedMs = this.#ports.nowMs()
  }

  #inTime({ id, runsUntilMs }: BookedLease): void {
    if (this.#ports.nowMs() > runsUntilMs + ON_THE_WAY_MS_MAX) this.#ports.broken('run_in_time', id)
  }

  #isLenient(): boolean {
    return this.#ports.sinceClockSetMs() < LENIENT_MS
  }

  #node(id: PeerId): NodeRuns {
    const known = this.#nodes.get(id)
    if (known !== undefined) return known
    const running = new Set<LeaseId>()
    const heardMs = Number.NEGATIVE_INFINITY
    const runs = { running, misses: 0, missedMs: 0, heardMs }
    this.#nodes.set(id, runs)
    return runs
  }
}
