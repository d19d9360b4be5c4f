/**
 * Runs one piece of work after the other, in order of arrival. What waits can be withdrawn by its
 * caller or dropped as a whole; what runs is ended by whoever knows how.
 */
import { MeshError } from '#contracts'

interface Job {
  readonly start: () => Promise<void>
  readonly drop: (error: MeshError) => void
}

export class RunQueue {
  readonly #waitingMax: number
  readonly #jobs: Job[] = []
  #isRunning = false

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax
  }

  get running(): number {
    return this.#isRunning ? 1 : 0
  }

  get waiting(): number {
    return this.#jobs.length
  }

  add<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    if (signal?.aborted === true) return Promise.reject(new MeshError('executor.cancelled'))
    if (this.#jobs.length >= this.#waitingMax) {
      const facts = { queued: this.#jobs.length, queued_max: this.#waitingMax }
      return Promise.reject(new MeshError('executor.queue_full', facts))
    }
    return new Promise<Result>((resolve, reject) => {
      const abort = (): void => {
        const place = this.#jobs.indexOf(job)
        if (place < 0) return
        this.#jobs.splice(place, 1)
        reject(new MeshError('executor.cancelled'))
      }
      const job: Job = {
        start: () => {
          signal?.removeEventListener('abort', abort)
          return work()
            .finally(() => this.#next())
            .then(resolve, reject)
        },
        drop: (error) => {
          signal?.removeEventListener('abort', abort)
          reject(error)
        }
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#jobs.push(job)
      if (!this.#isRunning) this.#next()
    })
  }

  /** Everything that waits fails with `error`. */
  drop(error: MeshError): void {
    for (const job of this.#jobs.splice(0)) job.drop(error)
  }

  /** Before the caller hears of the result, so that its next request finds the place free. */
  #next(): void {
    const job = this.#jobs.shift()
    this.#isRunning = job !== undefined
    void job?.start()
  }
}
