/** Page images: PNG and JPEG of all common kinds are read, broken and huge ones refused by name. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { encode as encodeJpeg } from 'jpeg-js'
import { PNG } from 'pngjs'
import { MeshError, type Tensor } from '#contracts'
import { decodeImage } from '../../control/handlers/image.ts'
import { code } from '../support/expect-code.ts'

const PIXELS_MAX = 40_000_000
const decode = (bytes: Uint8Array): Tensor => decodeImage(bytes, PIXELS_MAX)

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value >>> 0
})

function chunk(name: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, body.length)
  for (let index = 0; index < 4; index++) bytes[4 + index] = name.charCodeAt(index)
  bytes.set(body, 8)
  let sum = 0xffffffff
  for (const byte of bytes.subarray(4, 8 + body.length)) {
    sum = (CRC_TABLE[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8)
  }
  view.setUint32(8 + body.length, (sum ^ 0xffffffff) >>> 0)
  return bytes
}

/** A PNG with the size that is claimed and the rows that are given. */
function rawPng(width: number, height: number, rows: Uint8Array, interlace = 0): Uint8Array {
  const head = new Uint8Array(13)
  const view = new DataView(head.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  head.set([8, 0, 0, 0, interlace], 8)
  const magic = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  const parts = [
    magic,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array(0))
  ]
  return new Uint8Array(Buffer.concat(parts))
}

function colourPng(alpha = 255): Uint8Array {
  const png = new PNG({ width: 3, height: 2 })
  for (let pixel = 0; pixel < 6; pixel++) png.data.set([pixel * 40, 10, 200, alpha], pixel * 4)
  return new Uint8Array(PNG.sync.write(png))
}

function jpeg(width: number, height: number): Uint8Array {
  const data = Buffer.alloc(width * height * 4, 120)
  return new Uint8Array(encodeJpeg({ width, height, data }, 90).data)
}

describe('page images', () => {
  it('reads a PNG to the byte', () => {
    const image = decode(colourPng())
    deepEqual(image.shape, [2, 3, 3])
    deepEqual([...image.data.subarray(0, 6)], [0, 10, 200, 40, 10, 200])
  })

  it('lays transparent pixels on white paper', () => {
    deepEqual([...decode(colourPng(0)).data.subarray(0, 3)], [255, 255, 255])
  })

  it('reads grey and interlaced PNG', () => {
    const grey = decode(rawPng(2, 1, Uint8Array.of(0, 7, 9)))
    deepEqual([...grey.data], [7, 7, 7, 9, 9, 9])
    deepEqual(decode(rawPng(1, 1, Uint8Array.of(0, 5), 1)).data, Uint8Array.of(5, 5, 5))
  })

  it('reads a JPEG', () => {
    const image = decode(jpeg(17, 9))
    deepEqual(image.shape, [9, 17, 3])
    ok(image.data.every((byte) => Math.abs(byte - 120) <= 3))
  })

  it('reads the pages of the example', () => {
    const folder = new URL('../../examples/read-page/', import.meta.url)
    for (const name of ['letter.png', 'receipt.png', 'notice.jpg']) {
      ok(decode(new Uint8Array(readFileSync(new URL(name, folder)))).data.length > 0)
    }
  })

  it('refuses 30,000 × 30,000 pixels by the header, in no time', () => {
    const file = rawPng(30_000, 30_000, new Uint8Array(1))
    const large = jpeg(8, 8)
    const frame = large.findIndex((byte, at) => byte === 0xff && large[at + 1] === 0xc0)
    new DataView(large.buffer, large.byteOffset).setUint32(frame + 5, (30_000 << 16) | 30_000)
    const startMs = performance.now()
    throws(() => decode(file), code('image.too_many_pixels'))
    throws(() => decode(large), code('image.too_many_pixels'))
    ok(performance.now() - startMs < 50)
  })

  it('refuses an interlaced bomb that unpacks to more than its size needs', () => {
    const bomb = rawPng(4, 4, new Uint8Array(50_000_000), 1)
    ok(bomb.length < 60_000)
    throws(() => decode(bomb), code('image.malformed'))
  })

  it('refuses an empty file and a wrong magic by name', () => {
    throws(() => decode(new Uint8Array(0)), code('image.empty'))
    throws(() => decode(new TextEncoder().encode('%PDF-1.7 no image')), code('image.not_image'))
    throws(() => decode(new TextEncoder().encode('GIF89a')), code('image.not_image'))
  })

  it('refuses a PNG or JPEG cut off anywhere', () => {
    for (const whole of [colourPng(), jpeg(16, 16)]) {
      for (let length = 1; length < whole.length - 1; length++) {
        throws(() => decode(whole.slice(0, length)), code('image.truncated'), `at ${length}`)
      }
    }
  })

  it('never fills rows that are missing from memory of its own', () => {
    for (const interlace of [0, 1]) {
      for (const length of [0, 1, 3, 1_639, 1_641]) {
        Buffer.allocUnsafe(2_000).fill(0)
        const short = rawPng(40, 40, new Uint8Array(length), interlace)
        throws(() => decode(short), code('image.malformed'), `${length} bytes`)
      }
    }
    deepEqual(decode(rawPng(40, 40, new Uint8Array(1_640))).data, new Uint8Array(4_800))
  })

  it('counts the rows of interlaced images of every small size', () => {
    const passes = [
      [0, 0, 8, 8],
      [4, 0, 8, 8],
      [0, 4, 4, 8],
      [2, 0, 4, 4],
      [0, 2, 2, 4],
      [1, 0, 2, 2],
      [0, 1, 1, 2]
    ]
    for (let side = 1; side <= 9; side++) {
      let bytes = 0
      for (const [left = 0, top = 0, stepX = 1, stepY = 1] of passes) {
        for (let y = top; y < side && left < side; y += stepY) {
          bytes += 1
          for (let x = left; x < side; x += stepX) bytes += 1
        }
      }
      equal(decode(rawPng(side, side, new Uint8Array(bytes), 1)).data.length, side * side * 3)
    }
  })

  it('refuses rows that are missing and kinds of JPEG that nobody decodes', () => {
    throws(() => decode(rawPng(40, 40, new Uint8Array(3))), code('image.malformed'))
    const arithmetic = jpeg(8, 8)
    const frame = arithmetic.findIndex((byte, at) => byte === 0xff && arithmetic[at + 1] === 0xc0)
    arithmetic[frame + 1] = 0xc9
    throws(() => decode(arithmetic), code('image.unsupported'))
  })

  it('gives a picture of the stated size or a typed error on any bytes', () => {
    for (const whole of [colourPng(), jpeg(16, 16)]) {
      const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 })
      fc.assert(
        fc.property(edits, (changes) => {
          const file = whole.slice()
          for (const [at, byte] of changes) file[at] = byte
          try {
            const image = decodeImage(file, 100_000)
            const [height = 0, width = 0] = image.shape
            equal(image.data.length, height * width * 3)
            return true
          } catch (error) {
            return error instanceof MeshError && error.code.startsWith('image.')
          }
        }),
        { numRuns: 200 }
      )
    }
  })
})
