/**
 * One provider of the tab with its worker: one run at a time, models kept warm while there is room,
 * a fresh worker after one that failed. Knows nothing of golden vectors or of other providers.
 */
import {
  assert,
  type Backend,
  bytesToHex,
  decodeValue,
  EXECUTOR_QUEUE_MAX,
  encodeValue,
  isValueMap,
  MeshError,
  type ModelManifest
} from '#contracts'
import {
  type ExecutionRequest,
  type ExecutionResult,
  type InputRef,
  modelId,
  type Signature
} from '#mesh-node/portable'
import { ExecutorWorker } from './executor-worker.ts'
import type { FileRef, FileSource } from './file-source.ts'
import type {
  Surroundings,
  TabProvider,
  WireInput,
  WorkerAnswer,
  WorkerRequest
} from './protocol.ts'
import { RunQueue } from './run-queue.ts'

const MIB = 1_048_576
/** A large model from a slow disk, and the compilation of the runtime; a run's own limit starts after it. */
const LOAD_MS_MAX = 120_000
/** The worker's script and a look at the GPU. */
const BEGIN_MS_MAX = 60_000
/** Above this share of the limit the next run gets a fresh worker: WASM memory never shrinks. */
const HEAP_SHARE_MAX = 0.75
/** A session holds its weights about three times over while it is made; seen with all five models. */
const LOAD_FACTOR = 3
/** A device that is lost more often than this is not opened again until the owner says so. */
const LOSSES_MAX = 3

export interface LaneOptions {
  readonly provider: TabProvider
  readonly workerUrl: string | URL
  readonly assets: string
  readonly files: FileSource
  readonly memoryMb: () => number
  readonly threads: () => number
  /** What the lane can do has changed. */
  readonly changed: () => void
}

interface Loaded {
  readonly megabytes: number
}

export class Lane {
  readonly provider: TabProvider
  readonly #options: LaneOptions
  readonly #queue = new RunQueue(EXECUTOR_QUEUE_MAX)
  /** In order of last use. */
  readonly #models = new Map<string, Loaded>()
  #worker: ExecutorWorker | undefined
  #surroundings: Surroundings | undefined
  #heapBytes = 0
  #isStale = false
  #losses = 0
  /** Why it cannot run anything; null while it can, as far as is known. */
  #fault: string | null = null

  constructor(options: LaneOptions) {
    this.provider = options.provider
    this.#options = options
  }

  /** What was seen of the device; undefined before the first look. */
  get surroundings(): Surroundings | undefined {
    return this.#surroundings
  }

  get fault(): string | null {
    return this.#fault
  }

  get running(): number {
    return this.#queue.running
  }

  get queued(): number {
    return this.#queue.waiting
  }

  get hasWorker(): boolean {
    return this.#worker !== undefined
  }

