/**
 * The little that a runner needs of ONNX Runtime, so that one runner works over onnxruntime-node and
 * onnxruntime-web. No Node modules here, and no knowledge of files, processes or pages.
 */
import { type Dtype, isDtype, MeshError } from '#contracts'

/** A tensor as the runtime holds it. `data` is the typed array of its type, or strings. */
export interface RuntimeTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: unknown
  /** Where the data lies; absent is the same as `cpu`. */
  readonly location?: string
}

/** One input or output of a model. null stands for any size, or for a shape that is not stated. */
export interface Port {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly (number | null)[]
}

export interface Session {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  run(feeds: Readonly<Record<string, RuntimeTensor>>): Promise<Record<string, RuntimeTensor>>
  release(): Promise<void>
}

/** What `Runtime.tensor` takes: raw typed arrays, or text for string tensors. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[]

export interface Runtime {
  /** A path where the platform has files, else the bytes of the model. */
  createSession(source: string | Uint8Array): Promise<Session>
  tensor(dtype: Dtype, data: TensorData, dims: readonly number[]): RuntimeTensor
}

/** The shape of ONNX Runtime's own modules (onnxruntime-common), as far as we use it. */
interface MetadataEntry {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: string
  readonly shape?: readonly (number | string)[]
}

export interface OrtSession {
  readonly inputMetadata: readonly MetadataEntry[]
  readonly outputMetadata: readonly MetadataEntry[]
  run(feeds: Record<string, unknown>): Promise<Record<string, unknown>>
  release(): Promise<void>
}

/** What the platform supplies: how to make a session and a tensor. */
export interface OrtModule {
  create(source: string | Uint8Array): Promise<OrtSession>
  tensor(type: string, data: TensorData, dims: readonly number[]): RuntimeTensor
}

function isRuntimeTensor(value: unknown): value is RuntimeTensor {
  return typeof value === 'object' && value !== null && 'dims' in value && 'data' in value
}

function portOf(entry: MetadataEntry): Port {
  const { name, type, shape = [] } = entry
  if (!entry.isTensor || !isDtype(type)) {
    throw new MeshError('model.unsupported', { port: name, type: type ?? 'sequence or optional' })
  }
  return {
    name,
    dtype: type,
    shape: shape.map((size) => (typeof size === 'number' && size >= 0 ? size : null))
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 240)
}

/** Wraps a platform's ONNX Runtime; failures become typed errors. */
export function runtimeOf(ort: OrtModule): Runtime {
  return {
    tensor: (dtype, data, dims) => ort.tensor(dtype, data, dims),
    async createSession(source) {
      let session: OrtSession
      try {
        session = await ort.create(source)
      } catch (error) {
        throw new MeshError('model.not_onnx', { reason: reasonOf(error) }, { cause: error })
      }
      try {
        return wrapSession(session)
      } catch (error) {
        await session.release()
        throw error
      }
    }
  }
}

function wrapSession(session: OrtSession): Session {
  return {
    inputs: session.inputMetadata.map(portOf),
    outputs: session.outputMetadata.map(portOf),
    async run(feeds) {
      let results: Record<string, unknown>
      try {
        results = await session.run({ ...feeds })
      } catch (error) {
        throw new MeshError('model.run_failed', { reason: reasonOf(error) }, { cause: error })
      }
      const tensors: Record<string, RuntimeTensor> = {}
      for (const [name, value] of Object.entries(results)) {
        if (!isRuntimeTensor(value)) throw new MeshError('model.unsupported', { port: name })
        tensors[name] = value
      }
      return tensors
    },
    release: () => session.release()
  }
}
