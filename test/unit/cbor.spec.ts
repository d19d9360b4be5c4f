/** Canonical CBOR: one value, one encoding, and everything else is refused by name. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import {
  assert,
  bytesToHex,
  CBOR_DEPTH_MAX,
  decodeCanonical,
  encodeCanonical,
  hexToBytes
} from '#contracts'
import { withCode } from '../support/mesh-fixtures.ts'

const bytesMax = 1_000_000
const decode = (hex: string) => decodeCanonical(hexToBytes(hex), { bytesMax })
const nested = (depth: number, hex: string) => `${hex.repeat(depth)}00`

/** Each is a second spelling of a value, or no spelling of any. */
const NOT_CANONICAL: Readonly<Record<string, string>> = {
  'Infinity as single': 'fa7f800000',
  'Infinity as double': 'fb7ff0000000000000',
  '-Infinity as single': 'faff800000',
  '-Infinity as double': 'fbfff0000000000000',
  'NaN as single': 'fa7fc00000',
  'NaN as double': 'fb7ff8000000000000',
  'NaN with a payload': 'f97e01',
  'negative NaN': 'f9fe00',
  'signalling NaN': 'f97c01',
  'half that is 0': 'f90000',
  'half that is -0': 'f98000',
  'half that is 1': 'f93c00',
  'half that is -4': 'f9c400',
  'single that is 100000': 'fa47c35000',
  'double that is 2^53 - 1': 'fb433fffffffffffff',
  'single that a half holds': 'fa3fc00000',
  'single that a subnormal half holds': 'fa34400000',
  'double that a single holds': 'fb3ff8000000000000',
  'double that a half holds': 'fb3fe0000000000000',
  '23 in two bytes': '1817',
  '255 in three bytes': '1900ff',
  '65535 in five bytes': '1a0000ffff',
  '2^32 - 1 in nine bytes': '1b00000000ffffffff',
  '-1 in two bytes': '3800',
  '-256 in three bytes': '3900ff',
  'text with a long head': '780161',
  'bytes with a long head': '590001ff',
  'array with a long head': '9800',
  'map with a long head': 'b800',
  'keys out of order': 'a2616201616101',
  'the longer key first': 'a262616101616201',
  'a key twice': 'a2616101616102'
}

const MALFORMED: Readonly<Record<string, string>> = {
  nothing: '',
  'trailing bytes': '0000',
  'a break alone': 'ff',
  'indefinite bytes': '5f4101ff',
  'indefinite text': '7f6161ff',
  'indefinite array': '9f01ff',
  'indefinite map': 'bf616101ff',
  undefined: 'f7',
  'simple 16': 'f0',
  'simple 24': 'f818',
  'a reserved head of an unsigned': '1c0000000100000000',
  'a reserved head of a negative': '3e0000000100000000',
  'an indefinite unsigned': '1f0000000100000000',
  'a reserved head of a text': '7d0000000100000000',
  'a tag': 'c101',
  'an integer key': 'a10101',
  'text cut short': '6261',
  'bytes cut short': '42ff',
  'array cut short': '8201',
  'map cut short': 'a16161',
  'head cut short': '19ff',
  'a huge array': '9b001fffffffffffff',
  'a huge text': '7bffffffffffffffff',
  'invalid UTF-8': '61ff',
  'overlong UTF-8': '62c080',
  'a surrogate in UTF-8': '63eda080'
}

