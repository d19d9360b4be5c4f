/**
 * Tensors, without a model: load from a file, cut into batches along the first axis for fan-out, and
 * join the answers again. Copies bytes; computes nothing on them.
 */
import { DTYPE_BYTES, isDtype, isValueMap, MeshError, Tensor, type Value } from '#contracts'
import { Arguments, type Handler } from './handler.ts'
import { readNpy } from './npy.ts'
import { tensorFromJson } from './tensor-file.ts'

const SIZE_MAX = Number.MAX_SAFE_INTEGER

function shapeArgument(given: Arguments): number[] {
  return given.list('shape').map((size) => {
    if (typeof size === 'number' && Number.isInteger(size) && size >= 0) return size
    throw given.fault('shape', 'a list of sizes')
  })
}

function dtypeArgument(given: Arguments): Tensor['dtype'] {
  const dtype = given.has('dtype') ? given.text('dtype') : 'float32'
  if (isDtype(dtype) && dtype !== 'string') return dtype
  throw given.fault('dtype', `one of ${Object.keys(DTYPE_BYTES).join(', ')}`)
}

const load: Handler = {
  version: 1,
  summary: '{file, format: npy | json | raw, dtype?, shape?} → tensor',
  run(args) {
    const given = new Arguments('tensor.load', args, ['file', 'format', 'dtype', 'shape'])
    const file = given.bytes('file')
    const format = given.text('format')
    switch (format) {
      case 'npy':
        return readNpy(file)
      case 'json':
        return tensorFromJson(file, dtypeArgument(given))
      case 'raw':
        return new Tensor(dtypeArgument(given), shapeArgument(given), file)
      default:
        throw given.fault('format', 'npy, json or raw')
    }
  }
}

const rowBytesOf = (tensor: Tensor): number =>
  tensor.shape.slice(1).reduce((product, size) => product * size, 1) * DTYPE_BYTES[tensor.dtype]

const batch: Handler = {
  version: 1,
  summary: '{tensor, size} → list of tensors with at most `size` rows each',
  run(args) {
    const given = new Arguments('tensor.batch', args, ['tensor', 'size'])
    const tensor = given.tensor('tensor')
    const size = given.integer('size', { min: 1, max: SIZE_MAX })
    const rows = tensor.shape[0]
    if (rows === undefined || tensor.dtype === 'string') {
      throw given.fault('tensor', 'a numeric tensor of rank 1 or more')
    }
    const rowBytes = rowBytesOf(tensor)
    const parts: Value[] = []
    for (let start = 0; start < rows; start += size) {
      const end = Math.min(rows, start + size)
      const data = tensor.data.slice(start * rowBytes, end * rowBytes)
      parts.push(new Tensor(tensor.dtype, [end - start, ...tensor.shape.slice(1)], data))
    }
    return parts
  }
}

/** Items are tensors, or maps (model outputs) of which `key` names one. */
function tensorsOf(given: Arguments): Tensor[] {
  const key = given.has('key') ? given.text('key') : undefined
  return given.list('tensors').map((item) => {
    const inner = key !== undefined && isValueMap(item) ? (item[key] ?? null) : item
    return given.asTensor('tensors', inner)
  })
}

const concat: Handler = {
  version: 1,
  summary: '{tensors, key?} → one tensor, joined along the first axis',
  run(args) {
    const given = new Arguments('tensor.concat', args, ['tensors', 'key'])
    const tensors = tensorsOf(given)
    const [first] = tensors
    if (first === undefined || first.shape.length === 0 || first.dtype === 'string') {
      throw given.fault('tensors', 'one or more numeric tensors of rank 1 or more')
    }
    const tail = first.shape.slice(1).join('x')
    tensors.forEach((tensor, index) => {
      const rest = tensor.shape.slice(1).join('x')
      if (tensor.dtype !== first.dtype || tensor.shape.length === 0 || rest !== tail) {
        throw new MeshError('tensor.mismatch', { index, dtype: tensor.dtype, rest })
      }
    })
    const data = new Uint8Array(tensors.reduce((sum, tensor) => sum + tensor.data.length, 0))
    let offset = 0
    let rows = 0
    for (const tensor of tensors) {
      data.set(tensor.data, offset)
      offset += tensor.data.length
      rows += tensor.shape[0] ?? 0
    }
    return new Tensor(first.dtype, [rows, ...first.shape.slice(1)], data)
  }
}

export const TENSOR_HANDLERS = {
  'tensor.batch': batch,
  'tensor.concat': concat,
  'tensor.load': load
} as const satisfies Record<string, Handler>
