/** Values: one encoding each, read back as they were written; tensors as long as they say. */

import { deepEqual, equal, notDeepEqual, ok, throws } from 'node:assert/strict'
import fc from 'fast-check'
import {
  bytesToHex,
  DTYPE_BYTES,
  type Dtype,
  decodeValue,
  encodeValue,
  float32Tensor,
  isDtype,
  isValueList,
  isValueMap,
  jsonView,
  readTensorNumbers,
  TENSOR_RANK_MAX,
  Tensor,
  tensorBytes,
  VALUE_DEPTH_MAX,
  type Value
} from '#contracts'
import { withKey } from '../support/hostile-documents.ts'
import { withCode } from '../support/mesh-fixtures.ts'

const dtypes = Object.keys(DTYPE_BYTES).filter(isDtype)

function nested(depth: number): Value {
  let value: Value = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

/** A tensor of any dtype; the bytes are whatever they are. */
const tensor = fc
  .tuple(fc.constantFrom<Dtype>(...dtypes), fc.array(fc.nat({ max: 4 }), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const length = tensorBytes(dtype, shape)
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((data) => new Tensor(dtype, shape, data))
  })

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.bigInt({ min: 1n << 53n, max: (1n << 64n) - 1n }),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    tensor,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.oneof(
        fc.string().filter((key) => key !== '$tensor'),
        fc.constantFrom('__proto__', 'constructor')
      ),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true }
    )
  )
}))

describe('a value', () => {
  it('comes back as it was written, and has one encoding', () => {
    fc.assert(
      fc.property(value, (written) => {
        const raw = encodeValue(written)
        const back = decodeValue(raw)
        deepEqual(back, written)
        equal(bytesToHex(encodeValue(back)), bytesToHex(raw))
      }),
      { numRuns: 300 }
    )
  })

  it('owns its bytes: the message that it came in may be overwritten', () => {
    const raw = Buffer.from(encodeValue({ bytes: Uint8Array.of(1, 2, 3) }))
    const back = decodeValue(raw)
    raw.fill(0)
    deepEqual(back, { bytes: Uint8Array.of(1, 2, 3) })
  })

  it('keeps a key __proto__ as a key and no prototype', () => {
    const written = decodeValue(encodeValue(decodeValue(encodeValue({ a: 1 }))))
    deepEqual(Object.getPrototypeOf(written), Object.prototype)
    const hidden = withKey({ a: 1 }, '__proto__', { polluted: true })
    const back = decodeValue(encodeValue(Object.fromEntries(Object.entries(hidden))))
    ok(isValueMap(back) && Object.hasOwn(back, '__proto__'))
    equal(Reflect.get(Object.prototype, 'polluted'), undefined)
    deepEqual(Object.keys(back).sort(), ['__proto__', 'a'])
  })

  it('is as deep as the limit and no deeper', () => {
    deepEqual(decodeValue(encodeValue(nested(VALUE_DEPTH_MAX))), nested(VALUE_DEPTH_MAX))
    throws(() => encodeValue(nested(VALUE_DEPTH_MAX + 1)), withCode('contracts.value_malformed'))
  })

  it('may not use the key that marks a tensor', () => {
    throws(() => encodeValue({ $tensor: 'float32' }), withCode('contracts.value_malformed'))
    throws(() => encodeValue([{ a: { $tensor: 1 } }]), withCode('contracts.value_malformed'))
  })

  it('is shown to people and schemas without the contents of tensors and bytes', () => {
    const shown = jsonView({
      sound: float32Tensor([1, 3], [0, 0.5, 1]),
      raw: Uint8Array.of(1, 2),
      big: 2n ** 60n,
      list: [null, 'x', true, 1.5]
    })
    deepEqual(shown, {
      sound: { dtype: 'float32', shape: [1, 3] },
      raw: { bytes: 2 },
      big: '1152921504606846976',
      list: [null, 'x', true, 1.5]
    })
  })

  it('is a map, a list or neither, never two of them', () => {
    fc.assert(
      fc.property(value, (one) => {
        ok(!(isValueMap(one) && isValueList(one)))
        if (one instanceof Tensor || one instanceof Uint8Array) ok(!isValueMap(one))
      })
    )
  })
})

describe('a tensor', () => {
  it('is exactly as long as dtype and shape say', () => {
    for (const dtype of dtypes) {
      if (dtype === 'string') continue
      const length = tensorBytes(dtype, [2, 3])
      equal(length, 6 * DTYPE_BYTES[dtype])
      new Tensor(dtype, [2, 3], new Uint8Array(length))
      for (const wrong of [length - 1, length + 1, 0]) {
        throws(
          () => new Tensor(dtype, [2, 3], new Uint8Array(wrong)),
          withCode('contracts.tensor_malformed')
        )
      }
    }
  })

  it('refuses an impossible shape', () => {
    const shapes = [
      [-1],
      [1.5],
      [Number.NaN],
      [Number.POSITIVE_INFINITY],
      [2 ** 30, 2 ** 30],
      Array(TENSOR_RANK_MAX + 1).fill(1)
    ]
    for (const shape of shapes) {
      throws(() => tensorBytes('uint8', shape), withCode('contracts.tensor_malformed'))
    }
    equal(tensorBytes('uint8', []), 1)
    equal(tensorBytes('uint8', [0, 5]), 0)
    equal(tensorBytes('float64', Array(TENSOR_RANK_MAX).fill(1)), 8)
  })

  it('reads as numbers at its width, its sign and its byte order, aligned or not', () => {
    const cases: readonly (readonly [Dtype, string, number])[] = [
      ['bool', '01', 1],
      ['uint8', 'ff', 255],
      ['int8', 'ff', -1],
      ['uint16', '0102', 513],
      ['int16', 'feff', -2],
      ['uint32', '01000080', 2 ** 31 + 1],
      ['int32', '01000080', 1 - 2 ** 31],
      ['uint64', '0100000000000000', 1],
      ['int64', 'feffffffffffffff', -2],
      ['float16', '003c', 1],
      ['float16', '0100', 2 ** -24],
      ['float16', '00fc', Number.NEGATIVE_INFINITY],
      ['float32', '0000c0bf', -1.5],
      ['float64', '000000000000f8bf', -1.5]
    ]
    for (const [dtype, hex, number] of cases) {
      const data = Buffer.from(hex, 'hex')
      for (const offset of [0, 1, 3]) {
        const room = new Uint8Array(data.length + 8)
        room.set(data, offset)
        const odd = room.subarray(offset, offset + data.length)
        deepEqual([...Array.from(readTensorNumbers(new Tensor(dtype, [1], odd)))], [number], dtype)
      }
    }
    deepEqual(Array.from(readTensorNumbers(new Tensor('float16', [1], Uint8Array.of(0, 0x7e)))), [
      Number.NaN
    ])
    throws(
      () => readTensorNumbers(new Tensor('string', [0], new Uint8Array(0))),
      withCode('contracts.tensor_malformed')
    )
  })

  it('differs from another in dtype, shape or data by its encoding too', () => {
    const data = new Uint8Array(8)
    const all = [
      new Tensor('float32', [2], data),
      new Tensor('float32', [2, 1], data),
      new Tensor('int32', [2], data),
      new Tensor('float32', [2], Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0))
    ].map((one) => bytesToHex(encodeValue(one)))
    equal(new Set(all).size, all.length)
    notDeepEqual(encodeValue(new Tensor('float32', [2], data)), encodeValue(data))
  })
})
