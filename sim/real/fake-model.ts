/**
 * A model that costs nothing but virtual time: it doubles a number. Its manifest, files and golden
 * outputs are blobs as any model's are, and nodes check it as any model. Runs no ONNX file.
 */
import {
  type Backend,
  type Cid,
  cidOfBytes,
  encodeManifest,
  encodeValue,
  type ModelManifest
} from '#contracts'
import type {
  ExecutionEngine,
  ExecutionRequest,
  ExecutionResult,
  Signature
} from '#mesh-node/portable'

const FILE = new TextEncoder().encode('doubles a number')
const GOLDEN_INPUTS = encodeValue({ number: 21 })
const GOLDEN_OUTPUTS = encodeValue({ doubled: 42 })

const MANIFEST: ModelManifest = {
  version: 1,
  name: 'doubler',
  licence: 'Apache-2.0',
  source: 'the simulator',
  runner: 'tensor',
  tier: 'small',
  files: [{ name: 'model', cid: cidOfBytes(FILE), bytes: FILE.length }],
  inputs: [],
  outputs: [],
  settings: {},
  golden: [{ inputs: cidOfBytes(GOLDEN_INPUTS), outputs: cidOfBytes(GOLDEN_OUTPUTS) }],
  tolerances: {},
  cost: { base_us: 200_000, us_per_kib: 0 },
  memory_mb: 64
}

export const FAKE_MODEL = {
  manifest: MANIFEST,
  cid: cidOfBytes(encodeManifest(MANIFEST)),
  blobs: [FILE, GOLDEN_INPUTS, GOLDEN_OUTPUTS, encodeManifest(MANIFEST)]
} as const

export const FAKE_BACKEND: Backend = {
  runtime: 'virtual',
  version: '1',
  provider: 'cpu',
  device_class: 'virtual'
}

export const inputOf = (number: number): Uint8Array => encodeValue(number)
export const rightOutput = (number: number): Cid => cidOfBytes(encodeValue({ doubled: 2 * number }))

/** Runs the model after its service time; one after the other is the agent's affair. */
export class FakeEngine implements ExecutionEngine {
  readonly backends = [FAKE_BACKEND]
  readonly #serviceMs: number
  #running = 0
  #runs = 0

  constructor(serviceMs: number) {
    this.#serviceMs = serviceMs
  }

  get runs(): number {
    return this.#runs
  }

  backendFor(): Backend {
    return FAKE_BACKEND
  }

  mayRun(_manifest: ModelManifest, backend: Backend): boolean {
    return backend === FAKE_BACKEND
  }

  settle(): void {}

  async execute({ inputs, signal }: ExecutionRequest): Promise<ExecutionResult> {
    this.#running += 1
    try {
      await new Promise((resolve) => setTimeout(resolve, this.#serviceMs))
      signal?.throwIfAborted()
    } finally {
      this.#running -= 1
    }
    this.#runs += 1
    const { number } = inputs
    const value = number?.kind === 'value' ? Number(number.value) : 0
    const usage = {
      cpu_ms: this.#serviceMs,
      gpu_ms: 0,
      wall_ms: this.#serviceMs,
      tokens_in: 0,
      tokens_out: 0
    }
    return { outputs: { doubled: 2 * value }, usage, backend: FAKE_BACKEND }
  }

  async warm(): Promise<void> {}

  async describe(): Promise<Signature> {
    return { inputs: [], outputs: [] }
  }

  async close(): Promise<void> {}

  stats(): ReturnType<ExecutionEngine['stats']> {
    const { backends } = this
    return {
      slots: backends.length,
      running: this.#running,
      queued: 0,
      children: 0,
      runs: this.#runs,
      failures: 0
    }
  }
}
