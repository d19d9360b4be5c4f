/**
 * What is to happen, in order of (time, sequence): a 4-ary heap over typed arrays, events as a struct
 * of arrays. Two events of one moment come in the order in which they were entered, so that a run is
 * the same on every machine. Runs nothing and knows no clock.
 */
import { assert } from '#contracts'

const ARITY = 4
const CAPACITY_FIRST = 1_024

export class EventQueue<Payload> {
  /** By place in the heap: comparing two reads no slot. Microseconds are integers up to 2^53. */
  #atUs = new Float64Array(CAPACITY_FIRST)
  /** By slot, as all that follows. */
  #order = new Float64Array(CAPACITY_FIRST)
  #node = new Int32Array(CAPACITY_FIRST)
  #kind = new Uint8Array(CAPACITY_FIRST)
  #digest = new Int32Array(CAPACITY_FIRST)
  readonly #payload: (Payload | undefined)[] = []
  /** The heap, of slots; what lies beyond its size are the free ones. */
  #heap = Int32Array.from({ length: CAPACITY_FIRST }, (_, slot) => slot)
  #size = 0
  #entered = 0

  /** The event that `pop` took out. */
  atUs = 0
  node = 0
  kind = 0
  digest = 0
  payload: Payload | undefined

  get size(): number {
    return this.#size
  }

  /** When the next event is due; infinity where there is none. */
  get nextUs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#atUs[0] ?? 0)
  }

  /** A time before that of the last event is an assert: nothing happens in the past. */
  push(atUs: number, node: number, kind: number, payload: Payload, digest = 0): void {
    assert(Number.isSafeInteger(atUs) && atUs >= this.atUs, 'an event is due now or later')
    if (this.#size === this.#heap.length) this.#grow()
    const slot = this.#slot(this.#size)
    this.#order[slot] = this.#entered++
    this.#node[slot] = node
    this.#kind[slot] = kind
    this.#digest[slot] = digest
    this.#payload[slot] = payload
    this.#rise(this.#size++, atUs, slot)
  }

  /** Takes the next event out, into the fields; false where there is none. */
  pop(): boolean {
    if (this.#size === 0) return false
    const slot = this.#slot(0)
    this.atUs = this.#atUs[0] ?? 0
    this.node = this.#node[slot] ?? 0
    this.kind = this.#kind[slot] ?? 0
    this.digest = this.#digest[slot] ?? 0
    this.payload = this.#payload[slot]
    this.#payload[slot] = undefined
    this.#size -= 1
    const last = this.#slot(this.#size)
    const lastUs = this.#atUs[this.#size] ?? 0
    this.#heap[this.#size] = slot
    if (this.#size > 0) this.#sink(lastUs, last)
    return true
  }

  #slot(place: number): number {
    return this.#heap[place] ?? 0
  }

  /** A new event is the last entered: among those of its moment it stays below. */
  #rise(from: number, atUs: number, slot: number): void {
    const times = this.#atUs
    const heap = this.#heap
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 2
      const aboveUs = times[parent] ?? 0
      if (aboveUs <= atUs) break
      times[place] = aboveUs
      heap[place] = heap[parent] ?? 0
      place = parent
    }
    times[place] = atUs
    heap[place] = slot
  }

  /** From the top, where the first was taken. */
  #sink(atUs: number, slot: number): void {
    const times = this.#atUs
    const heap = this.#heap
    const order = this.#order
    const size = this.#size
    const mine = order[slot] ?? 0
    let place = 0
    for (;;) {
      const first = place * ARITY + 1
      if (first >= size) break
      const end = Math.min(first + ARITY, size)
      let best = first
      let bestUs = times[first] ?? 0
      for (let child = first + 1; child < end; child++) {
        const childUs = times[child] ?? 0
        if (childUs > bestUs) continue
        if (childUs === bestUs && (order[heap[child] ?? 0] ?? 0) > (order[heap[best] ?? 0] ?? 0))
          continue
        best = child
        bestUs = childUs
      }
      const below = heap[best] ?? 0
      if (bestUs > atUs || (bestUs === atUs && (order[below] ?? 0) > mine)) break
      times[place] = bestUs
      heap[place] = below
      place = best
    }
    times[place] = atUs
    heap[place] = slot
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
    this.#digest = wider(this.#digest, new Int32Array(capacity))
    const heap = Int32Array.from({ length: capacity }, (_, slot) => slot)
    heap.set(this.#heap)
    this.#heap = heap
  }
}
