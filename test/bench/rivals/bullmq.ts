/**
 * The rival of the mesh: BullMQ on redis-server, measured in the same run on the same machine.
 *
 * Starts its own servers on free loopback ports with a folder of their own, once without persistence
 * and once per way to write an append-only file, and two worker processes each. Says `missing` where
 * redis-server is not installed or BullMQ cannot be fetched. Leaves no process and no folder, and touches no other server.
 */

import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { assert } from '#contracts'
import {
  type Bullmq,
  installBullmq,
  loadBullmq,
  type Queue,
  type QueueEvents
} from './bullmq-package.ts'

/** How redis keeps what it was told: not at all, each second, or before it answers. */
export const BULLMQ_STORES = {
  memory: ['--appendonly', 'no'],
  'append-only, each second': ['--appendonly', 'yes', '--appendfsync', 'everysec'],
  'append-only, each write': ['--appendonly', 'yes', '--appendfsync', 'always']
} as const
export type BullmqStore = keyof typeof BULLMQ_STORES

const WORKERS = 2
/** Jobs of one addBulk at most: beyond it a call takes longer than it saves. */
const BULK_JOBS_MAX = 100
/** A server or a worker that needs longer to start has failed. */
const START_MS_MAX = 15_000
/** The server is ended next whether or not the client has closed. */
const CLOSE_MS_MAX = 5_000
/** One round of jobs: far beyond what any machine needs. */
const ROUND_MS_MAX = 120_000

export interface BullmqOptions {
  /** Jobs of one round. */
  readonly jobs: number
  /** Rounds after one of warm-up; the median is reported. */
  readonly rounds: number
  /** Jobs that run alone, one after another, for the round trip. */
  readonly roundTrips: number
  /** Jobs that were added and have not come back. */
  readonly outstanding: number
  readonly stores: readonly BullmqStore[]
}
/** A few hundred jobs: proves that it runs. */
export const BULLMQ_QUICK: BullmqOptions = {
  jobs: 200,
  rounds: 1,
  roundTrips: 20,
  outstanding: 128,
  stores: ['memory', 'append-only, each second']
}
export const BULLMQ_FULL: BullmqOptions = {
  jobs: 5_000,
  rounds: 3,
  roundTrips: 300,
  outstanding: 128,
  stores: ['memory', 'append-only, each second', 'append-only, each write']
}

export interface BullmqFigures {
  readonly store: BullmqStore
  /** With addBulk and no bound on what is outstanding: the most that the rival can show. */
  readonly floodJobsPerSecond: number
  readonly bulkJobsPerSecond: number
  readonly singleJobsPerSecond: number
  readonly roundTripP50Ms: number
  readonly roundTripP99Ms: number
}
export type BullmqReport =
  | { readonly missing: string }
  | { readonly redis: string; readonly figures: readonly BullmqFigures[] }

export async function measureBullmq(options: BullmqOptions): Promise<BullmqReport> {
  const redis = redisVersion()
  if (redis === null) return { missing: 'redis-server is not installed' }
  using _ = exitOnSignals()
  await using stack = new AsyncDisposableStack()
  const prefix = mkdtempSync(join(tmpdir(), 'bench-bullmq-'))
  undoWith(() => rmSync(prefix, { recursive: true, force: true }), stack)
  const missing = installBullmq(prefix)
  if (missing !== null) return { missing }
  const figures: BullmqFigures[] = []
  for (const store of options.stores) figures.push(await measureStore(store, prefix, options))
  return { redis, figures }
}

function redisVersion(): string | null {
  const { stdout, error } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  return error === undefined ? (/v=(\S+)/.exec(stdout)?.[1] ?? 'unknown') : null
}

async function measureStore(
  store: BullmqStore,
  prefix: string,
  options: BullmqOptions
): Promise<BullmqFigures> {
  await using stack = new AsyncDisposableStack()
  const port = await startRedis(store, stack)
  const name = 'rival'
  const concurrency = options.outstanding / WORKERS
  await startWorkers({ prefix, port, queue: name, concurrency }, stack)
  const client = stack.use(await Client.open(await loadBullmq(prefix), name, port))
  const { jobs, outstanding, roundTrips, rounds } = options
  const warmUp = Math.min(jobs, 1_000)
  await perSecond(warmUp, () => client.bulk(warmUp, outstanding))
  const flood: number[] = []
  const bulk: number[] = []
  const single: number[] = []
  for (let round = 0; round < rounds; round++) {
    flood.push(await perSecond(jobs, () => client.bulk(jobs, Number.POSITIVE_INFINITY)))
    bulk.push(await perSecond(jobs, () => client.bulk(jobs, outstanding)))
    single.push(await perSecond(jobs, () => client.singly(jobs, outstanding)))
  }
  const tripsMs = await client.roundTripsMs(roundTrips)
  return {
    store,
    floodJobsPerSecond: quantile(flood, 0.5),
    bulkJobsPerSecond: quantile(bulk, 0.5),
    singleJobsPerSecond: quantile(single, 0.5),
    roundTripP50Ms: quantile(tripsMs, 0.5),
    roundTripP99Ms: quantile(tripsMs, 0.99)
  }
}

async function startRedis(store: BullmqStore, stack: AsyncDisposableStack): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'))
  undoWith(() => rmSync(folder, { recursive: true, force: true }), stack)
  const port = await freePort()
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const memory = ['--maxmemory-policy', 'noeviction', '--loglevel', 'warning']
  const child = spawn('redis-server', [...settings, ...memory, ...BULLMQ_STORES[store]], {
    stdio: 'ignore'
  })
  endWith(child, stack)
  const deadlineMs = performance.now() + START_MS_MAX
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      throw new Error(`redis-server did not start on port ${port}`)
    }
    await wait(20)
  }
  return port
}

