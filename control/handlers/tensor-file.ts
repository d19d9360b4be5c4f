/**
 * Tensors from files people have: .npy, JSON (nested lists of numbers) and raw little-endian bytes.
 * Refuses ragged lists, numbers that the element type cannot hold, and lengths that do not fit.
 */
import { DTYPE_BYTES, type Dtype, MeshError, TENSOR_RANK_MAX, Tensor } from '#contracts'

const malformed = (reason: string): MeshError => new MeshError('tensor.malformed', { reason })

/** The sizes along the first element of each level; `flatten` checks that all others match. */
function shapeOf(value: unknown): number[] {
  const shape: number[] = []
  let level = value
  while (Array.isArray(level)) {
    if (shape.length >= TENSOR_RANK_MAX) throw malformed('nested too deep')
    shape.push(level.length)
    level = level[0]
  }
  return shape
}

function flatten(value: unknown, shape: readonly number[], depth: number, into: unknown[]): void {
  if (depth === shape.length) {
    if (Array.isArray(value)) throw malformed('ragged lists')
    into.push(value)
    return
  }
  if (!Array.isArray(value) || value.length !== shape[depth]) throw malformed('ragged lists')
  for (const inner of value) flatten(inner, shape, depth + 1, into)
}

const INTEGER_RANGES: Partial<Record<Dtype, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-2_147_483_648, 2_147_483_647],
  uint32: [0, 4_294_967_295],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER]
}

function numberOf(dtype: Dtype, value: unknown): number {
  if (dtype === 'bool') {
    if (typeof value !== 'boolean') throw malformed('bool takes true and false')
    return value ? 1 : 0
  }
  if (typeof value !== 'number') throw malformed(`${dtype} takes numbers`)
  const range = INTEGER_RANGES[dtype]
  if (range !== undefined && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
    throw malformed(`${value} is no ${dtype}`)
  }
  return value
}

type WritableDtype = Exclude<Dtype, 'float16' | 'string'>

const WRITERS: Record<WritableDtype, (view: DataView, offset: number, value: number) => void> = {
  bool: (view, offset, value) => view.setUint8(offset, value),
  float32: (view, offset, value) => view.setFloat32(offset, value, true),
  float64: (view, offset, value) => view.setFloat64(offset, value, true),
  int8: (view, offset, value) => view.setInt8(offset, value),
  int16: (view, offset, value) => view.setInt16(offset, value, true),
  int32: (view, offset, value) => view.setInt32(offset, value, true),
  int64: (view, offset, value) => view.setBigInt64(offset, BigInt(value), true),
  uint8: (view, offset, value) => view.setUint8(offset, value),
  uint16: (view, offset, value) => view.setUint16(offset, value, true),
  uint32: (view, offset, value) => view.setUint32(offset, value, true),
  uint64: (view, offset, value) => view.setBigUint64(offset, BigInt(value), true)
}

/** Nested lists to a tensor; the shape is that of the lists. */
function tensorFromLists(value: unknown, dtype: Dtype): Tensor {
  const shape = shapeOf(value)
  const items: unknown[] = []
  flatten(value, shape, 0, items)
  if (dtype === 'float16' || dtype === 'string') {
    throw malformed(`give ${dtype} as .npy or raw bytes`)
  }
  const width = DTYPE_BYTES[dtype]
  const write = WRITERS[dtype]
  const data = new Uint8Array(items.length * width)
  const view = new DataView(data.buffer)
  items.forEach((item, index) => {
    write(view, index * width, numberOf(dtype, item))
  })
  return new Tensor(dtype, shape, data)
}

/** JSON text to a tensor. */
export function tensorFromJson(bytes: Uint8Array, dtype: Dtype): Tensor {
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new MeshError('tensor.malformed', { reason: 'no JSON' }, { cause: error })
  }
  return tensorFromLists(parsed, dtype)
}
