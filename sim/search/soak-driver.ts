/**
 * Threads for the soak, each with a seed of its own: seeds need nothing of each other. Ends them all with
 * the soak, however it ends.
 */
import { Worker } from 'node:worker_threads'
import { assert } from '#contracts'
import type { SeedOutcome, SoakOptions } from './soak.ts'
import type { WorkerHears, WorkerSays } from './soak-thread-driver.ts'

export class SoakThreads {
  readonly #workers: readonly Worker[]
  readonly #idle: Worker[]

  constructor(jobs: number, { isTwice, nodes = null }: Pick<SoakOptions, 'isTwice' | 'nodes'>) {
    this.#workers = Array.from({ length: jobs }, () => {
      return new Worker(new URL('./soak-thread-driver.ts', import.meta.url), {
        workerData: { isTwice, nodes }
      })
    })
    this.#idle = [...this.#workers]
  }

  /** Of at most as many at once as there are threads; rejects with our own mistake. */
  async run(seed: number): Promise<SeedOutcome> {
    const worker = this.#idle.pop()
    assert(worker !== undefined, 'no more seeds at once than threads')
    const { promise, resolve, reject } = Promise.withResolvers<SeedOutcome>()
    const hear = (words: WorkerSays): void => {
      if (words.type === 'outcome') resolve(words.outcome)
      else reject(new Error(`seed ${seed}: ${words.reason}`))
    }
    worker.on('message', hear)
    worker.on('error', reject)
    tell(worker, { type: 'run', seed })
    try {
      return await promise
    } finally {
      worker.off('message', hear)
      worker.off('error', reject)
      this.#idle.push(worker)
    }
  }

  /** Seeds that run end as they are. */
  stop(): void {
    for (const worker of this.#workers) tell(worker, { type: 'stop' })
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

const tell = (worker: Worker, words: WorkerHears): void => worker.postMessage(words)
