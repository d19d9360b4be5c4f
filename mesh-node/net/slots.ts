/**
 * A bounded number of places, and a bounded line before them: first come, first served.
 */
import { MeshError } from '#contracts'

interface Waiting {
  readonly enter: () => void
}

export class Slots {
  readonly #slots: number
  readonly #waitingMax: number
  readonly #line = new Set<Waiting>()
  #taken = 0

  constructor(slots: number, waitingMax: number) {
    this.#slots = slots
    this.#waitingMax = waitingMax
  }

  /** Gives the function that frees the place again. Throws `blob.refused` where the line is full. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#taken >= this.#slots) await this.#wait(signal)
    else this.#taken++
    let held = true
    return () => {
      if (held) this.#free()
      held = false
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#line.size >= this.#waitingMax) {
      throw new MeshError('blob.refused', { reason: 'queue full', waiting: this.#line.size })
    }
    const turn = Promise.withResolvers<void>()
    const leave = () => {
      this.#line.delete(waiting)
      turn.reject(signal.reason)
    }
    const waiting: Waiting = {
      enter: () => {
        signal.removeEventListener('abort', leave)
        turn.resolve()
      }
    }
    this.#line.add(waiting)
    signal.addEventListener('abort', leave)
    return turn.promise
  }

  /** The place goes to the first in line, or becomes free. */
  #free(): void {
    const [next] = this.#line
    if (next === undefined) {
      this.#taken--
      return
    }
    this.#line.delete(next)
    next.enter()
  }
}
