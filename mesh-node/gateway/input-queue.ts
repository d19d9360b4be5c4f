/**
 * Inputs that wait for the machine's next step, in order, and who waits for them to be carried out.
 * One take is bounded by weight, so that a step of a large graph does not hold the process up.
 */
import type { GatewayInput } from '#mesh-node/core'

type Untimed<T> = T extends GatewayInput ? Omit<T, 'nowMs'> : never
export type QueuedInput = Untimed<GatewayInput>

/** Units and results of one step. */
const STEP_WEIGHT_MAX = 2_048

interface Waiting {
  readonly input: QueuedInput
  readonly weight: number
  readonly done: PromiseWithResolvers<void> | null
}

export interface TakenInputs {
  readonly inputs: readonly QueuedInput[]
  /** Called when all that follows from them is done. */
  settle(): void
  /** Called when it cannot be done. */
  fail(error: unknown): void
}

export class InputQueue {
  #waiting: Waiting[] = []

  get size(): number {
    return this.#waiting.length
  }

  push(input: QueuedInput, weight: number): void {
    this.#waiting.push({ input, weight, done: null })
  }

  pushAwaited(input: QueuedInput): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ input, weight: 1, done })
    return done.promise
  }

  /** The first inputs, as many as one step takes. */
  take(weightMax = STEP_WEIGHT_MAX): TakenInputs {
    let count = 0
    let weight = 0
    for (const waiting of this.#waiting) {
      if (count > 0 && weight + waiting.weight > weightMax) break
      count += 1
      weight += waiting.weight
    }
    const taken = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    return {
      inputs: taken.map(({ input }) => input),
      settle() {
        for (const { done } of taken) done?.resolve()
      },
      fail(error) {
        for (const { done } of taken) done?.reject(error)
      }
    }
  }

  /** Nobody will step any more: whoever waits goes on. */
  abandon(): void {
    this.take(Number.POSITIVE_INFINITY).settle()
  }

  /** Nothing more can be done: whoever waits is told why. */
  fail(error: unknown): void {
    this.take(Number.POSITIVE_INFINITY).fail(error)
  }
}
