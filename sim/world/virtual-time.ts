/**
 * Virtual time: things are entered for a moment and happen in order; each leaves its place in the
 * trace as it happens. Nothing waits and nothing is late.
 */
import { EventQueue } from '../kernel/event-queue.ts'
import { RollingTrace } from '../kernel/rolling-trace.ts'

/** Kinds of events, as they stand in the trace. */
export const KIND = {
  frameToGateway: 1,
  frameToNode: 2,
  gossip: 3,
  timer: 4,
  work: 5,
  link: 6,
  judged: 7,
  submitted: 8,
  fault: 9,
  disk: 10,
  sync: 11
} as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/** Where every run begins, as clocks show it. */
export const EPOCH_MS = 1_700_000_000_000

/** What happens hundreds of thousands of times: one object holds what a closure and its guard would. */
export interface Happening {
  happen(): void
}

/** What happens millions of times is entered as a number, and one who knows it looks it up. */
export interface Lane {
  readonly kind: Kind
  /** Of what it is about, for the trace. */
  readonly digestOf: (what: number) => number
  readonly take: (what: number) => void
}

export class VirtualTime {
  readonly trace = new RollingTrace()
  readonly #queue = new EventQueue<Happening | (() => void) | number>()
  #lane: Lane | null = null

  get nowUs(): number {
    return this.#queue.atUs
  }

  get nowMs(): number {
    return Math.floor(this.#queue.atUs / 1_000)
  }

  /** What a clock shows that is right. */
  get wallMs(): number {
    return EPOCH_MS + this.nowMs
  }

  /** Microseconds until a right clock shows this. */
  untilUs(wallMs: number): number {
    return (wallMs - EPOCH_MS) * 1_000 - this.nowUs
  }

  /** `digest`: of what it is about, for the trace. */
  after(us: number, node: number, kind: Kind, digest: number, act: Happening | (() => void)): void {
    const atUs = this.#queue.atUs + Math.max(0, Math.round(us))
    this.#queue.push(atUs, node, kind, act, digest)
  }

  /** Takes all that is entered by number; a run has one such lane. */
  carry(lane: Lane): void {
    this.#lane = lane
  }

  enter(atUs: number, node: number, what: number): void {
    this.#queue.push(atUs, node, this.#lane?.kind ?? 0, what)
  }

  /** Lets one thing happen; false where nothing is left, or nothing before `untilUs`. */
  step(untilUs: number): boolean {
    const queue = this.#queue
    if (queue.nextUs > untilUs || !queue.pop()) return false
    const { payload } = queue
    if (payload === undefined) return true
    if (typeof payload === 'number') {
      this.trace.add(queue.atUs, queue.node, queue.kind, this.#lane?.digestOf(payload) ?? 0)
      this.#lane?.take(payload)
      return true
    }
    this.trace.add(queue.atUs, queue.node, queue.kind, queue.digest)
    if (typeof payload === 'function') payload()
    else payload.happen()
    return true
  }
}
