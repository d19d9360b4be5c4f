/**
 * A binary heap by a given order. Equal items leave in no particular order: callers that need one
 * put it into the order. Items are never moved in place; what went stale is swept out.
 */
import { assert } from '#contracts'

export class Heap<T> {
  #items: T[] = []
  readonly #before: (left: T, right: T) => boolean

  /** `before` is true when `left` must leave first. */
  constructor(before: (left: T, right: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let index = items.length
    items.push(item)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = this.#at(parent)
      if (!this.#before(item, above)) break
      items[index] = above
      index = parent
    }
    items[index] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (first === undefined || last === undefined || items.length === 0) return first
    items[0] = last
    this.#sink(0)
    return first
  }

  /** Keeps only what `isWanted`: one pass over all. */
  sweep(isWanted: (item: T) => boolean): void {
    this.#items = this.#items.filter(isWanted)
    for (let index = (this.#items.length >> 1) - 1; index >= 0; index--) this.#sink(index)
  }

  clear(): void {
    this.#items = []
  }

  #sink(start: number): void {
    const items = this.#items
    const item = this.#at(start)
    let index = start
    for (;;) {
      let child = 2 * index + 1
      if (child >= items.length) break
      const right = child + 1
      if (right < items.length && this.#before(this.#at(right), this.#at(child))) child = right
      const best = this.#at(child)
      if (!this.#before(best, item)) break
      items[index] = best
      index = child
    }
    items[index] = item
  }

  #at(index: number): T {
    const item = this.#items[index]
    assert(item !== undefined, 'a heap is read within its bounds')
    return item
  }
}
