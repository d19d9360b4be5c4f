/** On which of a node's backends a unit runs: the engine's choice, or the one that the hello names. */
import { equal } from 'node:assert/strict'
import {
  type Backend,
  cidOfDocument,
  encodeManifest,
  type ModelManifest,
  packUnit,
  type WorkUnit
} from '#contracts'
import type { ExecutionEngine, ExecutionRequest } from '#mesh-node/exec'
import { MemoryBlobs } from '#mesh-node/store'
import { ModelKeeper } from '../../mesh-node/agent/model-keeper.ts'
import { UnitRunner } from '../../mesh-node/agent/unit-runner.ts'
import { unitOf } from '../support/agent-fixtures.ts'
import { tensorManifest } from '../support/models.ts'

const backendOf = (provider: string): Backend => ({
  runtime: 'onnxruntime-web',
  version: '1.30.0',
  provider,
  device_class: 'opt-all/test'
})
const GPU = backendOf('webgpu')
const WASM = backendOf('wasm')

/** Prefers the GPU, and says on what it was asked to run. */
class TwoBackends implements ExecutionEngine {
  readonly backends = [GPU, WASM]
  readonly #conforming: readonly Backend[]

  constructor(conforming: readonly Backend[]) {
    this.#conforming = conforming
  }

  backendFor(): Backend | null {
    return this.#conforming[0] ?? null
  }
  mayRun(_manifest: ModelManifest, backend: Backend): boolean {
    return this.#conforming.includes(backend)
  }
  settle(): void {}
  execute({ backend = this.backendFor() ?? GPU }: ExecutionRequest) {
    const usage = { cpu_ms: 1, gpu_ms: 0, wall_ms: 1, tokens_in: 0, tokens_out: 0 }
    return Promise.resolve({ outputs: {}, usage, backend })
  }
  warm(): Promise<void> {
    return Promise.resolve()
  }
  describe() {
    return Promise.resolve({ inputs: [], outputs: [] })
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
  stats() {
    return { slots: 1, running: 0, queued: 0, children: 0, runs: 0, failures: 0 }
  }
}

async function ranOn(
  agreement: WorkUnit['verification']['agreement'],
  conforming: readonly Backend[]
): Promise<string> {
  const memory = new MemoryBlobs()
  const model = new TextEncoder().encode('a model')
  const manifest = tensorManifest('double', model)
  const bytes = encodeManifest(manifest)
  const cid = cidOfDocument(bytes)
  await memory.put(model)
  await memory.put(bytes, cid)
  const blobs = Object.assign(memory, {
    hold: () => Promise.resolve({ path: 'here', size: model.length, release: () => {} })
  })
  const ports = { blobs, engine: new TwoBackends(conforming), fetchBlob: () => Promise.resolve() }
  const models = new ModelKeeper(ports)
  const runner = new UnitRunner(ports, { models, memoryMb: 64, drill: null, backend: WASM })
  const verification = { mode: 'quorum', replicas: 2, agreement } as const
  const packed = packUnit(unitOf(1, { model: { cid, handler: null }, verification }))
  const { signal } = new AbortController()
  const { backend } = await runner.run(packed, { timeoutMs: 1_000, signal, from: [] })
  return backend.provider
}

describe('a unit on a node with two backends', () => {
  it('runs on the one that the engine prefers', async () => {
    equal(await ranOn({ level: 'label' }, [GPU, WASM]), 'webgpu')
  })

  it('runs on the one that the hello names where equal bytes of one class are wanted', async () => {
    equal(await ranOn({ level: 'class_exact' }, [GPU, WASM]), 'wasm')
  })

  it('runs on the other one where the named one does not conform to the model', async () => {
    equal(await ranOn({ level: 'class_exact' }, [GPU]), 'webgpu')
  })
})
