/**
 * Values: what tasks take and give. JSON values, byte strings, and tensors (raw little-endian bytes
 * in row-major order with dtype and shape). A value has one canonical encoding, so equal values have
 * equal content ids. Does not interpret tensor contents beyond their size.
 */
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { MeshError } from './errors.ts'
import { TENSOR_RANK_MAX, VALUE_BYTES_MAX, VALUE_DEPTH_MAX } from './limits.ts'

/** Bytes per element; `string` has none: its data is the canonical CBOR list of its elements. */
export const DTYPE_BYTES = {
  bool: 1,
  float16: 2,
  float32: 4,
  float64: 8,
  int16: 2,
  int32: 4,
  int64: 8,
  int8: 1,
  string: 0,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  uint8: 1
} as const
export type Dtype = keyof typeof DTYPE_BYTES

export const isDtype = (text: unknown): text is Dtype =>
  typeof text === 'string' && Object.hasOwn(DTYPE_BYTES, text)

/** The key that marks an encoded tensor; a plain object may not use it. */
const TENSOR_KEY = '$tensor'

/** A dense array. `data` is little-endian, row-major, and exactly as long as dtype and shape say. */
export class Tensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: Uint8Array

  constructor(dtype: Dtype, shape: readonly number[], data: Uint8Array) {
    const expected = tensorBytes(dtype, shape)
    if (dtype !== 'string' && data.length !== expected) {
      throw new MeshError('contracts.tensor_malformed', {
        dtype,
        shape: shape.join('x'),
        bytes: data.length,
        expected
      })
    }
    this.dtype = dtype
    this.shape = shape
    this.data = data
  }
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tensor
  | readonly Value[]
  | { readonly [key: string]: Value }
export type ValueMap = { readonly [key: string]: Value }

/** Bytes that a tensor of this dtype and shape holds; throws on an impossible shape. */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number {
  let elements = 1
  for (const size of shape) elements *= Number.isInteger(size) && size >= 0 ? size : Number.NaN
  if (shape.length > TENSOR_RANK_MAX || !Number.isSafeInteger(elements)) {
    throw new MeshError('contracts.tensor_malformed', { dtype, shape: shape.join('x') })
  }
  return elements * DTYPE_BYTES[dtype]
}

export const isValueMap = (value: Value | undefined): value is ValueMap =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array) &&
  !(value instanceof Tensor)
export const isValueList = (value: Value | undefined): value is readonly Value[] =>
  Array.isArray(value)

/** Canonical bytes of a value (at most VALUE_BYTES_MAX). */
export function encodeValue(value: Value): Uint8Array {
  const encoded = encodeCanonical(toPlain(value, 0))
  if (encoded.length > VALUE_BYTES_MAX) {
    throw new MeshError('contracts.too_large', { bytes: encoded.length, bytesMax: VALUE_BYTES_MAX })
  }
  return encoded
}

/** Reads bytes from outside as a value; refuses what is not canonical or not a value. */
export function decodeValue(bytes: Uint8Array): Value {
  return fromPlain(decodeCanonical(bytes, { bytesMax: VALUE_BYTES_MAX }), 0)
}

/** What JSON Schema and people see: a tensor is {dtype, shape}, bytes are {bytes: length}. */
export function jsonView(value: Value): unknown {
  if (value instanceof Tensor) return { dtype: value.dtype, shape: [...value.shape] }
  if (value instanceof Uint8Array) return { bytes: value.length }
  if (typeof value === 'bigint') return value.toString()
  if (isValueList(value)) return value.map(jsonView)
  if (isValueMap(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonView(inner)]))
  }
  return value
}

function toPlain(value: Value, depth: number): unknown {
  guardDepth(depth)
  if (value instanceof Tensor)
    return { [TENSOR_KEY]: value.dtype, data: value.data, shape: [...value.shape] }
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (isValueList(value)) return value.map((inner) => toPlain(inner, depth + 1))
  if (Object.hasOwn(value, TENSOR_KEY))
    throw new MeshError('contracts.value_malformed', { key: TENSOR_KEY })
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, toPlain(inner, depth + 1)])
  )
}

function fromPlain(plain: unknown, depth: number): Value {
  guardDepth(depth)
  if (plain === null || plain instanceof Uint8Array) return plain
  if (Array.isArray(plain)) return plain.map((inner) => fromPlain(inner, depth + 1))
  switch (typeof plain) {
    case 'boolean':
    case 'number':
    case 'bigint':
    case 'string':
      return plain
    case 'object':
      return fromPlainMap(plain, depth)
    default:
      throw new MeshError('contracts.value_malformed', { type: typeof plain })
  }
}

function fromPlainMap(plain: object, depth: number): Value {
  const entries: [string, unknown][] = Object.entries(plain)
  if (!Object.hasOwn(plain, TENSOR_KEY)) {
    return Object.fromEntries(entries.map(([key, inner]) => [key, fromPlain(inner, depth + 1)]))
  }
  const map = new Map(entries)
  const dtype = map.get(TENSOR_KEY)
  const shape = map.get('shape')
  const data = map.get('data')
  const shaped =
    Array.isArray(shape) && shape.every((size): size is number => typeof size === 'number')
  if (map.size !== 3 || !isDtype(dtype) || !shaped || !(data instanceof Uint8Array)) {
    throw new MeshError('contracts.tensor_malformed', {
      keys: [...map.keys()].join(',').slice(0, 80)
    })
  }
  return new Tensor(dtype, shape, data)
}

function guardDepth(depth: number): void {
  if (depth > VALUE_DEPTH_MAX)
    throw new MeshError('contracts.value_malformed', { depthMax: VALUE_DEPTH_MAX })
}
