/**
 * Runs models in a tab: WebGPU and WASM, each in a worker of its own that is ended when a run takes
 * too long or is withdrawn. Which of them runs a model, its golden vectors decided; the owner
 * switches either off at any time. Fetches nothing and knows nothing of leases.
 */
import { type Backend, MeshError, type ModelManifest } from '#contracts'
import {
  type EngineStats,
  type ExecutionEngine,
  type ExecutionRequest,
  type ExecutionResult,
  modelId,
  type Signature,
  type Trial,
  trialKey
} from '#mesh-node/portable'
import { type FileSource, privateFiles } from './file-source.ts'
import { Lane } from './lane.ts'
import type { TabProvider } from './protocol.ts'

/** WebAssembly's own bound for memory with 32-bit addresses, less the page that the runtime keeps free. */
const HEAP_MB_MAX = 4_095
/** Share of the device's memory that a tab takes at most, whatever its owner says. */
const DEVICE_SHARE = 0.5
/** Beyond this a WASM run gains nothing on the models here, and the machine is somebody's. */
const THREADS_MAX = 8
/**
 * An adapter in software is hundreds of times slower than WASM: only models that are tried in
 * seconds are tried on it at all.
 */
const SOFTWARE_MODEL_BYTES_MAX = 1_048_576

/** What the owner allows; all of it may change at any time. */
export interface EngineLimits {
  readonly cpu: boolean
  readonly gpu: boolean
  readonly memoryMb: number
  /** Of one WASM run; pages that are not isolated have one whatever it says. */
  readonly threads: number
}

export interface WorkerEngineOptions {
  readonly limits: EngineLimits
  /** Where the files of the blob store lie; by default in the origin's private files. */
  readonly files?: FileSource
  /** Largest model that is tried on an adapter in software. */
  readonly softwareModelBytesMax?: number
}

export interface BackendStatus {
  readonly provider: TabProvider
  readonly state: 'ready' | 'unavailable' | 'off' | 'checking'
  /** Adapter or threads where ready; else why not. */
  readonly detail: string
}

/** The preferred first. */
const PROVIDERS: readonly TabProvider[] = ['webgpu', 'wasm']

export class WorkerEngine implements ExecutionEngine {
  readonly #lanes: Readonly<Record<TabProvider, Lane>>
  readonly #softwareModelBytesMax: number
  readonly #listeners = new Set<() => void>()
  /** Models with the classes of backend that conform to them. */
  readonly #conforming = new Map<string, Set<string>>()
  #limits: EngineLimits
  #runs = 0
  #failures = 0
  #isClosed = false

  private constructor(options: WorkerEngineOptions) {
    this.#limits = options.limits
    this.#softwareModelBytesMax = options.softwareModelBytesMax ?? SOFTWARE_MODEL_BYTES_MAX
    const shared = {
      assets: new URL('./runtime/', import.meta.url).href,
      files: options.files ?? privateFiles,
      memoryMb: () => this.memoryMb,
      threads: () => threadsOf(this.#limits),
      changed: () => this.#tell()
    }
    const wasm = new URL('./wasm-worker.ts', import.meta.url)
    const webgpu = new URL('./webgpu-worker.ts', import.meta.url)
    this.#lanes = {
      wasm: new Lane({ ...shared, provider: 'wasm', workerUrl: wasm }),
      webgpu: new Lane({ ...shared, provider: 'webgpu', workerUrl: webgpu })
    }
  }

  /** Resolves when it is known what this device has. */
  static async open(options: WorkerEngineOptions): Promise<WorkerEngine> {
    const engine = new WorkerEngine(options)
    await engine.#probe(PROVIDERS.filter((provider) => engine.#isOn(provider)))
    return engine
  }