  get backend(): Backend | undefined {
    const seen = this.#surroundings
    if (seen === undefined || this.#fault !== null) return undefined
    return {
      runtime: 'onnxruntime-web',
      version: seen.version,
      provider: this.provider,
      device_class: `opt-all/${seen.family}`
    }
  }

  /** Looks at the device anew, whatever was seen of it before. */
  probe(): Promise<void> {
    this.#fault = null
    this.#losses = 0
    return this.#queue.add(undefined, async () => {
      await this.#begun().catch((error: unknown) => {
        if (!(error instanceof MeshError)) throw error
      })
    })
  }

  run(request: ExecutionRequest): Promise<ExecutionResult> {
    return this.#queue.add(request.signal, () => this.#run(request))
  }

  warm(manifest: ModelManifest, files: Readonly<Record<string, string>>): Promise<void> {
    return this.#queue.add(undefined, async () => {
      await this.#loaded(manifest, files, undefined)
    })
  }

  describe(path: string): Promise<Signature> {
    return this.#queue.add(undefined, async () => {
      const request = { type: 'describe', file: this.#options.files(path) } as const
      const answer = await (await this.#begun()).ask(request, { timeoutMs: LOAD_MS_MAX })
      assert(answer.type === 'described', `describe is answered, not ${answer.type}`)
      return answer.signature
    })
  }

  /** Gives memory and processor back: the run under way fails with `verdict`, those waiting too. */
  end(verdict: MeshError): void {
    this.#queue.drop(verdict)
    this.#worker?.end(verdict)
  }

  /** Gives memory back once nothing runs; the next run starts a worker, under the limits of then. */
  rest(): void {
    if (this.#queue.running === 0) this.#worker?.end(new MeshError('executor.closed'))
    else this.#isStale = true
  }

  async #run(request: ExecutionRequest): Promise<ExecutionResult> {
    const { manifest, limits, signal, onProgress } = request
    const { worker, model } = await this.#loaded(manifest, request.files, signal)
    const inputs: Record<string, WireInput> = {}
    for (const [name, input] of Object.entries(request.inputs)) inputs[name] = this.#wire(input)
    const { max_tokens } = limits
    const progress = onProgress !== undefined
    const answer = await worker.ask(
      { type: 'run', model, inputs, max_tokens, progress },
      { timeoutMs: limits.run_ms, signal, onProgress }
    )
    assert(answer.type === 'done', `a run is answered, not ${answer.type}`)
    this.#heapBytes = answer.heapBytes
    const outputs = decodeValue(answer.outputs)
    assert(isValueMap(outputs), 'runners give maps')
    const { backend } = this
    assert(backend !== undefined, 'a worker that ran has surroundings')
    return { outputs, usage: answer.usage, backend }
  }

  #wire(input: InputRef): WireInput {
    switch (input.kind) {
      case 'value':
        return { kind: 'value', bytes: encodeValue(input.value) }
      case 'encoded':
        return { kind: 'encoded', file: this.#options.files(input.path) }
      case 'tensor': {
        const { dtype, shape, path } = input
        return { kind: 'tensor', file: this.#options.files(path), dtype, shape }
      }
    }
  }

  /** A worker that holds the model, with room for its run. */
  async #loaded(
    manifest: ModelManifest,
    files: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined
  ): Promise<{ worker: ExecutorWorker; model: string }> {
    const model = modelId(manifest)
    const memoryMb = this.#options.memoryMb()
    if (manifest.memory_mb > memoryMb) {
      const facts = { memory_mb: manifest.memory_mb, memory_mb_max: memoryMb }
      throw new MeshError('executor.memory_exceeded', facts)
    }
    if (this.#isStale || this.#heapBytes > memoryMb * MIB * HEAP_SHARE_MAX) {
      this.#worker?.end(new MeshError('executor.closed'))
    }
    const worker = await this.#begun(signal)
    const known = this.#models.get(model)
    if (known !== undefined) {
      this.#models.delete(model)
      this.#models.set(model, known)
      return { worker, model }
    }
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
    const megabytes = Math.ceil((LOAD_FACTOR * bytes) / MIB)
    await this.#makeRoom(worker, memoryMb * HEAP_SHARE_MAX - megabytes)
    const refs: Record<string, FileRef> = {}
    for (const [name, path] of Object.entries(files)) refs[name] = this.#options.files(path)
    const request: WorkerRequest = { type: 'load', model, manifest, files: refs }
    const answer = await worker.ask(request, { timeoutMs: LOAD_MS_MAX, signal })
    this.#grown(answer)
    this.#models.set(model, { megabytes })
    return { worker, model }
  }

  /** Lets the models go that were used longest ago, until the others take `megabytesMax` at most. */
  async #makeRoom(worker: ExecutorWorker, megabytesMax: number): Promise<void> {
    let held = [...this.#models.values()].reduce((sum, { megabytes }) => sum + megabytes, 0)
    for (const [model, { megabytes }] of [...this.#models]) {
      if (held <= megabytesMax) return
      this.#models.delete(model)
      held -= megabytes
      this.#grown(await worker.ask({ type: 'release', model }, { timeoutMs: LOAD_MS_MAX }))
    }
  }

  #grown(answer: WorkerAnswer): void {
    if ('heapBytes' in answer) this.#heapBytes = answer.heapBytes
  }

  /** The worker, begun anew where there is none; where it finds no device the lane has a fault. */
  async #begun(signal?: AbortSignal): Promise<ExecutorWorker> {
    if (this.#worker !== undefined) return this.#worker
    const { provider, workerUrl, assets, memoryMb, threads } = this.#options
    const worker = new ExecutorWorker(workerUrl, (verdict) => this.#ended(worker, verdict))
    this.#worker = worker
    const lock = `kora-executor-${provider}-${randomName()}`
    const heapBytesMax = memoryMb() * MIB
    const { brake } = worker
    const request = {
      type: 'begin',
      assets,
      threads: threads(),
      heapBytesMax,
      lock,
      brake
    } as const
    try {
      const answer = await worker.ask(request, { timeoutMs: BEGIN_MS_MAX, signal })
      assert(answer.type === 'began', `begin is answered, not ${answer.type}`)
      worker.watchLock(lock)
      this.#surroundings = answer.surroundings
      this.#options.changed()
      return worker
    } catch (error) {
      if (error instanceof MeshError && !isWithdrawn(error)) this.#refuse(reasonOf(error))
      worker.end(new MeshError('executor.closed'))
      throw error
    }
  }

  #ended(worker: ExecutorWorker, verdict: MeshError): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#isStale = false
    this.#models.clear()
    this.#heapBytes = 0
    if (verdict.code !== 'executor.device_lost') return
    this.#losses += 1
    if (this.#losses >= LOSSES_MAX) this.#refuse(`the GPU was lost ${this.#losses} times`)
  }

  #refuse(reason: string): void {
    this.#fault = reason
    this.#options.changed()
  }
}

/** No two workers of this origin share a lock; pages without a secure context have no random UUIDs. */
const randomName = (): string => bytesToHex(crypto.getRandomValues(new Uint8Array(16)))

const WITHDRAWN: ReadonlySet<string> = new Set([
  'executor.cancelled',
  'executor.closed',
  'executor.switched_off'
])
const isWithdrawn = ({ code }: MeshError): boolean => WITHDRAWN.has(code)

function reasonOf({ facts, message }: MeshError): string {
  const { reason } = facts
  return typeof reason === 'string' ? reason : message
}
