/**
 * Looks at the first bytes of an image and walks its parts, so that size, completeness and kind are
 * known before anything is decoded. Reads PNG and JPEG; decodes neither.
 */
import { MeshError } from '#contracts'

export interface ImageHeader {
  readonly kind: 'png' | 'jpeg'
  readonly width: number
  readonly height: number
  /** PNG only: bytes that the compressed rows must unpack to, filter bytes included. */
  readonly unpackedBytes: number
}

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const
/** Samples a pixel by PNG colour type. */
const PNG_SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
/** Adam7's passes: first column and row, and the steps between them. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2]
] as const
const ONE_PASS = [[0, 0, 1, 1]] as const

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte)
}

function isPrefix(bytes: Uint8Array, magic: readonly number[]): boolean {
  return bytes.length < magic.length && bytes.every((byte, index) => byte === magic[index])
}

/** Kind and size of an image; throws a typed error on anything else than a whole PNG or JPEG. */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  if (bytes.length === 0) throw new MeshError('image.empty')
  if (isPrefix(bytes, PNG_MAGIC) || isPrefix(bytes, [0xff, 0xd8, 0xff])) {
    throw new MeshError('image.truncated', { bytes: bytes.length })
  }
  if (startsWith(bytes, PNG_MAGIC)) return readPngHeader(bytes)
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return readJpegHeader(bytes)
  throw new MeshError('image.not_image')
}

/** Refuses by the header alone, then walks on: a file may be cut off and too large at once. */
export function checkPixels(header: ImageHeader, pixelsMax: number): void {
  const pixels = header.width * header.height
  if (pixels > pixelsMax) {
    throw new MeshError('image.too_many_pixels', {
      width: header.width,
      height: header.height,
      pixels_max: pixelsMax
    })
  }
}

function readPngHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 33) throw new MeshError('image.truncated', { bytes: bytes.length })
  if (view.getUint32(8) !== 13 || view.getUint32(12) !== 0x49484452) {
    throw new MeshError('image.malformed', { part: 'IHDR' })
  }
  const width = view.getUint32(16)
  const height = view.getUint32(20)
  const samples = PNG_SAMPLES[view.getUint8(25)]
  if (width === 0 || height === 0 || samples === undefined) {
    throw new MeshError('image.malformed', { part: 'IHDR', width, height })
  }
  const passes = view.getUint8(28) === 0 ? ONE_PASS : ADAM7
  let unpackedBytes = 0
  for (const [left, top, stepX, stepY] of passes) {
    const columns = Math.max(0, Math.ceil((width - left) / stepX))
    const rows = Math.max(0, Math.ceil((height - top) / stepY))
    const rowBytes = Math.ceil((columns * samples * view.getUint8(24)) / 8)
    if (columns > 0) unpackedBytes += rows * (1 + rowBytes)
  }
  return { kind: 'png', width, height, unpackedBytes }
}

/** Throws unless every chunk is there up to IEND. */
export function checkPngComplete(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = 8
  while (offset + 12 <= bytes.length) {
    const size = view.getUint32(offset)
    if (view.getUint32(offset + 4) === 0x49454e44) return
    offset += 12 + size
  }
  throw new MeshError('image.truncated', { bytes: bytes.length })
}

/** Start-of-frame markers that jpeg-js decodes: baseline, extended sequential, progressive. */
const JPEG_FRAMES_KNOWN = [0xc0, 0xc1, 0xc2]
/** DHT, JPG and DAC lie among the start-of-frame codes but are none. */
const JPEG_NOT_FRAMES = [0xc4, 0xc8, 0xcc]

function readJpegHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = 2
  while (offset + 4 <= bytes.length) {
    if (bytes[offset] !== 0xff) throw new MeshError('image.malformed', { part: 'marker', offset })
    const marker = bytes[offset + 1] ?? 0
    if (marker === 0xff) {
      offset += 1
      continue
    }
    const size = view.getUint16(offset + 2)
    if (size < 2) throw new MeshError('image.malformed', { part: 'segment', offset })
    const isFrame = marker >= 0xc0 && marker <= 0xcf && !JPEG_NOT_FRAMES.includes(marker)
    if (isFrame) {
      if (!JPEG_FRAMES_KNOWN.includes(marker)) throw new MeshError('image.unsupported', { marker })
      return readJpegFrame(bytes, view, offset)
    }
    offset += 2 + size
  }
  throw new MeshError('image.truncated', { bytes: bytes.length })
}

function readJpegFrame(bytes: Uint8Array, view: DataView, offset: number): ImageHeader {
  if (offset + 10 > bytes.length) throw new MeshError('image.truncated', { bytes: bytes.length })
  const height = view.getUint16(offset + 5)
  const width = view.getUint16(offset + 7)
  if (width === 0 || height === 0) {
    throw new MeshError('image.malformed', { part: 'frame', width, height })
  }
  return { kind: 'jpeg', width, height, unpackedBytes: 0 }
}

/** Throws unless an end-of-image marker stands somewhere behind the frame. */
export function checkJpegComplete(bytes: Uint8Array): void {
  for (let index = bytes.length - 1; index > 2; index--) {
    if (bytes[index] === 0xd9 && bytes[index - 1] === 0xff) return
  }
  throw new MeshError('image.truncated', { bytes: bytes.length })
}
