/**
 * One supervised executor worker: asks it one thing at a time, and ends it when it takes too long or
 * is no longer wanted. Every way to fail is a typed error of the request alone.
 */
import { AssertionFailure, assert, MeshError } from '#contracts'
import type { WorkerAnswer, WorkerReply, WorkerRequest } from './protocol.ts'
import { openBrake, pullBrake } from './run-brake.ts'

export interface AskOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((share: number) => void) | undefined
}

interface Pending {
  readonly resolve: (answer: WorkerAnswer) => void
  readonly reject: (error: Error) => void
  readonly onProgress: ((share: number) => void) | undefined
}

/** Faults after which what the worker holds can no longer be trusted. */
const FATAL: ReadonlySet<string> = new Set([
  'executor.crashed',
  'executor.device_lost',
  'executor.memory_exceeded'
])

export class ExecutorWorker {
  readonly #worker: Worker
  readonly #stopWatching = new AbortController()
  readonly #onEnd: (verdict: MeshError) => void
  /** For the request that begins the worker. */
  readonly brake = openBrake()
  #heap: SharedArrayBuffer | undefined
  #pending: Pending | undefined
  #verdict: MeshError | undefined

  /** `onEnd` is told once why the worker is gone. */
  constructor(url: string | URL, onEnd: (verdict: MeshError) => void) {
    this.#onEnd = onEnd
    this.#worker = new Worker(url, { type: 'module' })
    this.#worker.addEventListener('message', ({ data }: MessageEvent<WorkerReply>) =>
      this.#take(data)
    )
    this.#worker.addEventListener('messageerror', () => this.#crash('an answer was unreadable'))
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault()
      this.#crash(event.message === '' ? 'the worker could not be loaded' : event.message)
    })
  }

  get hasEnded(): boolean {
    return this.#verdict !== undefined
  }

  /** Asks one thing; a second one before the answer is our own mistake. */
  async ask(request: WorkerRequest, options: AskOptions): Promise<WorkerAnswer> {
    assert(this.#pending === undefined, 'a worker is asked one thing at a time')
    if (this.#verdict !== undefined) throw this.#verdict
    const answer = new Promise<WorkerAnswer>((resolve, reject) => {
      this.#pending = { resolve, reject, onProgress: options.onProgress }
    })
    const stopWatching = this.#watch(options)
    if (!this.hasEnded) this.#worker.postMessage(request)
    try {
      return await answer
    } finally {
      stopWatching()
    }
  }

  /**
   * A worker may vanish without a word: the browser then gives its lock to whoever waits for it.
   * Only secure contexts have locks; the time limits guard the rest.
   */
  watchLock(name: string): void {
    const { locks } = navigator
    if (locks === undefined) return
    const { signal } = this.#stopWatching
    const gone = locks.request(name, { signal }, () => this.#crash('the worker vanished'))
    // what the signal ends is ended by us
    gone.catch((error: unknown) => {
      if (!signal.aborted) this.#crash(String(error))
    })
  }

  /** Ends the worker at once; the request under way fails with `verdict`. */
  end(verdict: MeshError): void {
    if (this.#verdict !== undefined) return
    this.#verdict = verdict
    if (this.brake !== null) pullBrake(this.brake, this.#heap)
    this.#worker.terminate()
    this.#stopWatching.abort()
    const pending = this.#pending
    this.#pending = undefined
    pending?.reject(verdict)
    this.#onEnd(verdict)
  }

  #watch({ timeoutMs, signal }: AskOptions): () => void {
    const timer = setTimeout(
      () => this.end(new MeshError('executor.timed_out', { timeout_ms: timeoutMs })),
      timeoutMs
    )
    const abort = (): void => this.end(new MeshError('executor.cancelled'))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
    return () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  #take(reply: WorkerReply): void {
    if (this.#verdict !== undefined) return
    if (reply.type === 'device-lost') {
      this.end(new MeshError('executor.device_lost', { reason: reply.reason }))
      return
    }
    if (reply.type === 'heap') {
      this.#heap = reply.heap
      return
    }
    const pending = this.#pending
    if (pending === undefined) return
    if (reply.type === 'progress') {
      pending.onProgress?.(reply.share)
      return
    }
    this.#pending = undefined
    if (reply.type === 'bug') {
      pending.reject(new AssertionFailure(`executor: ${reply.message}`))
      this.#crash('assertion')
    } else if (reply.type === 'fault') {
      const error = new MeshError(reply.code, reply.facts)
      pending.reject(error)
      if (FATAL.has(reply.code)) this.end(error)
    } else pending.resolve(reply)
  }

  #crash(reason: string): void {
    this.end(new MeshError('executor.crashed', { reason: reason.slice(0, 200) }))
  }
}
