/**
 * What an executor worker and the page say to each other. Values travel in their canonical bytes:
 * structured clone would turn a `Tensor` into a plain object.
 */
import type { Dtype, ErrorCode, ErrorFacts, ModelManifest } from '#contracts'
import type { Signature } from '#mesh-node/portable'
import type { FileRef } from './file-source.ts'
import type { BrakeCell } from './run-brake.ts'

export type TabProvider = 'webgpu' | 'wasm'

export type WireInput =
  | { readonly kind: 'value'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'tensor'
      readonly file: FileRef
      readonly dtype: Dtype
      readonly shape: readonly number[]
    }
  | { readonly kind: 'encoded'; readonly file: FileRef }

export type WorkerRequest =
  | {
      readonly type: 'begin'
      /** Folder with the files of `RUNTIME_FILES`, on this origin. */
      readonly assets: string
      readonly threads: number
      /** The runtime's memory may not grow beyond. */
      readonly heapBytesMax: number
      /** A lock that is held as long as the worker lives. */
      readonly lock: string
      /** Where the worker says how to end a run in the midst of a call; null where nothing is shared. */
      readonly brake: BrakeCell | null
    }
  | {
      readonly type: 'load'
      readonly model: string
      readonly manifest: ModelManifest
      readonly files: Readonly<Record<string, FileRef>>
    }
  | {
      readonly type: 'run'
      readonly model: string
      readonly inputs: Readonly<Record<string, WireInput>>
      readonly max_tokens: number
      readonly progress: boolean
    }
  | { readonly type: 'release'; readonly model: string }
  | { readonly type: 'describe'; readonly file: FileRef }

/** What a worker finds where it lives. */
export interface Surroundings {
  readonly version: string
  /** Threads that a run uses; one where the page is not isolated. */
  readonly threads: number
  /** Instruction set or adapter family: what decides the bits of a result. */
  readonly family: string
  /** The adapter is a program on the processor. */
  readonly isSoftware: boolean
}

export interface WorkerUsage {
  readonly cpu_ms: number
  readonly gpu_ms: number
  readonly wall_ms: number
  readonly tokens_in: number
  readonly tokens_out: number
}

/** The answer to a request; `heapBytes` is what the runtime's memory has grown to. */
export type WorkerAnswer =
  | { readonly type: 'began'; readonly surroundings: Surroundings }
  | { readonly type: 'loaded'; readonly heapBytes: number }
  | {
      readonly type: 'done'
      readonly outputs: Uint8Array
      readonly usage: WorkerUsage
      readonly heapBytes: number
    }
  | { readonly type: 'released'; readonly heapBytes: number }
  | { readonly type: 'described'; readonly signature: Signature }

export type WorkerReply =
  | WorkerAnswer
  | { readonly type: 'progress'; readonly share: number }
  | { readonly type: 'fault'; readonly code: ErrorCode; readonly facts: ErrorFacts }
  /** Our own mistake inside the worker; what it holds can no longer be trusted. */
  | { readonly type: 'bug'; readonly message: string }
  /** Before a run: the runtime's memory is this one now. */
  | { readonly type: 'heap'; readonly heap: SharedArrayBuffer }
  /** At any time: the GPU is gone, and all that was on it. */
  | { readonly type: 'device-lost'; readonly reason: string }
