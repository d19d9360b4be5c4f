/**
 * Virtual time: a queue of what is to happen, by microsecond and, within one, in the order in which it
 * was asked for. Between two happenings one real turn of the event loop passes, so that every promise
 * and `nextTick` that the first began has come to its end. Knows no network and replaces no global.
 *
 * A process has one queue for timers, immediates and the network: who comes first never depends on
 * how fast the machine is.
 */
import { assert } from '#contracts'

const nativeImmediate = setImmediate

/** November 2023: any time will do, as long as it is the same in every run. */
const EPOCH_MS = 1_700_000_000_000
const US_PER_MS = 1_000

interface Happening {
  readonly atUs: number
  readonly order: number
  /** Null: called off. */
  fire: (() => void) | null
}

/** Something planned that may be called off. */
export interface Planned {
  cancel(): void
}

export class VirtualClock {
  readonly #heap: Happening[] = []
  #immediates: { fire: (() => void) | null }[] = []
  #order = 0
  #nowUs = 0
  #happened = 0
  #isStopped = false

  get nowUs(): number {
    return this.#nowUs
  }

  /** What a program reads as the time of day. */
  get nowMs(): number {
    return EPOCH_MS + Math.floor(this.#nowUs / US_PER_MS)
  }

  /** How many timers, immediates and arrivals there were. */
  get happened(): number {
    return this.#happened
  }

  /** Calls back at that microsecond, or behind whatever is planned at this one where it has passed. */
  at(atUs: number, fire: () => void): Planned {
    assert(Number.isSafeInteger(atUs), 'virtual time is whole microseconds')
    const happening: Happening = { atUs: Math.max(atUs, this.#nowUs), order: this.#order++, fire }
    this.#push(happening)
    return {
      cancel() {
        happening.fire = null
      }
    }
  }

  after(delayUs: number, fire: () => void): Planned {
    return this.at(this.#nowUs + delayUs, fire)
  }

  /** As `setImmediate`: before time goes on. */
  soon(fire: () => void): Planned {
    const happening: { fire: (() => void) | null } = { fire }
    this.#immediates.push(happening)
    return {
      cancel() {
        happening.fire = null
      }
    }
  }

  /** Somebody wants the report so far: time stands still from now on. */
  stop(): void {
    this.#isStopped = true
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /**
   * Lets time pass until the condition holds; rejects where it does not by then, or where nothing is
   * left that could make it hold. Ends early where the clock is stopped.
   */
  runUntil(holds: () => boolean, limitUs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        if (this.#isStopped || holds()) {
          resolve()
          return
        }
        const fire = this.#next(limitUs)
        if (fire === null) {
          reject(new Error(`not within ${limitUs - this.#nowUs} us more: ${what}`))
          return
        }
        // first the next turn, so that a fault of this one leaves the queue whole
        nativeImmediate(turn)
        fire()
      }
      nativeImmediate(turn)
    })
  }

  /** What a promise comes to, with time passing meanwhile; rejects where that is not by then. */
  async settled<Value>(promise: Promise<Value>, limitUs: number, what: string): Promise<Value> {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    promise.then(settle, settle)
    await this.runUntil(() => isSettled, limitUs, what)
    if (!isSettled) throw new Error(`stopped before it was there: ${what}`)
    return promise
  }

  /** Lets this much time pass. */
  async pass(delayUs: number): Promise<void> {
    let over = false
    const endUs = this.#nowUs + delayUs
    this.at(endUs, () => {
      over = true
    })
    await this.runUntil(() => over, endUs, 'time passes')
  }

  #next(limitUs: number): (() => void) | null {
    for (;;) {
      const soon = this.#immediates.shift()
      if (soon === undefined) break
      if (soon.fire === null) continue
      this.#happened += 1
      return soon.fire
    }
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.atUs > limitUs) return null
      this.#pop()
      if (first.fire === null) continue
      this.#nowUs = first.atUs
      this.#happened += 1
      return first.fire
    }
  }

  #push(added: Happening): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(added)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(added, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = added
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = heap[below]
      if (child === undefined) break
      const other = heap[below + 1]
      if (other !== undefined && isBefore(other, child)) {
        below += 1
        child = other
      }
      if (!isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

const isBefore = (one: Happening, other: Happening): boolean =>
  one.atUs < other.atUs || (one.atUs === other.atUs && one.order < other.order)
