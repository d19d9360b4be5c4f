/**
 * The page of the executor tests: opens the product's engine and lets a test drive it with plain
 * data. Models and inputs come by address from the test's own server.
 */
import {
  bytesToHex,
  type Cid,
  decodeValue,
  encodeValue,
  isValueMap,
  MeshError,
  type ModelManifest
} from '#contracts'
import {
  conformance,
  type InputRef,
  type TrialOutcome,
  type TrialRecord
} from '#mesh-node/portable'
import { type EngineLimits, WorkerEngine } from '../../../browser-node/exec/worker-engine.ts'
import type { BareOrder } from './bare-worker.ts'

export interface OpenOrder {
  readonly limits: EngineLimits
  readonly softwareModelBytesMax?: number
}

export interface RunOrder {
  readonly model: string
  /** Address of an encoded value map. */
  readonly inputs: string
  readonly runMs?: number
  readonly abortAfterMs?: number
  /** Abort when the run first says how far it is. */
  readonly abortAtProgress?: boolean
  /** Give the inputs as files instead of values. */
  readonly asFiles?: boolean
}

export interface RunReport {
  readonly code: string | null
  readonly facts: Readonly<Record<string, unknown>>
  /** Encoded outputs. */
  readonly outputs: string
  readonly backend: string
  readonly shares: readonly number[]
  readonly ms: number
  /** From the abort to the answer. */
  readonly abortMs: number
}

const GENEROUS_MS = 120_000

async function bytesAt(path: string): Promise<Uint8Array> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

/** Kept while the page is open, as a tab keeps it from visit to visit. */
class KeptTrials implements TrialRecord {
  readonly outcomes = new Map<string, TrialOutcome>()

  read(key: string): Promise<TrialOutcome | undefined> {
    return Promise.resolve(this.outcomes.get(key))
  }

  write(key: string, outcome: TrialOutcome): Promise<void> {
    this.outcomes.set(key, outcome)
    return Promise.resolve()
  }
}

class Bench {
  readonly #trials = new KeptTrials()
  readonly #bare = new Map<string, Worker>()
  #engine: WorkerEngine | undefined
  #manifests: readonly ModelManifest[] = []

