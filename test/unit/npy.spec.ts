/** .npy files: plain arrays of every type and order are read, hostile headers are refused by name. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { MeshError } from '#contracts'
import { readNpy } from '../../control/handlers/npy.ts'
import { code } from '../support/expect-code.ts'

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0))

/** A file as numpy.save writes it, with any header. */
function npy(header: string, data: Uint8Array, version = 1): Uint8Array {
  const text = ascii(`${header}\n`)
  const length =
    version === 1
      ? [text.length & 255, text.length >> 8]
      : [text.length & 255, (text.length >> 8) & 255, 0, 0]
  return Uint8Array.of(0x93, ...ascii('NUMPY'), version, 0, ...length, ...text, ...data)
}

const head = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`
const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

describe('.npy files', () => {
  it('reads plain arrays of both versions', () => {
    const data = bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6))
    for (const version of [1, 2]) {
      const tensor = readNpy(npy(head('<f4', '(2, 3)'), data, version))
      equal(tensor.dtype, 'float32')
      deepEqual(tensor.shape, [2, 3])
      deepEqual(tensor.data, data)
    }
  })

  it('reads scalars, vectors and empty arrays', () => {
    deepEqual(readNpy(npy(head('<i8', '()'), new Uint8Array(8))).shape, [])
    deepEqual(readNpy(npy(head('|u1', '(3,)'), new Uint8Array(3))).shape, [3])
    deepEqual(readNpy(npy(head('|b1', '(0, 4)'), new Uint8Array(0))).shape, [0, 4])
  })

  it('turns big-endian and column-major arrays into ours', () => {
    const big = readNpy(npy(head('>i2', '(2,)'), Uint8Array.of(0, 1, 2, 0)))
    deepEqual(big.data, Uint8Array.of(1, 0, 0, 2))
    const columns = readNpy(npy(head('|u1', '(2, 3)', 'True'), Uint8Array.of(1, 4, 2, 5, 3, 6)))
    deepEqual(columns.data, Uint8Array.of(1, 2, 3, 4, 5, 6))
    const deep = readNpy(
      npy(head('<i2', '(1, 2, 2)', 'True'), Uint8Array.of(0, 0, 2, 0, 1, 0, 3, 0))
    )
    deepEqual(deep.data, Uint8Array.of(0, 0, 1, 0, 2, 0, 3, 0))
  })

  it('takes the keys in any order', () => {
    const header = "{'shape': (1,), 'descr': '|i1', 'fortran_order': False}"
    deepEqual(readNpy(npy(header, Uint8Array.of(9))).data, Uint8Array.of(9))
  })

  it('refuses objects, fields, text and types that it does not know', () => {
    for (const descr of ['|O', '<U4', '<c8', '|S3', '<M8', '=f4']) {
      throws(() => readNpy(npy(head(descr, '(1,)'), new Uint8Array(8))), code('npy.unsupported'))
    }
    const fields = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"
    throws(() => readNpy(npy(fields, new Uint8Array(4))), code('npy.unsupported'))
    const later = npy(head('|u1', '(1,)'), new Uint8Array(1))
    later[6] = 9
    throws(() => readNpy(later), code('npy.unsupported'))
  })

  it('refuses headers that lie about the data', () => {
    const one = new Uint8Array(1)
    for (const shape of ['(2,)', '(0,)', '(99999999999,)', '(4294967296, 4294967296)']) {
      throws(
        () => readNpy(npy(head('|u1', shape), one)),
        (error) => error instanceof MeshError
      )
    }
    throws(() => readNpy(npy(head('|u1', '(2,)'), one)), code('npy.malformed'))
  })

  it('never evaluates a header', () => {
    const hostile = [
      "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}",
      "{'descr': '|u1', 'fortran_order': False}",
      "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (1,,2)}",
      'no dictionary'
    ]
    for (const header of hostile) {
      throws(() => readNpy(npy(header, Uint8Array.of(1))), code('npy.malformed'), header)
    }
  })

  it('refuses a file cut off anywhere', () => {
    const whole = npy(head('<f4', '(1, 2)'), new Uint8Array(8))
    for (let length = 0; length < whole.length; length++) {
      throws(() => readNpy(whole.slice(0, length)), code('npy.malformed'))
    }
  })

  it('gives a tensor or a typed error on any bytes', () => {
    const whole = npy(head('<f4', '(1, 2)'), new Uint8Array(8))
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 })
    fc.assert(
      fc.property(edits, (changes) => {
        const file = whole.slice()
        for (const [at, byte] of changes) file[at] = byte
        try {
          return readNpy(file).shape.length >= 0
        } catch (error) {
          return error instanceof MeshError
        }
      })
    )
  })
})
