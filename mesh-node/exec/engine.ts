/**
 * The port through which a node or Studio runs models: one request in, one result or typed error
 * out. Says nothing of leases, prices or the network.
 */
import type { Backend, ModelManifest, Tensor, Usage, Value, ValueMap } from '#contracts'
import type { OnProgress, RunLimits } from './runners/runner.ts'
import type { Port } from './runners/runtime.ts'

/**
 * One input: a value at hand, or a file of the blob store. `tensor` files hold raw little-endian
 * bytes, `encoded` files a canonical value.
 */
export type InputRef =
  | { readonly kind: 'value'; readonly value: Value }
  | {
      readonly kind: 'tensor'
      readonly path: string
      readonly dtype: Tensor['dtype']
      readonly shape: readonly number[]
    }
  | { readonly kind: 'encoded'; readonly path: string }

export interface ExecutionLimits extends RunLimits {
  /** Wall time of the run itself; loading a model has a bound of its own. */
  readonly run_ms: number
  /** Resident memory of the executor process, its own 120 MB or so included. */
  readonly memory_mb: number
}

export interface ExecutionRequest {
  readonly manifest: ModelManifest
  /** Absolute path of each file that the manifest names. */
  readonly files: Readonly<Record<string, string>>
  readonly inputs: Readonly<Record<string, InputRef>>
  readonly limits: ExecutionLimits
  /** Run on this one of the engine's backends; absent: on the one that `backendFor` names. */
  readonly backend?: Backend
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
}

export interface ExecutionResult {
  readonly outputs: ValueMap
  readonly usage: Usage
  readonly backend: Backend
}

export interface EngineStats {
  readonly slots: number
  readonly running: number
  readonly queued: number
  /** Executor processes alive, idle ones included. */
  readonly children: number
  readonly runs: number
  readonly failures: number
}

/** What a model file says of itself. */
export interface Signature {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

/** How the golden vectors of a model came out on one backend. */
export interface Trial {
  readonly backend: Backend
  readonly ok: boolean
  /** Which golden pair failed and how; empty where it conforms. */
  readonly reason: string
}

export interface ExecutionEngine {
  /** The classes of results this engine makes now, the preferred first; their owner may switch some off. */
  readonly backends: readonly Backend[]
  /** The backend on which the model runs: the first that conforms to it; null where none may run it. */
  backendFor(manifest: ModelManifest): Backend | null
  /** The backend is one of `backends`, and conforms to the model. */
  mayRun(manifest: ModelManifest, backend: Backend): boolean
  /** Says how a model's golden vectors came out: from then on `backendFor` heeds it. */
  settle(manifest: ModelManifest, trials: readonly Trial[]): void
  execute(request: ExecutionRequest): Promise<ExecutionResult>
  /** Loads a model ahead of its first run. */
  warm(manifest: ModelManifest, files: Readonly<Record<string, string>>): Promise<void>
  /** Reads the inputs and outputs of an ONNX file. */
  describe(path: string): Promise<Signature>
  /** Ends every run and every process; later calls are refused. */
  close(): Promise<void>
  stats(): EngineStats
}
