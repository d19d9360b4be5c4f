/**
 * Outputs as people and programs take them: a JSON view in which small tensors carry their numbers,
 * and files in which everything is whole (.npy for tensors, .bin for bytes, .json for the rest).
 * Pure: writes nothing.
 */
import {
  type Dtype,
  isValueList,
  isValueMap,
  jsonView,
  readTensorNumbers,
  Tensor,
  type Value,
  type ValueMap
} from '#contracts'

/** Larger tensors are named by dtype and shape in JSON; their numbers are in the files. */
const INLINE_ELEMENTS_MAX = 4_096

/** As `jsonView`, with the numbers of small tensors in row-major order. */
export function outputView(value: Value): unknown {
  if (value instanceof Tensor) {
    const elements = value.shape.reduce((product, size) => product * size, 1)
    const isShown = value.dtype !== 'string' && elements <= INLINE_ELEMENTS_MAX
    const view = { dtype: value.dtype, shape: [...value.shape] }
    return isShown ? { ...view, data: Array.from(readTensorNumbers(value), finiteOrText) } : view
  }
  if (isValueList(value)) return value.map(outputView)
  if (isValueMap(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, outputView(inner)]))
  }
  return jsonView(value)
}

export const outputsView = (outputs: ValueMap): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, outputView(value)]))

/** JSON has no NaN and no infinity; null would lose which it was. */
const finiteOrText = (number: number): number | string =>
  Number.isFinite(number) ? number : String(number)

export interface OutputFile {
  /** Below the folder that the caller chooses; made of safe characters only. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** Every output as files: one .json each, and one more for every tensor or byte string inside. */
export function outputFiles(outputs: ValueMap): OutputFile[] {
  return Object.entries(outputs).flatMap(([name, value]) => filesOf(safeName(name), value))
}

function filesOf(name: string, value: Value): OutputFile[] {
  if (value instanceof Tensor && NPY_TYPES[value.dtype] !== undefined) {
    return [{ name: `${name}.npy`, bytes: npyBytes(value) }]
  }
  if (value instanceof Uint8Array) return [{ name: `${name}.bin`, bytes: value }]
  const text = new TextEncoder().encode(`${JSON.stringify(outputView(value), null, 2)}\n`)
  return [{ name: `${name}.json`, bytes: text }, ...innerFiles(name, value)]
}

function innerFiles(name: string, value: Value): OutputFile[] {
  const inner: (readonly [string, Value])[] = isValueList(value)
    ? value.map((item, index) => [String(index), item] as const)
    : isValueMap(value)
      ? Object.entries(value)
      : []
  return inner.flatMap(([key, item]) => {
    const path = `${name}.${safeName(key)}`
    if (item instanceof Tensor || item instanceof Uint8Array) return filesOf(path, item)
    return innerFiles(path, item)
  })
}

/** An output's name comes from a stranger's graph: it must not leave the folder or hide in it. */
const safeName = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 80) || '_'

const NPY_TYPES: Partial<Record<Dtype, string>> = {
  bool: '|b1',
  float16: '<f2',
  float32: '<f4',
  float64: '<f8',
  int8: '|i1',
  int16: '<i2',
  int32: '<i4',
  int64: '<i8',
  uint8: '|u1',
  uint16: '<u2',
  uint32: '<u4',
  uint64: '<u8'
}

/** NumPy's .npy format 1.0: magic, header padded to 64 bytes, raw little-endian data. */
function npyBytes({ dtype, shape, data }: Tensor): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const fields = `{'descr': '${NPY_TYPES[dtype]}', 'fortran_order': False, 'shape': (${sizes}), }`
  const header = `${fields.padEnd(Math.ceil((fields.length + 11) / 64) * 64 - 11)}\n`
  const bytes = new Uint8Array(10 + header.length + data.length)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 0xff, header.length >> 8])
  bytes.set(new TextEncoder().encode(header), 10)
  bytes.set(data, 10 + header.length)
  return bytes
}
