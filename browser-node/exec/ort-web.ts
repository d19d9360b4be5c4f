/**
 * ONNX Runtime Web behind the runners' port, as ort-node.ts is for Node. Lives in executor workers
 * alone: a WASM run blocks its thread. Which build of the runtime it is, the worker's entry decides.
 */
import { MeshError } from '#contracts'
import { type OrtSession, type Runtime, runtimeOf } from '#mesh-node/runners'
import type { TabProvider } from './protocol.ts'
import { RUN_MARK, type RunBrake } from './run-brake.ts'

interface OrtWebSession extends OrtSession {
  run(feeds: Record<string, unknown>, options?: object): Promise<Record<string, unknown>>
}

/** The shape of onnxruntime-web's modules, as far as we use it. */
export interface OrtWeb {
  readonly env: {
    readonly versions: { readonly common: string; readonly web?: string }
    readonly wasm: { numThreads?: number; wasmPaths?: unknown; proxy?: boolean }
    readonly webgpu: object
  }
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: object): Promise<OrtWebSession>
  }
  readonly Tensor: new (...parts: never[]) => object
}

interface OrtWebOptions {
  readonly assets: string
  readonly threads: number
  readonly provider: TabProvider
  /** Null where nobody could pull it. */
  readonly brake: RunBrake | null
}

/** The same in Node: graph optimisation changes the last bits. */
const OPTIMISATION_LEVEL = 'all'

/** Marked for the brake; a run that it ends is no fault that a console need show. */
const RUN_OPTIONS = { logVerbosityLevel: RUN_MARK, logSeverityLevel: 4 }

/** A run that is withdrawn goes on for so long at most, and for the call that is under way. */
const TURN_EVERY_MS = 20

/** A WASM memory that may not grow fails in words of its own; the runtime passes them on. */
const OUT_OF_MEMORY = /bad_alloc|out of memory|cannot enlarge memory|Array buffer allocation/i

export function webRuntime(
  ort: OrtWeb,
  { assets, threads, provider, brake }: OrtWebOptions
): Runtime {
  const { wasm } = ort.env
  wasm.wasmPaths = assets
  wasm.numThreads = threads
  const options = {
    executionProviders: [provider],
    graphOptimizationLevel: OPTIMISATION_LEVEL,
    logSeverityLevel: 3
  }
  return runtimeOf({
    create: async (source) => {
      if (typeof source === 'string') throw new MeshError('model.unsupported', { source })
      return yielding(await ort.InferenceSession.create(source, options), brake)
    },
    tensor: (type, data, dims) => Reflect.construct(ort.Tensor, [type, data, dims])
  })
}

let lastTurnMs = 0

/**
 * Lets the event loop turn between runs. A worker that is terminated ends at its next turn, and in
 * Chromium only 2 s later where none comes: loops over tokens or windows would never give one.
 */
function yielding(session: OrtWebSession, brake: RunBrake | null): OrtSession {
  return {
    inputMetadata: session.inputMetadata,
    outputMetadata: session.outputMetadata,
    async run(feeds) {
      if (performance.now() - lastTurnMs > TURN_EVERY_MS) {
        await nextTurn()
        lastTurnMs = performance.now()
      }
      if (brake === null) return session.run(feeds)
      try {
        return await session.run(feeds, RUN_OPTIONS)
      } finally {
        brake.release()
      }
    },
    release: () => session.release()
  }
}

const channel = new MessageChannel()

/** Costs some microseconds; a timer would be held back to 4 ms. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    channel.port1.onmessage = () => resolve()
    channel.port2.postMessage(null)
  })
}

/** What the runtime's own failure means; the error as it came where it means nothing more. */
export function plainer(error: unknown): unknown {
  if (!(error instanceof MeshError)) return error
  const { reason } = error.facts
  if (typeof reason === 'string' && OUT_OF_MEMORY.test(reason)) {
    return new MeshError('executor.memory_exceeded', { reason }, { cause: error })
  }
  // a trap leaves the runtime's memory in a state that nobody knows
  if (error.cause instanceof WebAssembly.RuntimeError) {
    return new MeshError('executor.crashed', { reason: reason ?? null }, { cause: error })
  }
  return error
}