describe('canonical CBOR', () => {
  for (const [what, hex] of Object.entries(NOT_CANONICAL)) {
    it(`refuses ${what} as not canonical`, () => {
      throws(() => decode(hex), withCode('contracts.cbor_not_canonical'))
    })
  }

  for (const [what, hex] of Object.entries(MALFORMED)) {
    it(`refuses ${what} as malformed`, () => {
      throws(() => decode(hex), withCode('contracts.cbor_malformed'))
    })
  }

  it('refuses what is larger than its limit before it looks at a byte', () => {
    throws(
      () => decodeCanonical(hexToBytes('ffff'), { bytesMax: 1 }),
      withCode('contracts.too_large')
    )
  })

  it('takes nesting up to the limit and refuses one more, in both directions', () => {
    for (const hex of ['81', 'a16161']) {
      const deepest = decode(nested(CBOR_DEPTH_MAX, hex))
      equal(bytesToHex(encodeCanonical(deepest)), nested(CBOR_DEPTH_MAX, hex))
      throws(() => decode(nested(CBOR_DEPTH_MAX + 1, hex)), withCode('contracts.cbor_malformed'))
      throws(() => encodeCanonical([deepest]), withCode('contracts.cbor_malformed'))
    }
  })

  it('refuses to encode a cycle', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    throws(() => encodeCanonical(cycle), withCode('contracts.cbor_malformed'))
  })

  const notData: Readonly<Record<string, unknown>> = {
    undefined: undefined,
    'a field that is undefined': { a: undefined },
    'a hole in an array': Array(3),
    'a function': () => 1,
    'a symbol': Symbol('s'),
    'a date': new Date(0),
    'a map': new Map([['a', 1]]),
    'a class instance': new (class Thing {})(),
    'a float array': new Float32Array(2),
    'a lone surrogate': '\ud800',
    'a long text with a lone surrogate': `${'x'.repeat(100)}\udfff`,
    'a key with a lone surrogate': { '\ud800': 1 },
    '2^64': 1n << 64n,
    '-2^64 - 1': -(1n << 64n) - 1n
  }
  for (const [what, value] of Object.entries(notData)) {
    it(`refuses to encode ${what}`, () => {
      throws(() => encodeCanonical(value), withCode('contracts.cbor_malformed'))
    })
  }

  it('writes after a refusal as if it had not happened', () => {
    throws(() => encodeCanonical(['ok', undefined]))
    equal(bytesToHex(encodeCanonical(['ok'])), '81626f6b')
  })

  it('serves a getter that encodes while its object is being encoded', () => {
    const inner = { x: 1 }
    const outer = {
      a: 'before',
      get b() {
        return encodeCanonical(inner)
      }
    }
    equal(bytesToHex(encodeCanonical(outer)), 'a26161666265666f7265616244a1617801')
  })

  it('keeps integers beyond 2^53 exactly, as bigint', () => {
    for (const value of [1n << 53n, (1n << 64n) - 1n, -(1n << 53n), -(1n << 64n)]) {
      equal(decodeCanonical(encodeCanonical(value), { bytesMax }), value)
    }
    equal(decodeCanonical(encodeCanonical(5n), { bytesMax }), 5)
    equal(decode('1b001fffffffffffff'), Number.MAX_SAFE_INTEGER)
    equal(decode('3b001ffffffffffffe'), Number.MIN_SAFE_INTEGER)
    equal(decode('3b001fffffffffffff'), -(1n << 53n))
  })

  it('keeps every half, subnormal ones too', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const hex = `f9${bits.toString(16).padStart(4, '0')}`
      let value: unknown
      try {
        value = decode(hex)
      } catch {
        continue
      }
      equal(bytesToHex(encodeCanonical(value)), hex)
    }
    equal(decode('f90003'), 3 * 2 ** -24)
  })

  it('keeps text that begins with U+FEFF', () => {
    equal(decode('63efbbbf'), '\ufeff')
    equal(bytesToHex(encodeCanonical('\ufeff')), '63efbbbf')
  })

  it('makes a field of __proto__ and changes no prototype', () => {
    const value = decode('a1695f5f70726f746f5f5fa168706f6c6c75746564f5')
    assert(typeof value === 'object' && value !== null, 'a map is an object')
    equal(Object.getPrototypeOf(value), Object.prototype)
    deepEqual(Object.keys(value), ['__proto__'])
    equal('polluted' in value, false)
    equal('polluted' in {}, false)
    equal(bytesToHex(encodeCanonical(value)), 'a1695f5f70726f746f5f5fa168706f6c6c75746564f5')
  })

  it('takes constructor, toString and hasOwnProperty as ordinary keys', () => {
    const value = JSON.parse('{"constructor":1,"toString":2,"hasOwnProperty":3,"prototype":4}')
    deepEqual(decodeCanonical(encodeCanonical(value), { bytesMax }), value)
  })

  it('orders keys by their UTF-8 bytes, shorter first', () => {
    const value = { é: 1, zz: 2, b: 3, '\ufb01': 4, '\u{1f600}': 5, '': 6 }
    const back = decodeCanonical(encodeCanonical(value), { bytesMax })
    assert(typeof back === 'object' && back !== null, 'a map is an object')
    deepEqual(Object.keys(back), ['', 'b', 'zz', 'é', '\ufb01', '\u{1f600}'])
  })

  it('writes and reads the same after more keys than it remembers', () => {
    const fields = { b: 1, aa: 2, a: 3, 'a key of more than thirty-two characters': 4 }
    const before = encodeCanonical(fields)
    for (let number = 0; number < 10_000; number++) {
      const other = { [`key ${number}`]: 1, [`k${number}`]: 2 }
      deepEqual(decodeCanonical(encodeCanonical(other), { bytesMax: 100 }), other)
    }
    deepEqual(encodeCanonical(fields), before)
    deepEqual(Object.keys(decodeCanonical(before, { bytesMax: 100 }) ?? {}), [
      'a',
      'b',
      'aa',
      'a key of more than thirty-two characters'
    ])
  })

  it('gives back byte strings that share no memory with the input', () => {
    const bytes = hexToBytes('4301ff03')
    const value = decodeCanonical(bytes, { bytesMax })
    bytes.fill(0)
    deepEqual(value, Uint8Array.of(1, 255, 3))
  })

  it('reads a view into a larger buffer where it lies', () => {
    const whole = hexToBytes('ffff1903e8ffff')
    equal(decodeCanonical(whole.subarray(2, 5), { bytesMax }), 1000)
  })

  it('encodes documents larger than its buffer, and small ones after them', () => {
    const large = { blob: new Uint8Array(100_000).fill(7), text: 'ü'.repeat(50_000) }
    deepEqual(decodeCanonical(encodeCanonical(large), { bytesMax }), large)
    equal(bytesToHex(encodeCanonical({})), 'a0')
  })
})