interface WorkerOptions {
  readonly prefix: string
  readonly port: number
  readonly queue: string
  readonly concurrency: number
}
async function startWorkers(options: WorkerOptions, stack: AsyncDisposableStack): Promise<void> {
  const script = join(import.meta.dirname, 'bullmq-worker.ts')
  const { prefix, port, queue, concurrency } = options
  const words = [prefix, port, queue, concurrency].map(String)
  const ready = Array.from({ length: WORKERS }, async () => {
    const child = fork(script, words)
    endWith(child, stack)
    const signal = AbortSignal.timeout(START_MS_MAX)
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error('a BullMQ worker ended as it started')
    })
    await Promise.race([once(child, 'message', { signal }), ended])
  })
  await Promise.all(ready)
}

/** Undoes with the stack, or with this process where it ends first. */
function undoWith(undo: () => void, stack: AsyncDisposableStack): void {
  process.once('exit', undo)
  stack.defer(() => {
    process.off('exit', undo)
    undo()
  })
}

/** Ends the child at once: nothing of it is kept, so there is nothing for it to finish. */
function endWith(child: ChildProcess, stack: AsyncDisposableStack): void {
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  stack.defer(() => exit)
  undoWith(() => child.kill('SIGKILL'), stack)
}

/** A signal ends a process without its `exit` event, and would leave the servers running. */
function exitOnSignals(): Disposable {
  const interrupt = (): never => process.exit(130)
  const terminate = (): never => process.exit(143)
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', terminate)
  return {
    [Symbol.dispose]: () => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', terminate)
    }
  }
}

/** A producer that counts a job as done when its result event has come back. */
class Client implements AsyncDisposable {
  readonly #queue: Queue
  readonly #events: QueueEvents
  readonly #waiting = new Map<string, () => void>()
  #sent = 0

  private constructor(queue: Queue, events: QueueEvents) {
    this.#queue = queue
    this.#events = events
    events.on('completed', ({ jobId }) => {
      this.#waiting.get(jobId)?.()
      this.#waiting.delete(jobId)
    })
  }

  static async open(bullmq: Bullmq, name: string, port: number): Promise<Client> {
    const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
    const defaultJobOptions = { removeOnComplete: true, removeOnFail: true }
    const queue = new bullmq.Queue(name, { connection, defaultJobOptions })
    // From the beginning: by default it misses what is done before its first read has arrived.
    const events = new bullmq.QueueEvents(name, { connection, lastEventId: '0-0' })
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()])
    return new Client(queue, events)
  }

  /** As many jobs a call as there is room for, up to the bulk's maximum. */
  async bulk(jobs: number, outstanding: number): Promise<void> {
    let left = jobs
    let open = 0
    let roomMade: (() => void) | null = null
    const all: Promise<void>[] = []
    while (left > 0) {
      const count = Math.min(left, outstanding - open, BULK_JOBS_MAX)
      // A quarter of the window at a time: smaller calls would make it no bulk.
      if (count < Math.min(left, BULK_JOBS_MAX, outstanding / 4)) {
        await new Promise<void>((resolve) => {
          roomMade = resolve
        })
        continue
      }
      left -= count
      open += count
      const batch = Array.from({ length: count }, () => this.#job())
      for (const { done } of batch) {
        all.push(
          done.then(() => {
            open--
            roomMade?.()
          })
        )
      }
      await this.#queue.addBulk(
        batch.map(({ id }) => ({ name: 'noop', data: DATA, opts: { jobId: id } }))
      )
    }
    await Promise.all(all)
  }

  /** One call a job, with so many jobs on their way at once. */
  async singly(jobs: number, outstanding: number): Promise<void> {
    let left = jobs
    const lane = async (): Promise<void> => {
      while (left-- > 0) await this.#one()
    }
    await Promise.all(Array.from({ length: outstanding }, lane))
  }

  async roundTripsMs(count: number): Promise<number[]> {
    const tookMs: number[] = []
    for (let trip = 0; trip < count; trip++) {
      const startMs = performance.now()
      await this.#one()
      tookMs.push(performance.now() - startMs)
    }
    return tookMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all([this.#queue.close(), this.#events.close()])
    await Promise.race([closed, wait(CLOSE_MS_MAX, null, { ref: false })])
  }

  async #one(): Promise<void> {
    const { id, done } = this.#job()
    await this.#queue.add('noop', DATA, { jobId: id })
    await done
  }

  /** Waits for a job before it is sent, so that no result comes too early. */
  #job(): { readonly id: string; readonly done: Promise<void> } {
    // BullMQ keeps ids that are whole numbers for itself.
    const id = `job-${this.#sent++}`
    const done = new Promise<void>((resolve) => this.#waiting.set(id, resolve))
    return { id, done }
  }
}

/** About as much as a small work unit says. */
const DATA = { kind: 'deterministic', handler: 'noop', inputs: 'x'.repeat(400), priority: 'p2' }

async function perSecond(count: number, run: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await Promise.race([
    run(),
    wait(ROUND_MS_MAX, null, { ref: false }).then(() => {
      throw new Error(`${count} jobs of BullMQ did not come back`)
    })
  ])
  return (count * 1_000) / (performance.now() - startMs)
}

function quantile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
  assert(found !== undefined, 'something was measured')
  return found
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert(typeof address === 'object' && address !== null, 'a server on TCP has a port')
  server.close()
  await once(server, 'close')
  return address.port
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
