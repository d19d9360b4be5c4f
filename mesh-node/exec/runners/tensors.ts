/**
 * Between our tensors (raw little-endian bytes) and the runtime's typed arrays. Shares memory where
 * alignment allows, copies where it does not. ONNX Runtime itself exists for little-endian machines
 * alone, so typed arrays and our bytes agree.
 */
import { type Dtype, decodeCanonical, encodeCanonical, MeshError, Tensor } from '#contracts'
import type { Runtime, RuntimeTensor, TensorData } from './runtime.ts'

/** The widest element has 8 bytes: memory aligned to it serves every type. */
const ALIGNMENT = 8

function aligned(data: Uint8Array): { buffer: ArrayBufferLike; offset: number; bytes: number } {
  if (data.byteOffset % ALIGNMENT === 0) {
    return { buffer: data.buffer, offset: data.byteOffset, bytes: data.byteLength }
  }
  const copy = data.slice()
  return { buffer: copy.buffer, offset: copy.byteOffset, bytes: copy.byteLength }
}

function stringsOf(tensor: Tensor): string[] {
  const list = decodeCanonical(tensor.data, { bytesMax: tensor.data.length })
  const elements = tensor.shape.reduce((product, size) => product * size, 1)
  const isText = (item: unknown): item is string => typeof item === 'string'
  if (!Array.isArray(list) || !list.every(isText) || list.length !== elements) {
    throw new MeshError('contracts.tensor_malformed', { dtype: 'string', elements })
  }
  return list
}

function typedArray(dtype: Exclude<Dtype, 'string'>, data: Uint8Array): TensorData {
  const { buffer, offset, bytes } = aligned(data)
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, offset, bytes / 4)
    case 'float64':
      return new Float64Array(buffer, offset, bytes / 8)
    case 'int8':
      return new Int8Array(buffer, offset, bytes)
    case 'int16':
      return new Int16Array(buffer, offset, bytes / 2)
    case 'float16':
    case 'uint16':
      return new Uint16Array(buffer, offset, bytes / 2)
    case 'int32':
      return new Int32Array(buffer, offset, bytes / 4)
    case 'uint32':
      return new Uint32Array(buffer, offset, bytes / 4)
    case 'int64':
      return new BigInt64Array(buffer, offset, bytes / 8)
    case 'uint64':
      return new BigUint64Array(buffer, offset, bytes / 8)
    case 'bool':
    case 'uint8':
      return new Uint8Array(buffer, offset, bytes)
  }
}

/** Our tensor as the runtime's; shares memory, so the caller must not change it during the run. */
export function toRuntime(runtime: Runtime, tensor: Tensor): RuntimeTensor {
  const data = tensor.dtype === 'string' ? stringsOf(tensor) : typedArray(tensor.dtype, tensor.data)
  return runtime.tensor(tensor.dtype, data, tensor.shape)
}

/** A float32 tensor over numbers that a runner made. */
export function floats(
  runtime: Runtime,
  data: Float32Array,
  dims: readonly number[]
): RuntimeTensor {
  return runtime.tensor('float32', data, dims)
}

/** The runtime's tensor as ours; shares memory. */
export function fromRuntime(dtype: Dtype, tensor: RuntimeTensor): Tensor {
  const { data, dims } = tensor
  if (dtype === 'string') {
    if (!Array.isArray(data)) throw new MeshError('model.unsupported', { type: tensor.type })
    return new Tensor('string', [...dims], encodeCanonical([...data]))
  }
  if (!ArrayBuffer.isView(data)) throw new MeshError('model.unsupported', { type: tensor.type })
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return new Tensor(dtype, [...dims], bytes)
}

/** The numbers of a float32 output; anything else means that the file is another model. */
export function floatsOf(tensor: RuntimeTensor | undefined, port: string): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data
  throw new MeshError('model.unsupported', { port, type: tensor?.type ?? 'absent' })
}

/** Our float32 tensor as numbers; shares memory where it is aligned. */
export function float32Numbers(tensor: Tensor): Float32Array {
  const { buffer, offset, bytes } = aligned(tensor.data)
  return new Float32Array(buffer, offset, bytes / 4)
}
