/**
 * Reads NumPy's .npy files, versions 1 and 2, into tensors (the format: numpy.lib.format). Takes
 * plain numeric and boolean arrays of either byte order, in C or Fortran order; refuses objects,
 * fields and anything whose header and bytes disagree. The header is parsed by a small grammar of
 * its own, never evaluated.
 */
import { DTYPE_BYTES, type Dtype, MeshError, Tensor, tensorBytes } from '#contracts'

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const
/** NumPy pads headers to a few hundred bytes; a rank-16 shape needs no more than this. */
const HEADER_BYTES_MAX = 4_096

const DTYPES: Readonly<Record<string, Dtype>> = {
  b1: 'bool',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64'
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, keys in any order. */
const ENTRY =
  /^\s*'(descr|fortran_order|shape)'\s*:\s*('[^']{1,16}'|True|False|\([\d,\s]*\))\s*(,|$)/

interface Header {
  readonly descr: string
  readonly fortranOrder: boolean
  readonly shape: readonly number[]
}

const malformed = (reason: string): MeshError => new MeshError('npy.malformed', { reason })

function parseHeader(text: string): Header {
  const inner = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1]
  if (inner === undefined) throw malformed('the header is no dictionary')
  const found = new Map<string, string>()
  let rest = inner
  while (rest.trim() !== '') {
    const entry = ENTRY.exec(rest)
    const [whole, key, value] = entry ?? []
    if (whole === undefined || key === undefined || value === undefined || found.has(key)) {
      throw rest.includes('[') ? new MeshError('npy.unsupported', {}) : malformed('header entry')
    }
    found.set(key, value)
    rest = rest.slice(whole.length)
  }
  const order = found.get('fortran_order')
  const descr = /^'([^']+)'$/.exec(found.get('descr') ?? '')?.[1]
  const sizes = /^\(([\d,\s]*)\)$/.exec(found.get('shape') ?? '')?.[1]
  const isWhole = order === 'True' || order === 'False'
  if (found.size !== 3 || descr === undefined || sizes === undefined || !isWhole) {
    throw malformed('descr, fortran_order and shape must each stand once')
  }
  return { descr, fortranOrder: order === 'True', shape: parseShape(sizes) }
}

function parseShape(text: string): number[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.at(-1) === '') parts.pop()
  return parts.map((part) => {
    const size = /^\d{1,15}$/.test(part) ? Number(part) : Number.NaN
    if (!Number.isSafeInteger(size)) throw malformed('shape')
    return size
  })
}

function parseDescr(descr: string): { dtype: Dtype; bigEndian: boolean } {
  const match = /^([<>|=])([a-z]\d)$/.exec(descr)
  const dtype = DTYPES[match?.[2] ?? '']
  const mark = match?.[1]
  if (dtype === undefined || mark === undefined || mark === '=') {
    throw new MeshError('npy.unsupported', { descr })
  }
  if (mark === '|' && DTYPE_BYTES[dtype] > 1) throw malformed('byte order')
  return { dtype, bigEndian: mark === '>' }
}

function swapBytes(data: Uint8Array, width: number): Uint8Array {
  const swapped = data.slice()
  for (let start = 0; start < swapped.length; start += width) {
    swapped.subarray(start, start + width).reverse()
  }
  return swapped
}

/** Column-major bytes to row-major bytes. */
function toRowMajor(data: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const output = new Uint8Array(data.length)
  const index = new Array<number>(shape.length).fill(0)
  const strides: number[] = []
  let stride = 1
  for (const size of shape) {
    strides.push(stride)
    stride *= size
  }
  for (let at = 0; at < data.length; at += width) {
    const from = index.reduce((sum, position, axis) => sum + position * (strides[axis] ?? 0), 0)
    output.set(data.subarray(from * width, (from + 1) * width), at)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1
      index[axis] = next === shape[axis] ? 0 : next
      if (next !== shape[axis]) break
    }
  }
  return output
}

function headerRange(bytes: Uint8Array): { start: number; end: number } {
  if (bytes.length < 10 || !MAGIC.every((byte, index) => bytes[index] === byte)) {
    throw malformed('no .npy magic')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint8(6)
  if (version !== 1 && version !== 2) throw new MeshError('npy.unsupported', { version })
  if (version === 2 && bytes.length < 12) throw malformed('cut off')
  const start = version === 1 ? 10 : 12
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (length > HEADER_BYTES_MAX || start + length > bytes.length) throw malformed('header length')
  return { start, end: start + length }
}

/** Bytes of a .npy file to a tensor; the data must be there to the byte. */
export function readNpy(bytes: Uint8Array): Tensor {
  const { start, end } = headerRange(bytes)
  const header = parseHeader(String.fromCharCode(...bytes.subarray(start, end)))
  const { dtype, bigEndian } = parseDescr(header.descr)
  const expected = tensorBytes(dtype, header.shape)
  if (bytes.length - end !== expected) {
    throw new MeshError('npy.malformed', {
      reason: 'data length',
      bytes: bytes.length - end,
      bytes_expected: expected
    })
  }
  const width = DTYPE_BYTES[dtype]
  const raw = bytes.slice(end)
  const little = bigEndian && width > 1 ? swapBytes(raw, width) : raw
  const data =
    header.fortranOrder && header.shape.length > 1
      ? toRowMajor(little, header.shape, width)
      : little
  return new Tensor(dtype, header.shape, data)
}
