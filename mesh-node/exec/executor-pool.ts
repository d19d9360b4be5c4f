/**
 * Runs models in supervised child processes: warm ones are kept by model, the longest idle goes
 * first, and both the processes and the waiting runs are bounded. One process has one model and one
 * run at a time; a failure costs that run alone.
 */
import { availableParallelism } from 'node:os'
import {
  assert,
  type Backend,
  decodeValue,
  EXECUTOR_QUEUE_MAX,
  encodeManifest,
  encodeValue,
  isValueMap,
  MeshError,
  type ModelManifest
} from '#contracts'
import { nodeBackend } from './backend-class.ts'
import type {
  EngineStats,
  ExecutionEngine,
  ExecutionLimits,
  ExecutionRequest,
  ExecutionResult,
  InputRef,
  Signature
} from './engine.ts'
import { ExecutorChild } from './executor-child.ts'
import type { ChildReply, Provider, WireInput } from './protocol.ts'

/** A large model from a slow disk; the run's own limit starts after it. */
const LOAD_MS_MAX = 120_000
/** Models that a node serves beside those running: the two jobs use five. */
const IDLE_CHILDREN = 4
/** Reading a signature loads the model; nobody has stated a need for it yet. */
const DESCRIBE_MEMORY_MB_MAX = 8_192
/** The runtime keeps memory between runs: above this share of the limit a fresh process is safer. */
const RESIDENT_SHARE_MAX = 0.75

export interface ExecutorPoolOptions {
  /** Runs at once; by default one core is left to the network. */
  readonly slots?: number
  /** Processes alive at once, idle ones included. */
  readonly childrenMax?: number
  /** Threads of one run. Equal bits come out whatever it is; throughput is best with one. */
  readonly threads?: number
  readonly provider?: Provider
  /** Folders with blobs that inputs may be read from. */
  readonly inputRoots?: readonly string[]
}

type ModelFiles = Readonly<Record<string, string>>

interface Member {
  readonly key: string
  readonly child: ExecutorChild
  isBusy: boolean
  isLoaded: boolean
  /** Order of last use: a counter, not a clock. */
  lastUse: number
}

interface Wanted {
  readonly manifest: ModelManifest
  readonly files: ModelFiles
  readonly limits?: ExecutionLimits
  readonly signal?: AbortSignal
}

interface Job {
  readonly start: () => Promise<void>
  readonly drop: (error: MeshError) => void
}

const toWire = (input: InputRef): WireInput =>
  input.kind === 'value' ? { kind: 'value', bytes: encodeValue(input.value) } : input

export class ExecutorPool implements ExecutionEngine {
  readonly backends: readonly [Backend]
  readonly #slots: number
  readonly #childrenMax: number
  readonly #threads: number
  readonly #provider: Provider
  readonly #inputRoots: readonly string[]
  readonly #members = new Set<Member>()
  readonly #queue: Job[] = []
  #running = 0
  #runs = 0
  #failures = 0
  #uses = 0
  #isClosed = false

  constructor(options: ExecutorPoolOptions = {}) {
    this.#slots = options.slots ?? Math.max(1, availableParallelism() - 1)
    this.#childrenMax = Math.max(this.#slots, options.childrenMax ?? this.#slots + IDLE_CHILDREN)
    this.#threads = options.threads ?? 1
    this.#provider = options.provider ?? 'cpu'
    this.#inputRoots = options.inputRoots ?? []
    this.backends = [nodeBackend(this.#provider)]
  }

  backendFor(): Backend {
    return this.backends[0]
  }

  mayRun(): boolean {
    return true
  }

  /** One provider leaves nothing to choose: what does not conform is refused by who asked. */
  settle(): void {}

  execute(request: ExecutionRequest): Promise<ExecutionResult> {
    return this.#enqueue(request.signal, async () => {
      this.#runs += 1
      try {
        return await this.#run(request)
      } catch (error) {
        this.#failures += 1
        throw error
      }
    })
  }

