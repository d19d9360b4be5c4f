/**
 * What is to happen, in order of (time, sequence): a 4-ary heap over typed arrays, events as a struct
 * of arrays. Two events of one moment come in the order in which they were entered, so that a run is
 * the same on every machine. Runs nothing and knows no clock.
 */
import { assert } from '#contracts'

const ARITY = 4
const CAPACITY_FIRST = 1_024

export class EventQueue<Payload> {
  /** By slot. Microseconds are integers up to 2^53. */
  #atUs = new Float64Array(CAPACITY_FIRST)
  #order = new Float64Array(CAPACITY_FIRST)
  #node = new Int32Array(CAPACITY_FIRST)
  #kind = new Uint8Array(CAPACITY_FIRST)
  readonly #payload: (Payload | undefined)[] = []
  /** The heap, of slots; what lies beyond its size are the free ones. */
  #heap = Int32Array.from({ length: CAPACITY_FIRST }, (_, slot) => slot)
  #size = 0
  #entered = 0

  /** The event that `pop` took out. */
  atUs = 0
  node = 0
  kind = 0
  payload: Payload | undefined

  get size(): number {
    return this.#size
  }

  /** When the next event is due; infinity where there is none. */
  get nextUs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#atUs[this.#slot(0)] ?? 0)
  }

  /** A time before that of the last event is an assert: nothing happens in the past. */
  push(atUs: number, node: number, kind: number, payload: Payload): void {
    assert(Number.isSafeInteger(atUs) && atUs >= this.atUs, 'an event is due now or later')
    if (this.#size === this.#heap.length) this.#grow()
    const slot = this.#slot(this.#size)
    this.#atUs[slot] = atUs
    this.#order[slot] = this.#entered++
    this.#node[slot] = node
    this.#kind[slot] = kind
    this.#payload[slot] = payload
    this.#rise(this.#size++, slot)
  }

  /** Takes the next event out, into the fields; false where there is none. */
  pop(): boolean {
    if (this.#size === 0) return false
    const slot = this.#slot(0)
    this.atUs = this.#atUs[slot] ?? 0
    this.node = this.#node[slot] ?? 0
    this.kind = this.#kind[slot] ?? 0
    this.payload = this.#payload[slot]
    this.#payload[slot] = undefined
    this.#size -= 1
    const last = this.#slot(this.#size)
    this.#heap[this.#size] = slot
    if (this.#size > 0) this.#sink(last)
    return true
  }

  #slot(place: number): number {
    return this.#heap[place] ?? 0
  }

  #isBefore(a: number, b: number): boolean {
    const [at, other] = [this.#atUs[a] ?? 0, this.#atUs[b] ?? 0]
    return at < other || (at === other && (this.#order[a] ?? 0) < (this.#order[b] ?? 0))
  }

  #rise(from: number, slot: number): void {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 2
      const above = this.#slot(parent)
      if (!this.#isBefore(slot, above)) break
      this.#heap[place] = above
      place = parent
    }
    this.#heap[place] = slot
  }

  /** From the top, where the first was taken. */
  #sink(slot: number): void {
    let place = 0
    for (;;) {
      const first = place * ARITY + 1
      if (first >= this.#size) break
      const end = Math.min(first + ARITY, this.#size)
      let best = first
      for (let child = first + 1; child < end; child++) {
        if (this.#isBefore(this.#slot(child), this.#slot(best))) best = child
      }
      const below = this.#slot(best)
      if (!this.#isBefore(below, slot)) break
      this.#heap[place] = below
      place = best
    }
    this.#heap[place] = slot
  }

  #grow(): void {
    const capacity = this.#heap.length * 2
    const wider = <T extends Float64Array | Int32Array | Uint8Array>(old: T, fresh: T): T => {
      fresh.set(old)
      return fresh
    }
    this.#atUs = wider(this.#atUs, new Float64Array(capacity))
    this.#order = wider(this.#order, new Float64Array(capacity))
    this.#node = wider(this.#node, new Int32Array(capacity))
    this.#kind = wider(this.#kind, new Uint8Array(capacity))
    const heap = Int32Array.from({ length: capacity }, (_, slot) => slot)
    heap.set(this.#heap)
    this.#heap = heap
  }
}