  get backends(): readonly Backend[] {
    return PROVIDERS.flatMap((provider) => this.#backend(provider) ?? [])
  }

  /** What units may ask for: a GPU, where the adapter is no program on the processor. */
  get accelerators(): readonly string[] {
    const isReal = this.#lanes.webgpu.surroundings?.isSoftware === false
    return isReal && this.#backend('webgpu') !== undefined ? ['webgpu'] : []
  }

  /** What a model may need, in all: the owner's limit, within what device and runtime have. */
  get memoryMb(): number {
    return Math.min(this.#limits.memoryMb, deviceMemoryMb() * DEVICE_SHARE, HEAP_MB_MAX)
  }

  backendFor(manifest: ModelManifest): Backend | null {
    return this.backends.find((backend) => this.mayRun(manifest, backend)) ?? null
  }

  mayRun(manifest: ModelManifest, backend: Backend): boolean {
    const key = trialKey(manifest, backend)
    const isHere = this.backends.some((one) => trialKey(manifest, one) === key)
    return isHere && this.#conforming.get(modelId(manifest))?.has(key) === true
  }

  settle(manifest: ModelManifest, trials: readonly Trial[]): void {
    const model = modelId(manifest)
    const known = this.#conforming.get(model) ?? new Set()
    for (const { backend, ok } of trials) {
      const key = trialKey(manifest, backend)
      if (ok) known.add(key)
      else known.delete(key)
    }
    this.#conforming.set(model, known)
  }

  async execute(request: ExecutionRequest): Promise<ExecutionResult> {
    this.#runs += 1
    try {
      return await this.#execute(request)
    } catch (error) {
      this.#failures += 1
      throw error
    }
  }

  warm(manifest: ModelManifest, files: Readonly<Record<string, string>>): Promise<void> {
    return this.#laneFor({ manifest }).warm(manifest, files)
  }

  describe(path: string): Promise<Signature> {
    const provider = this.#isOn('wasm') ? 'wasm' : 'webgpu'
    if (this.#isClosed) return Promise.reject(new MeshError('executor.closed'))
    return this.#lanes[provider].describe(path)
  }

  /** Switches processors on and off, and bounds memory: what runs on one that goes off ends at once. */
  async setLimits(change: Partial<EngineLimits>): Promise<void> {
    const before = this.#limits
    const wasOn = PROVIDERS.filter((provider) => this.#isOn(provider))
    this.#limits = { ...before, ...change }
    for (const provider of wasOn) {
      if (!this.#isOn(provider)) {
        this.#lanes[provider].end(new MeshError('executor.switched_off', { provider }))
      }
    }
    const { memoryMb, threads } = this.#limits
    if (memoryMb !== before.memoryMb || threads !== before.threads) this.rest()
    await this.#probe(PROVIDERS.filter((one) => this.#isOn(one) && !wasOn.includes(one)))
    this.#tell()
  }

  /** Gives back the memory of workers in which nothing runs; models are loaded again when needed. */
  rest(): void {
    for (const provider of PROVIDERS) this.#lanes[provider].rest()
  }

  status(): readonly BackendStatus[] {
    return PROVIDERS.map((provider) => this.#status(provider))
  }

  /** Calls back when `backends`, `accelerators` or `status()` may have changed; gives a way to end it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stats(): EngineStats {
    const lanes = PROVIDERS.map((provider) => this.#lanes[provider])
    const sum = (count: (lane: Lane) => number): number =>
      lanes.reduce((total, lane) => total + count(lane), 0)
    return {
      slots: this.backends.length,
      running: sum(({ running }) => running),
      queued: sum(({ queued }) => queued),
      children: sum(({ hasWorker }) => Number(hasWorker)),
      runs: this.#runs,
      failures: this.#failures
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#listeners.clear()
    for (const provider of PROVIDERS) this.#lanes[provider].end(new MeshError('executor.closed'))
    return Promise.resolve()
  }

  /** Where a provider turns out to be gone, another one that conforms takes the run. */
  async #execute(request: ExecutionRequest): Promise<ExecutionResult> {
    for (;;) {
      const lane = this.#laneFor(request)
      try {
        return await lane.run(request)
      } catch (error) {
        const isGone = lane.fault !== null && isNoBackend(error)
        if (!isGone || request.backend !== undefined) throw error
      }
    }
  }

  #laneFor({ manifest, backend }: Pick<ExecutionRequest, 'manifest' | 'backend'>): Lane {
    if (this.#isClosed) throw new MeshError('executor.closed')
    const chosen = backend ?? this.backendFor(manifest)
    if (chosen === null) {
      const reason = this.backends.length === 0 ? 'all are off' : 'none has conformed to it'
      throw new MeshError('executor.no_backend', { model: manifest.name, reason })
    }
    const key = trialKey(manifest, chosen)
    const provider = PROVIDERS.find((one) => {
      const known = this.#backend(one)
      return known !== undefined && trialKey(manifest, known) === key
    })
    if (provider === undefined) {
      const facts = { model: manifest.name, provider: chosen.provider, reason: 'it is off' }
      throw new MeshError('executor.no_backend', facts)
    }
    this.#refuseHopeless(manifest, this.#lanes[provider])
    return this.#lanes[provider]
  }

  #refuseHopeless(manifest: ModelManifest, { surroundings }: Lane): void {
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
    if (surroundings?.isSoftware !== true || bytes <= this.#softwareModelBytesMax) return
    const facts = { adapter: surroundings.family, bytes, bytes_max: this.#softwareModelBytesMax }
    throw new MeshError('executor.software_adapter', facts)
  }

  #isOn(provider: TabProvider): boolean {
    return provider === 'wasm' ? this.#limits.cpu : this.#limits.gpu
  }

  #backend(provider: TabProvider): Backend | undefined {
    return this.#isOn(provider) ? this.#lanes[provider].backend : undefined
  }

  async #probe(providers: readonly TabProvider[]): Promise<void> {
    await Promise.all(providers.map((provider) => this.#lanes[provider].probe()))
  }

  #status(provider: TabProvider): BackendStatus {
    const { fault, surroundings } = this.#lanes[provider]
    if (!this.#isOn(provider)) return { provider, state: 'off', detail: '' }
    if (fault !== null) return { provider, state: 'unavailable', detail: fault }
    if (surroundings === undefined) return { provider, state: 'checking', detail: '' }
    const { family, threads } = surroundings
    return { provider, state: 'ready', detail: provider === 'wasm' ? String(threads) : family }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

const isNoBackend = (error: unknown): boolean =>
  error instanceof MeshError && error.code === 'executor.no_backend'

/** In GiB, rounded and capped by the browser; those that do not tell are taken for small. */
function deviceMemoryMb(): number {
  const gibibytes: unknown = Reflect.get(navigator, 'deviceMemory')
  return (typeof gibibytes === 'number' ? gibibytes : 4) * 1_024
}

function threadsOf({ threads }: EngineLimits): number {
  return Math.max(1, Math.min(threads, navigator.hardwareConcurrency, THREADS_MAX))
}