  warm(manifest: ModelManifest, files: ModelFiles): Promise<void> {
    return this.#enqueue(undefined, async () => {
      const member = await this.#acquire({ manifest, files })
      member.isBusy = false
    })
  }

  describe(path: string): Promise<Signature> {
    return this.#enqueue(undefined, async () => {
      const { child } = this.#spawn('describe', { path })
      try {
        const reply = await child.ask(
          { type: 'describe', path, provider: this.#provider },
          { timeoutMs: LOAD_MS_MAX, memoryMbMax: DESCRIBE_MEMORY_MB_MAX }
        )
        assert(reply.type === 'described', `describe is answered, not ${reply.type}`)
        return reply.signature
      } finally {
        await child.close()
      }
    })
  }

  stats(): EngineStats {
    return {
      slots: this.#slots,
      running: this.#running,
      queued: this.#queue.length,
      children: this.#members.size,
      runs: this.#runs,
      failures: this.#failures
    }
  }

  /** Process ids of the children: for status pages, and for tests that do them harm. */
  pids(): number[] {
    return [...this.#members].flatMap(({ child }) => child.pid ?? [])
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const job of this.#queue.splice(0)) job.drop(new MeshError('executor.closed'))
    await Promise.all([...this.#members].map(({ child }) => child.close()))
    this.#members.clear()
  }

  /** Waits for a slot in order of arrival; a signal takes a waiting job out of the queue. */
  #enqueue<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new MeshError('executor.closed'))
    if (signal?.aborted === true) return Promise.reject(new MeshError('executor.cancelled'))
    if (this.#queue.length >= EXECUTOR_QUEUE_MAX) {
      const facts = { queued: this.#queue.length, queued_max: EXECUTOR_QUEUE_MAX }
      return Promise.reject(new MeshError('executor.queue_full', facts))
    }
    return new Promise<Result>((resolve, reject) => {
      const abort = (): void => {
        const place = this.#queue.indexOf(job)
        if (place < 0) return
        this.#queue.splice(place, 1)
        reject(new MeshError('executor.cancelled'))
      }
      const job: Job = {
        start: () => {
          signal?.removeEventListener('abort', abort)
          return work()
            .finally(() => this.#release())
            .then(resolve, reject)
        },
        drop: reject
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#queue.push(job)
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#running < this.#slots) {
      const job = this.#queue.shift()
      if (job === undefined) return
      this.#running += 1
      void job.start()
    }
  }

  /** Before the caller hears of the result, so that its next request finds the slot free. */
  #release(): void {
    this.#running -= 1
    this.#pump()
  }

  async #run(request: ExecutionRequest): Promise<ExecutionResult> {
    const { limits, signal, onProgress } = request
    const inputs: Record<string, WireInput> = {}
    for (const [name, input] of Object.entries(request.inputs)) inputs[name] = toWire(input)
    const member = await this.#acquire(request)
    try {
      const reply = await member.child.ask(
        {
          type: 'run',
          inputs,
          max_tokens: limits.max_tokens,
          memory_bytes_max: limits.memory_mb * 1_048_576,
          progress: onProgress !== undefined
        },
        { timeoutMs: limits.run_ms, memoryMbMax: limits.memory_mb, signal, onProgress }
      )
      return this.#result(reply)
    } finally {
      member.isBusy = false
    }
  }

  #result(reply: ChildReply): ExecutionResult {
    assert(reply.type === 'done', `a run is answered, not ${reply.type}`)
    const outputs = decodeValue(reply.outputs)
    assert(isValueMap(outputs), 'runners give maps')
    return { outputs, usage: { ...reply.usage, gpu_ms: 0 }, backend: this.backends[0] }
  }

  /** An idle process that has this model, else a new one that has loaded it. */
  async #acquire(wanted: Wanted): Promise<Member> {
    const { manifest, files, signal } = wanted
    const key = modelKey(manifest, files)
    const member = this.#idleMember(key, wanted.limits?.memory_mb) ?? this.#spawn(key, files)
    member.isBusy = true
    this.#uses += 1
    member.lastUse = this.#uses
    if (member.isLoaded) return member
    try {
      const request = { type: 'load', manifest, files } as const
      await member.child.ask(
        { ...request, provider: this.#provider, threads: this.#threads },
        { timeoutMs: LOAD_MS_MAX, memoryMbMax: memoryToLoad(manifest), signal }
      )
      member.isLoaded = true
      return member
    } catch (error) {
      this.#discard(member)
      throw error
    }
  }

  /** The one used last; one that still holds most of what this run may take is ended instead. */
  #idleMember(key: string, memoryMb: number | undefined): Member | undefined {
    const idle = [...this.#members].filter(
      (member) => member.key === key && !member.isBusy && member.isLoaded && !member.child.hasExited
    )
    idle.sort((a, b) => b.lastUse - a.lastUse)
    return idle.find((member) => {
      const residentMb = member.child.residentMb()
      if (memoryMb === undefined || residentMb <= memoryMb * RESIDENT_SHARE_MAX) return true
      this.#discard(member)
      return false
    })
  }

  #discard(member: Member): void {
    this.#members.delete(member)
    member.child.kill(new MeshError('executor.closed'))
  }

  #spawn(key: string, files: ModelFiles): Member {
    this.#makeRoom()
    const child = new ExecutorChild([...Object.values(files), ...this.#inputRoots])
    const member: Member = { key, child, isBusy: true, isLoaded: false, lastUse: this.#uses }
    this.#members.add(member)
    child.onExit(() => this.#members.delete(member))
    return member
  }

  /** Busy ones are at most one per slot, so there is an idle one to end when the bound is met. */
  #makeRoom(): void {
    const idle = [...this.#members].filter((member) => !member.isBusy)
    idle.sort((a, b) => a.lastUse - b.lastUse)
    for (const member of idle) {
      if (this.#members.size < this.#childrenMax) return
      this.#discard(member)
    }
  }
}

/** Loading takes what running takes, and the file itself once more while it is parsed. */
function memoryToLoad(manifest: ModelManifest): number {
  const fileBytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
  return manifest.memory_mb + Math.ceil((3 * fileBytes) / 1_048_576) + 256
}

/** Manifests are immutable and many runs share one: encoding it each time would cost 0.1 ms. */
const manifestKeys = new WeakMap<ModelManifest, string>()

/** Equal keys may share a process: the same manifest from the same files. */
function modelKey(manifest: ModelManifest, files: ModelFiles): string {
  let key = manifestKeys.get(manifest)
  if (key === undefined) {
    key = Buffer.from(encodeManifest(manifest)).toString('base64')
    manifestKeys.set(manifest, key)
  }
  return `${key} ${JSON.stringify(files)}`
}
