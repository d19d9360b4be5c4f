/**
 * Things that fall due, by time and then by order of arrival, so that equal inputs fire in equal
 * order. A thing that no longer matters when its time comes is passed over.
 */
import { assert } from '#contracts'
import { Heap } from './heap.ts'

interface Entry<T> {
  readonly atMs: number
  readonly sequence: number
  readonly item: T
}

export class TimerHeap<T> {
  readonly #heap = new Heap<Entry<T>>(
    (a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
  )
  readonly #isDead: (item: T) => boolean
  #sequence = 0

  constructor(isDead: (item: T) => boolean) {
    this.#isDead = isDead
  }

  get size(): number {
    return this.#heap.size
  }

  get nextAtMs(): number {
    return this.#heap.first?.atMs ?? Number.POSITIVE_INFINITY
  }

  add(atMs: number, item: T): void {
    assert(Number.isFinite(atMs), 'a timer has a time')
    this.#heap.push({ atMs, sequence: this.#sequence++, item })
  }

  /** The first thing due at `nowMs` that still matters, taken out; undefined where there is none. */
  due(nowMs: number): T | undefined {
    while (this.nextAtMs <= nowMs) {
      const entry = this.#heap.pop()
      if (entry !== undefined && !this.#isDead(entry.item)) return entry.item
    }
    return undefined
  }
}
