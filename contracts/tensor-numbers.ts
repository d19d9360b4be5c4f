/**
 * Reading and making tensors from JavaScript numbers, on machines of either byte order and for
 * unaligned data. 64-bit integers lose what a double cannot hold: compare their bytes where that matters.
 */
import { assertNever, MeshError } from './errors.ts'
import { DTYPE_BYTES, type Dtype, Tensor } from './value.ts'

/** The elements as numbers, in row-major order. Strings are refused. */
export function readTensorNumbers(tensor: Tensor): ArrayLike<number> {
  const { dtype, data } = tensor
  if (dtype === 'string') throw new MeshError('contracts.tensor_malformed', { dtype })
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  if (dtype === 'float32' && data.byteOffset % 4 === 0) {
    return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
  }
  const width = DTYPE_BYTES[dtype]
  const numbers = new Float64Array(data.length / width)
  for (let index = 0; index < numbers.length; index++)
    numbers[index] = readElement(dtype, view, index * width)
  return numbers
}

/** A float32 tensor that owns a copy of the numbers. */
export function float32Tensor(shape: readonly number[], numbers: ArrayLike<number>): Tensor {
  const copy = Float32Array.from(numbers)
  return new Tensor('float32', shape, new Uint8Array(copy.buffer))
}

function readElement(dtype: Exclude<Dtype, 'string'>, view: DataView, offset: number): number {
  switch (dtype) {
    case 'bool':
    case 'uint8':
      return view.getUint8(offset)
    case 'int8':
      return view.getInt8(offset)
    case 'int16':
      return view.getInt16(offset, true)
    case 'uint16':
      return view.getUint16(offset, true)
    case 'int32':
      return view.getInt32(offset, true)
    case 'uint32':
      return view.getUint32(offset, true)
    case 'int64':
      return Number(view.getBigInt64(offset, true))
    case 'uint64':
      return Number(view.getBigUint64(offset, true))
    case 'float16':
      return halfToNumber(view.getUint16(offset, true))
    case 'float32':
      return view.getFloat32(offset, true)
    case 'float64':
      return view.getFloat64(offset, true)
    default:
      return assertNever(dtype)
  }
}

/** IEEE 754 binary16 to number. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
