/**
 * One supervised executor process: starts it, asks it one thing at a time, and kills it when it
 * takes too long, takes too much memory, or is no longer wanted. Every way to fail is a typed error
 * of the request alone.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  AssertionFailure,
  assert,
  type ErrorFacts,
  EXECUTOR_STDERR_BYTES_MAX,
  MeshError
} from '#contracts'
import { childEnvironment, childFlags } from './permissions.ts'
import { type ChildReply, type ChildRequest, MEMORY_MARK, siblingUrl } from './protocol.ts'

/** While it loads a model nobody else looks: a process filling memory at 3 GB/s overshoots by 100 MB. */
const WATCH_LOAD_EVERY_MS = 25
/**
 * In a run the child guards itself four times as often; this is the second pair of eyes, outside the
 * process. Each look costs the node's thread a file, and a core is what inference is for.
 */
const WATCH_RUN_EVERY_MS = 100
/** Linux counts resident pages of this size on every platform that Node is built for by default. */
const PAGE_BYTES = 4_096
const MIB = 1_048_576

export interface AskOptions {
  readonly timeoutMs: number
  readonly memoryMbMax: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((share: number) => void) | undefined
}

interface Pending {
  readonly resolve: (reply: ChildReply) => void
  readonly reject: (error: Error) => void
  readonly onProgress: ((share: number) => void) | undefined
}

/** Resident memory of a process; null where the platform has no /proc. */
function residentBytes(pid: number): number | null {
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]
    return Number(pages) * PAGE_BYTES
  } catch {
    return null
  }
}

export class ExecutorChild {
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  #pending: Pending | undefined
  #stderr = ''
  /** Why we killed it; undefined while it lives or when it died by itself. */
  #verdict: MeshError | undefined
  #hasExited = false

  constructor(readPaths: readonly string[]) {
    this.#process = fork(fileURLToPath(siblingUrl('child', import.meta.url)), [], {
      execArgv: childFlags(readPaths),
      env: childEnvironment(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    this.#process.stderr?.setEncoding('utf8')
    this.#process.stderr?.on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-EXECUTOR_STDERR_BYTES_MAX)
    })
    this.#process.on('message', (reply: ChildReply) => this.#take(reply))
    this.#process.on('error', (error) => this.#end(null, error.message))
    this.#exited = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#end(signal, code === null ? null : String(code))
        resolve()
      })
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get hasExited(): boolean {
    return this.#hasExited
  }

  /** What the process holds now; 0 where the platform does not tell. */
  residentMb(): number {
    const { pid } = this.#process
    return pid === undefined ? 0 : (residentBytes(pid) ?? 0) / MIB
  }

  /** Calls back once when the process is gone, whatever ended it. */
  onExit(callback: () => void): void {
    void this.#exited.then(callback)
  }

  /** Asks one thing; a second one before the answer is our own mistake. */
  async ask(request: ChildRequest, options: AskOptions): Promise<ChildReply> {
    assert(this.#pending === undefined, 'a child is asked one thing at a time')
    if (this.#hasExited) throw this.#crash(null, null)
    const answer = new Promise<ChildReply>((resolve, reject) => {
      this.#pending = { resolve, reject, onProgress: options.onProgress }
    })
    const everyMs = request.type === 'run' ? WATCH_RUN_EVERY_MS : WATCH_LOAD_EVERY_MS
    const stopWatching = this.#watch(options, everyMs)
    this.#process.send(request, (error) => {
      if (error !== null) this.kill(new MeshError('executor.crashed', { reason: error.message }))
    })
    try {
      return await answer
    } finally {
      stopWatching()
    }
  }

  #watch(options: AskOptions, everyMs: number): () => void {
    const { timeoutMs, memoryMbMax, signal } = options
    const timer = setTimeout(() => {
      this.kill(new MeshError('executor.timed_out', { timeout_ms: timeoutMs }))
    }, timeoutMs)
    const pid = this.#process.pid
    const watch = setInterval(() => {
      const bytes = pid === undefined ? null : residentBytes(pid)
      if (bytes !== null && bytes > memoryMbMax * MIB) this.kill(memoryError(bytes, memoryMbMax))
    }, everyMs)
    const abort = (): void => this.kill(new MeshError('executor.cancelled'))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
    return () => {
      clearTimeout(timer)
      clearInterval(watch)
      signal?.removeEventListener('abort', abort)
    }
  }

  #take(reply: ChildReply): void {
    const pending = this.#pending
    if (pending === undefined) return
    if (reply.type === 'progress') {
      pending.onProgress?.(reply.share)
      return
    }
    this.#pending = undefined
    if (reply.type === 'fault') pending.reject(new MeshError(reply.code, reply.facts))
    else if (reply.type === 'bug') this.#fail(pending, reply.message)
    else pending.resolve(reply)
  }

  /** Our own mistake in the child: what it holds can no longer be trusted. */
  #fail(pending: Pending, message: string): void {
    pending.reject(new AssertionFailure(`executor: ${message}`))
    this.kill(new MeshError('executor.crashed', { reason: 'assertion' }))
  }

  #crash(signal: string | null, exitCode: string | null): MeshError {
    const facts: ErrorFacts = {
      signal,
      exit_code: exitCode,
      stderr: this.#stderr.trim().slice(-400)
    }
    const marked = new RegExp(`${MEMORY_MARK} (\\d+)`).exec(this.#stderr)?.[1]
    if (marked !== undefined) return memoryError(Number(marked), null)
    return new MeshError('executor.crashed', facts)
  }

  #end(signal: string | null, exitCode: string | null): void {
    this.#hasExited = true
    const pending = this.#pending
    this.#pending = undefined
    pending?.reject(this.#verdict ?? this.#crash(signal, exitCode))
  }

  /** Kills the process at once; the request under way fails with `verdict`. */
  kill(verdict: MeshError): void {
    if (this.#hasExited) return
    this.#verdict ??= verdict
    this.#process.kill('SIGKILL')
  }

  /** Ends the process and waits until it is gone. */
  async close(): Promise<void> {
    this.kill(new MeshError('executor.closed'))
    await this.#exited
  }
}

function memoryError(bytes: number, memoryMbMax: number | null): MeshError {
  const facts = { memory_mb: Math.ceil(bytes / MIB), memory_mb_max: memoryMbMax }
  return new MeshError('executor.memory_exceeded', facts)
}
