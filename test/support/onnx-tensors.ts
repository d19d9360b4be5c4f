/**
 * Reads the tensors of ONNX's own operator cases (onnx.TensorProto in .pb files): the fields that
 * those files use, in both of their spellings, raw bytes and typed lists.
 */
import { type Dtype, encodeCanonical, Tensor } from '#contracts'
import { ONNX_DTYPES } from './onnx-builder.ts'

export interface NamedTensor {
  readonly name: string
  readonly tensor: Tensor
}

interface Field {
  readonly number: number
  /** A varint's value, or nothing for fields that have bytes. */
  readonly value: bigint
  readonly bytes: Uint8Array
}

function readVarint(bytes: Uint8Array, start: number): { value: bigint; next: number } {
  let value = 0n
  let shift = 0n
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return { value, next: at + 1 }
    shift += 7n
  }
  throw new Error('varint cut off')
}

function* fields(bytes: Uint8Array): Generator<Field> {
  const none = new Uint8Array(0)
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at)
    const number = Number(tag.value >> 3n)
    switch (Number(tag.value & 7n)) {
      case 0: {
        const { value, next } = readVarint(bytes, tag.next)
        yield { number, value, bytes: none }
        at = next
        break
      }
      case 1:
      case 5: {
        const end = tag.next + ((tag.value & 7n) === 1n ? 8 : 4)
        yield { number, value: 0n, bytes: bytes.slice(tag.next, end) }
        at = end
        break
      }
      case 2: {
        const { value, next } = readVarint(bytes, tag.next)
        at = next + Number(value)
        yield { number, value: 0n, bytes: bytes.slice(next, at) }
        break
      }
      default:
        throw new Error('unknown wire type')
    }
  }
}

/** The integers of a repeated field, packed or one by one. */
function integers(field: Field): bigint[] {
  if (field.bytes.length === 0) return [field.value]
  const found: bigint[] = []
  for (let at = 0; at < field.bytes.length; ) {
    const { value, next } = readVarint(field.bytes, at)
    found.push(BigInt.asIntN(64, value))
    at = next
  }
  return found
}

/** Elements of the typed lists, in the width of the dtype. */
function packIntegers(dtype: Dtype, list: readonly bigint[]): Uint8Array {
  switch (dtype) {
    case 'int64':
      return new Uint8Array(BigInt64Array.from(list).buffer)
    case 'uint64':
      return new Uint8Array(BigUint64Array.from(list, (item) => BigInt.asUintN(64, item)).buffer)
    case 'int32':
      return new Uint8Array(Int32Array.from(list, Number).buffer)
    case 'uint32':
      return new Uint8Array(Uint32Array.from(list, Number).buffer)
    case 'int16':
      return new Uint8Array(Int16Array.from(list, Number).buffer)
    case 'uint16':
    case 'float16':
      return new Uint8Array(Uint16Array.from(list, Number).buffer)
    default:
      return new Uint8Array(Int8Array.from(list, Number).buffer)
  }
}

const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** The tensor in one .pb file, with the name of the input or output that it belongs to. */
export function readOnnxTensor(bytes: Uint8Array): NamedTensor {
  const shape: number[] = []
  const raw: Uint8Array[] = []
  const whole: bigint[] = []
  const words: string[] = []
  let dtype: Dtype = 'float32'
  let name = ''
  for (const field of fields(bytes)) {
    if (field.number === 1) shape.push(...integers(field).map(Number))
    else if (field.number === 2) dtype = dtypeOf(Number(field.value))
    else if (field.number === 8) name = new TextDecoder().decode(field.bytes)
    else if (field.number === 6) words.push(new TextDecoder().decode(field.bytes))
    else if ([5, 7, 11].includes(field.number)) whole.push(...integers(field))
    else if ([4, 9, 10].includes(field.number)) raw.push(field.bytes)
  }
  if (dtype === 'string') return { name, tensor: new Tensor(dtype, shape, encodeCanonical(words)) }
  const data = raw.length > 0 ? concat(raw) : packIntegers(dtype, whole)
  return { name, tensor: new Tensor(dtype, shape, data) }
}

function dtypeOf(number: number): Dtype {
  const found = Object.entries(ONNX_DTYPES).find(([, value]) => value === number)
  if (found === undefined) throw new Error(`element type ${number}`)
  const [name] = found
  for (const dtype of Object.keys(ONNX_DTYPES)) if (dtype === name) return name as Dtype
  throw new Error(name)
}
