/**
 * Page images, without a model: PNG and JPEG to an RGB tensor. The header is read and judged before
 * a byte is unpacked, so a picture that claims 30,000 × 30,000 pixels costs nothing.
 */
import { inflateSync } from 'node:zlib'
import { decode as decodeJpeg } from 'jpeg-js'
import { PNG } from 'pngjs'
import { MeshError, Tensor } from '#contracts'
import { Arguments, type Handler } from './handler.ts'
import {
  checkJpegComplete,
  checkPixels,
  checkPngComplete,
  type ImageHeader,
  readImageHeader
} from './image-header.ts'

/** jpeg-js keeps coefficients and planes beside the pixels: about 20 bytes a pixel. */
const JPEG_BYTES_PER_PIXEL = 24

/** RGBA over white, as paper is. */
function flatten(rgba: Uint8Array, pixels: number): Uint8Array {
  const rgb = new Uint8Array(pixels * 3)
  for (let pixel = 0; pixel < pixels; pixel++) {
    const alpha = rgba[pixel * 4 + 3] ?? 255
    for (let channel = 0; channel < 3; channel++) {
      const value = rgba[pixel * 4 + channel] ?? 0
      rgb[pixel * 3 + channel] =
        alpha === 255 ? value : Math.round((value * alpha + 255 * (255 - alpha)) / 255)
    }
  }
  return rgb
}

/**
 * pngjs 7 unpacks interlaced images without a bound, and takes rows that are missing from memory that
 * it never wrote: both would be a stranger's doing, so the rows are counted before it sees them.
 */
function checkRows(bytes: Uint8Array, header: ImageHeader): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  for (let offset = 8; offset + 12 <= bytes.length; offset += 12 + view.getUint32(offset)) {
    if (view.getUint32(offset + 4) !== 0x49444154) continue
    parts.push(bytes.subarray(offset + 8, offset + 8 + view.getUint32(offset)))
  }
  const maxOutputLength = header.unpackedBytes + 1
  const unpacked = inflateSync(Buffer.concat(parts), { maxOutputLength }).length
  if (unpacked !== header.unpackedBytes) {
    throw new MeshError('image.malformed', {
      kind: 'png',
      bytes: unpacked,
      bytes_expected: header.unpackedBytes
    })
  }
}

function unpack(bytes: Uint8Array, header: ImageHeader, pixelsMax: number): Uint8Array {
  if (header.kind === 'png') {
    checkPngComplete(bytes)
    checkRows(bytes, header)
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return PNG.sync.read(buffer).data
  }
  checkJpegComplete(bytes)
  const decoded = decodeJpeg(bytes, {
    useTArray: true,
    formatAsRGBA: true,
    tolerantDecoding: false,
    maxResolutionInMP: Math.ceil(pixelsMax / 1_000_000),
    maxMemoryUsageInMB: 64 + Math.ceil((pixelsMax * JPEG_BYTES_PER_PIXEL) / 1_048_576)
  })
  return decoded.data
}

/** Bytes of a PNG or JPEG file to an RGB tensor, uint8 [height, width, 3]. */
export function decodeImage(bytes: Uint8Array, pixelsMax: number): Tensor {
  const header = readImageHeader(bytes)
  checkPixels(header, pixelsMax)
  let rgba: Uint8Array
  try {
    rgba = unpack(bytes, header, pixelsMax)
  } catch (error) {
    if (error instanceof MeshError) throw error
    const reason = error instanceof Error ? error.message.slice(0, 120) : 'unknown'
    throw new MeshError('image.malformed', { kind: header.kind, reason }, { cause: error })
  }
  const pixels = header.width * header.height
  if (rgba.length !== pixels * 4) {
    throw new MeshError('image.malformed', { kind: header.kind, bytes: rgba.length })
  }
  return new Tensor('uint8', [header.height, header.width, 3], flatten(rgba, pixels))
}

const decode: Handler = {
  version: 1,
  summary: '{file: PNG or JPEG bytes} → {image: uint8 [height, width, 3], width, height}',
  run(args, context) {
    const given = new Arguments('image.decode', args, ['file'])
    const image = decodeImage(given.bytes('file'), context.imagePixelsMax)
    return { image, width: image.shape[1] ?? 0, height: image.shape[0] ?? 0 }
  }
}

export const IMAGE_HANDLERS = { 'image.decode': decode } as const satisfies Record<string, Handler>
