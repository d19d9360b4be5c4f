/**
 * The executor worker: keeps the models that the page tells it to keep and runs them, one request at
 * a time. It opens files itself, holds no identity and speaks to no peer. Every failure is an answer.
 */
import { assert, assertNever, decodeValue, MeshError, Tensor, type Value } from '#contracts'
import {
  encodeOutputs,
  type LoadedModel,
  type ModelFile,
  progressReporter,
  RUNNERS_BY_NAME,
  type Runtime
} from '#mesh-node/runners'
import { makeReady } from './first-session.ts'
import { onDeviceLost } from './gpu.ts'
import { HeapBound } from './heap.ts'
import { readFile, readModelFile } from './open-file.ts'
import { type OrtWeb, plainer, webRuntime } from './ort-web.ts'
import type {
  Surroundings,
  TabProvider,
  WireInput,
  WorkerAnswer,
  WorkerReply,
  WorkerRequest
} from './protocol.ts'
import { type BrakeCell, RunBrake } from './run-brake.ts'

/** A run on a lost device fails before the loss is told: wait so long for it. */
const LOSS_NEWS_MS = 250

export interface ExecutorParts {
  readonly provider: TabProvider
  /** Loads the build of the runtime; called once, after the bound on memory stands. */
  readonly loadRuntime: () => Promise<OrtWeb>
  readonly survey: () => Promise<Pick<Surroundings, 'family' | 'isSoftware'>>
}

type RequestOf<T extends WorkerRequest['type']> = Extract<WorkerRequest, { readonly type: T }>

interface Ready {
  readonly runtime: Runtime
  readonly ort: OrtWeb
  readonly heap: HeapBound
}

class Executor {
  readonly #parts: ExecutorParts
  readonly #models = new Map<string, LoadedModel>()
  readonly #lost = Promise.withResolvers<string>()
  #ready: Ready | undefined
  #isWatchingDevice = false
  #makingReady: Promise<void> = Promise.resolve()

  constructor(parts: ExecutorParts) {
    this.#parts = parts
  }

  handle(request: WorkerRequest): Promise<WorkerAnswer> {
    switch (request.type) {
      case 'begin':
        return this.#begin(request)
      case 'load':
        return this.#load(request)
      case 'run':
        return this.#run(request)
      case 'release':
        return this.#release(request)
      case 'describe':
        return this.#describe(request)
      default:
        return assertNever(request)
    }
  }

