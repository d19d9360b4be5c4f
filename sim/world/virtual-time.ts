/**
 * Virtual time: things are entered for a moment and happen in order; each leaves its place in the
 * trace as it happens. Nothing waits and nothing is late.
 */
import { assert } from '#contracts'
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

/** A number is taken by the lane of its kind. */
type Act = Happening | (() => void) | number

/** What happens millions of times is entered as a number, and one who knows it looks it up. */
export interface Lane {
  readonly kind: Kind
  /** Of what it is about, for the trace; null: as it was entered. */
  readonly digestOf: ((what: number) => number) | null
  readonly take: (what: number, node: number) => void
}

export class VirtualTime {
  readonly trace = new RollingTrace()
  readonly #queue = new EventQueue<Act>()
  /** By kind. */
  readonly #lanes: Lane[] = []

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
  after(us: number, node: number, kind: Kind, digest: number, act: Act): void {
    const atUs = this.#queue.atUs + Math.max(0, Math.round(us))
    this.#queue.push(atUs, node, kind, act, digest)
  }

  /** Takes all of its kind that is entered by number. */
  carry(lane: Lane): void {
    this.#lanes[lane.kind] = lane
  }

  enter(atUs: number, node: number, kind: Kind, what: number): void {
    this.#queue.push(atUs, node, kind, what)
  }

  /** Lets one thing happen; false where nothing is left, or nothing before `untilUs`. */
  step(untilUs: number): boolean {
    const queue = this.#queue
    if (queue.nextUs > untilUs || !queue.pop()) return false
    const { payload } = queue
    if (payload === undefined) return true
    if (typeof payload === 'number') {
      const { atUs, node, kind } = queue
      const lane = this.#lanes[kind]
      assert(lane !== undefined, 'what is entered by number has its lane')
      this.trace.add(atUs, node, kind, lane.digestOf?.(payload) ?? queue.digest)
      lane.take(payload, node)
      return true
    }
    this.trace.add(queue.atUs, queue.node, queue.kind, queue.digest)
    if (typeof payload === 'function') payload()
    else payload.happen()
    return true
  }
}
