/**
 * A timer of a machine, as it stands in the queue: heartbeats make it most of all that is entered, and a
 * closure would be twice as much. Knows nothing of what is due; whether it still counts is its owner's to say.
 */
import type { Happening } from './virtual-time.ts'

export interface Sleeper {
  /** A timer of that life of its process has run down. */
  woken(life: number, wake: number): void
}

export class Wake implements Happening {
  readonly #sleeper: Sleeper
  readonly #life: number
  readonly #wake: number

  constructor(sleeper: Sleeper, life: number, wake: number) {
    this.#sleeper = sleeper
    this.#life = life
    this.#wake = wake
  }

  happen(): void {
    this.#sleeper.woken(this.#life, this.#wake)
  }
}