  /** The error as it is told: a device that is gone explains whatever failed with it. */
  async explain(error: unknown): Promise<unknown> {
    if (!this.#isWatchingDevice) return plainer(error)
    const reason = await Promise.race([this.#lost.promise, wait(LOSS_NEWS_MS)])
    return reason === undefined ? plainer(error) : new MeshError('executor.device_lost', { reason })
  }

  get #begun(): Ready {
    assert(this.#ready !== undefined, 'begin comes first')
    return this.#ready
  }

  async #begin(request: RequestOf<'begin'>): Promise<WorkerAnswer> {
    const { assets, threads, heapBytesMax, lock, brake: cell } = request
    await holdLock(lock)
    const { provider, loadRuntime, survey } = this.#parts
    const seen = await survey()
    const heap = new HeapBound(heapBytesMax)
    const brake = cell === null ? null : brakeOn(cell, heap)
    const ort = await loadRuntime()
    const isolated = globalThis.crossOriginIsolated
    const used = isolated ? threads : 1
    const runtime = webRuntime(ort, { assets, threads: used, provider, brake })
    this.#ready = { runtime, ort, heap }
    // an adapter in software runs small models alone, and few of them
    if (!seen.isSoftware) this.#makingReady = makeReady(runtime)
    const version = ort.env.versions.web ?? ort.env.versions.common
    return { type: 'began', surroundings: { ...seen, version, threads: used } }
  }

  async #load({ model, manifest, files }: RequestOf<'load'>): Promise<WorkerAnswer> {
    const { runtime, heap } = this.#begun
    const opened: Record<string, ModelFile> = {}
    for (const { name, cid } of manifest.files) {
      const ref = files[name]
      if (ref === undefined) throw new MeshError('model.file_missing', { file: name })
      const bytes = await readModelFile(name, cid, ref)
      opened[name] = { source: bytes, read: () => Promise.resolve(bytes) }
    }
    await this.#makingReady
    const loaded = await RUNNERS_BY_NAME[manifest.runner].load(manifest, opened, runtime)
    this.#models.set(model, loaded)
    this.#watchDevice()
    return { type: 'loaded', heapBytes: heap.bytes() }
  }

  async #run(request: RequestOf<'run'>): Promise<WorkerAnswer> {
    const model = this.#models.get(request.model)
    assert(model !== undefined, 'load comes before run')
    const startMs = performance.now()
    const inputs: Record<string, Value> = {}
    for (const [name, input] of Object.entries(request.inputs)) {
      inputs[name] = await openInput(name, input)
    }
    const limits = { max_tokens: request.max_tokens }
    const onProgress = progressReporter(request.progress, now, (share) => {
      reply({ type: 'progress', share })
    })
    const outcome = await model.run(inputs, limits, onProgress)
    // in a buffer of their own, which can be handed over whole
    const outputs = encodeOutputs(outcome.outputs).slice()
    const wallMs = Math.round((performance.now() - startMs) * 1_000) / 1_000
    const isGpu = this.#parts.provider === 'webgpu'
    // a page is not told what its processors spent
    const usage = { cpu_ms: wallMs, gpu_ms: isGpu ? wallMs : 0, wall_ms: wallMs, ...outcome.usage }
    return { type: 'done', outputs, usage, heapBytes: this.#begun.heap.bytes() }
  }

  async #release({ model }: RequestOf<'release'>): Promise<WorkerAnswer> {
    await this.#models.get(model)?.release()
    this.#models.delete(model)
    return { type: 'released', heapBytes: this.#begun.heap.bytes() }
  }

  async #describe({ file }: RequestOf<'describe'>): Promise<WorkerAnswer> {
    await this.#makingReady
    const session = await this.#begun.runtime.createSession(await readFile('model', file))
    const signature = { inputs: session.inputs, outputs: session.outputs }
    await session.release()
    return { type: 'described', signature }
  }

  /** The runtime opens its device with the first session. */
  #watchDevice(): void {
    if (this.#isWatchingDevice || this.#parts.provider !== 'webgpu') return
    this.#isWatchingDevice = true
    const told = onDeviceLost(this.#begun.ort.env.webgpu, (reason) => {
      this.#lost.resolve(reason)
      reply({ type: 'device-lost', reason })
    })
    told.catch((error: unknown) => reply({ type: 'bug', message: String(error) }))
  }
}

/** Serves the page until it ends the worker. */
export function serve(parts: ExecutorParts): void {
  const executor = new Executor(parts)
  const answer = async (request: WorkerRequest): Promise<void> => {
    try {
      reply(await executor.handle(request))
    } catch (thrown) {
      const error = await executor.explain(thrown)
      if (error instanceof MeshError) reply({ type: 'fault', code: error.code, facts: error.facts })
      else
        reply({ type: 'bug', message: error instanceof Error ? `${error.stack}` : String(error) })
    }
  }
  addEventListener('message', ({ data }: MessageEvent<WorkerRequest>) => void answer(data))
}

const brakeOn = (cell: BrakeCell, heap: HeapBound): RunBrake =>
  new RunBrake({
    cell,
    heap: () => heap.current(),
    moved: (memory) => reply({ type: 'heap', heap: memory })
  })

const now = (): number => performance.now()

function reply(message: WorkerReply): void {
  const transfer = message.type === 'done' ? [message.outputs.buffer] : []
  postMessage(message, { transfer })
}

/** The browser gives the lock up when the worker is gone, however it ended: the page waits for that. */
function holdLock(name: string): Promise<void> {
  const { locks } = navigator
  // only secure contexts have locks; the time limits guard the rest
  if (locks === undefined) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const held = locks.request(name, () => {
      resolve()
      return new Promise<never>(() => {})
    })
    held.catch(reject)
  })
}

function wait(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms))
}

async function openInput(name: string, input: WireInput): Promise<Value> {
  switch (input.kind) {
    case 'value':
      return decodeValue(input.bytes)
    case 'encoded':
      return decodeValue(await readFile(name, input.file))
    case 'tensor':
      return new Tensor(input.dtype, input.shape, await readFile(name, input.file))
    default:
      return assertNever(input)
  }
}