  get engine(): WorkerEngine {
    if (this.#engine === undefined) throw new Error('open comes first')
    return this.#engine
  }

  async open(order: OpenOrder): Promise<unknown> {
    await this.#engine?.close()
    this.#manifests = await (await fetch('/manifests.json')).json()
    this.#engine = await WorkerEngine.open(order)
    return this.status()
  }

  status(): unknown {
    const { backends, accelerators } = this.engine
    return { backends, accelerators, status: this.engine.status(), stats: this.engine.stats() }
  }

  /** The provider that a run would use now. */
  choice(model: string): string | null {
    return this.engine.backendFor(this.#manifest(model))?.provider ?? null
  }

  /** Models and backends that are known without another run. */
  kept(): readonly string[] {
    return [...this.#trials.outcomes.keys()]
  }

  async setLimits(change: Partial<EngineLimits>): Promise<unknown> {
    await this.engine.setLimits(change)
    return this.status()
  }

  conform(model: string): Promise<unknown> {
    const manifest = this.#manifest(model)
    const loadBlob = (cid: Cid): Promise<Uint8Array> => bytesAt(`/blob/${cid}`)
    const { engine } = this
    const record = this.#trials
    return conformance({ manifest, files: filesOf(manifest), engine, loadBlob, record })
  }

  /** Takes a model for conforming on WASM, as hand-made ones have no golden vectors. */
  trust(model: string): void {
    const trials = this.engine.backends.map((backend) => ({
      backend,
      ok: backend.provider === 'wasm',
      reason: ''
    }))
    this.engine.settle(this.#manifest(model), trials)
  }

  async run(order: RunOrder): Promise<RunReport> {
    const manifest = this.#manifest(order.model)
    const inputs = await inputsOf(order)
    const abort = new AbortController()
    let abortedMs = 0
    const withdraw = (): void => {
      if (abort.signal.aborted) return
      abortedMs = performance.now()
      abort.abort()
    }
    if (order.abortAfterMs !== undefined) setTimeout(withdraw, order.abortAfterMs)
    const shares: number[] = []
    const startMs = performance.now()
    const times = () => ({
      ms: performance.now() - startMs,
      abortMs: abortedMs === 0 ? 0 : performance.now() - abortedMs
    })
    const limits = { run_ms: order.runMs ?? GENEROUS_MS, memory_mb: 1_024, max_tokens: 512 }
    try {
      const { outputs, backend } = await this.engine.execute({
        manifest,
        files: filesOf(manifest),
        inputs,
        limits,
        signal: abort.signal,
        onProgress: (share) => {
          shares.push(share)
          if (order.abortAtProgress === true) withdraw()
        }
      })
      const done = { outputs: bytesToHex(encodeValue(outputs)), backend: backend.provider }
      return { code: null, facts: {}, ...done, shares, ...times() }
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      const { code, facts } = error
      return { code, facts, outputs: '', backend: '', shares, ...times() }
    }
  }

  /** How long so many runs take through the engine, one after the other, the first one not counted. */
  async timeEngine(model: string, runs: number): Promise<number> {
    const manifest = this.#manifest(model)
    const inputs = await inputsOf({ model, inputs: `/inputs/${model}` })
    const limits = { run_ms: GENEROUS_MS, memory_mb: 1_024, max_tokens: 512 }
    const request = { manifest, files: filesOf(manifest), inputs, limits }
    await this.engine.execute(request)
    const startMs = performance.now()
    for (let run = 0; run < runs; run++) await this.engine.execute(request)
    return performance.now() - startMs
  }

  /** The same in a worker that does nothing else. */
  timeBare(model: string, runs: number): Promise<number> {
    const worker =
      this.#bare.get(model) ??
      new Worker(new URL('./bare-worker.ts', import.meta.url), { type: 'module' })
    this.#bare.set(model, worker)
    const { origin } = location
    const runtime = new URL('./runtime/', import.meta.url).href
    const inputs = `${origin}/inputs/${model}`
    const order: BareOrder = { manifest: this.#manifest(model), origin, runtime, inputs, runs }
    return new Promise((resolve, reject) => {
      worker.addEventListener(
        'message',
        ({ data }) => {
          if (typeof data.ms === 'number') resolve(data.ms)
          else reject(new Error(data.fault))
        },
        { once: true }
      )
      worker.postMessage(order)
    })
  }

  #manifest(name: string): ModelManifest {
    const found = this.#manifests.find((manifest) => manifest.name === name)
    if (found === undefined) throw new Error(`no model ${name}`)
    return found
  }
}

const filesOf = ({ files }: ModelManifest): Record<string, string> =>
  Object.fromEntries(files.map(({ name, cid }) => [name, `${location.origin}/blob/${cid}`]))

async function inputsOf({ inputs, asFiles }: RunOrder): Promise<Record<string, InputRef>> {
  const values = decodeValue(await bytesAt(inputs))
  if (!isValueMap(values)) throw new Error('inputs are a map')
  const refs: Record<string, InputRef> = {}
  for (const [name, value] of Object.entries(values)) {
    refs[name] =
      asFiles === true
        ? { kind: 'encoded', path: await privateFile(name, encodeValue(value).slice()) }
        : { kind: 'value', value }
  }
  return refs
}

/** Puts bytes among the origin's private files, where a tab keeps its blobs. */
async function privateFile(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('inputs', { create: true })
  const file = await (await folder.getFileHandle(name, { create: true })).createWritable()
  await file.write(bytes)
  await file.close()
  return `inputs/${name}`
}

Reflect.set(globalThis, 'bench', new Bench())
