/** A binary heap of objects, as they are mostly written: what a simulator's queue is measured beside. */

export interface Plain {
  readonly atUs: number
  readonly order: number
}

const isBefore = (a: Plain, b: Plain): boolean =>
  a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order)

export class ObjectHeap<Event extends Plain> {
  readonly #heap: Event[] = []

  push(event: Event): void {
    let place = this.#heap.push(event) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = this.#heap[parent]
      if (above === undefined || !isBefore(event, above)) break
      this.#heap[place] = above
      place = parent
    }
    this.#heap[place] = event
  }

  pop(): Event | undefined {
    const [first] = this.#heap
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return first
    let place = 0
    for (;;) {
      const left = this.#heap[2 * place + 1]
      const right = this.#heap[2 * place + 2]
      const isRight = left !== undefined && right !== undefined && isBefore(right, left)
      const below = isRight ? right : left
      if (below === undefined || !isBefore(below, last)) break
      this.#heap[place] = below
      place = 2 * place + (isRight ? 2 : 1)
    }
    this.#heap[place] = last
    return first
  }
}
