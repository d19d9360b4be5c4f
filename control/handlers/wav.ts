/**
 * Reads a WAV file (RIFF, little-endian) into mono samples in [-1, 1].
 *
 * Takes integer PCM of 8, 16, 24 and 32 bits and float of 32 and 64 bits, plain or
 * WAVE_FORMAT_EXTENSIBLE, any number of channels up to a limit. Refuses everything else with a
 * typed error, and believes no length in a header that the bytes do not back.
 */
import { AUDIO_CHANNELS_MAX, AUDIO_RATE_HZ_MAX, AUDIO_RATE_HZ_MIN, MeshError } from '#contracts'

const FORMAT_PCM = 1
const FORMAT_FLOAT = 3
const FORMAT_EXTENSIBLE = 0xfffe
/** The last 14 bytes of the sub-format GUID that KSDATAFORMAT_SUBTYPE_PCM and _IEEE_FLOAT share. */
const SUBFORMAT_TAIL = '000000001000800000aa00389b71'

export interface Wav {
  readonly rateHz: number
  readonly channels: number
  readonly samples: Float32Array
}

interface Format {
  readonly code: number
  readonly channels: number
  readonly rateHz: number
  readonly bits: number
}

function tagAt(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4))
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function readFormat(bytes: Uint8Array, view: DataView, offset: number, size: number): Format {
  if (size < 16) throw new MeshError('audio.malformed', { chunk: 'fmt ', bytes: size })
  let code = view.getUint16(offset, true)
  const format = {
    channels: view.getUint16(offset + 2, true),
    rateHz: view.getUint32(offset + 4, true),
    bits: view.getUint16(offset + 14, true)
  }
  if (code === FORMAT_EXTENSIBLE) {
    if (size < 40) throw new MeshError('audio.malformed', { chunk: 'fmt ', bytes: size })
    code = view.getUint16(offset + 24, true)
    const tail = hex(bytes.subarray(offset + 26, offset + 40))
    if (tail !== SUBFORMAT_TAIL) throw new MeshError('audio.unsupported', { format: code })
  }
  const blockAlign = view.getUint16(offset + 12, true)
  checkFormat({ code, ...format }, blockAlign)
  return { code, ...format }
}

function checkFormat(format: Format, blockAlign: number): void {
  const { code, bits, channels, rateHz } = format
  const isKnown =
    (code === FORMAT_PCM && (bits === 8 || bits === 16 || bits === 24 || bits === 32)) ||
    (code === FORMAT_FLOAT && (bits === 32 || bits === 64))
  if (!isKnown) throw new MeshError('audio.unsupported', { format: code, bits })
  if (channels < 1 || channels > AUDIO_CHANNELS_MAX) {
    throw new MeshError('audio.unsupported', { channels, channels_max: AUDIO_CHANNELS_MAX })
  }
  if (rateHz < AUDIO_RATE_HZ_MIN || rateHz > AUDIO_RATE_HZ_MAX) {
    throw new MeshError('audio.unsupported', { rate_hz: rateHz })
  }
  if (blockAlign !== (channels * bits) / 8) {
    throw new MeshError('audio.malformed', { chunk: 'fmt ', block_align: blockAlign })
  }
}

/** One sample as a number in [-1, 1]; the caller gives the offset of its first byte. */
function sampleReader(format: Format, view: DataView): (offset: number) => number {
  if (format.code === FORMAT_FLOAT) {
    const read =
      format.bits === 32
        ? (offset: number): number => view.getFloat32(offset, true)
        : (offset: number): number => view.getFloat64(offset, true)
    return (offset) => {
      const value = read(offset)
      if (Number.isNaN(value)) return 0
      return Math.min(1, Math.max(-1, value))
    }
  }
  switch (format.bits) {
    case 8:
      return (offset) => (view.getUint8(offset) - 128) / 128
    case 16:
      return (offset) => view.getInt16(offset, true) / 32_768
    case 24:
      return (offset) =>
        ((view.getUint16(offset, true) << 8) | (view.getInt8(offset + 2) << 24)) / 2_147_483_648
    default:
      return (offset) => view.getInt32(offset, true) / 2_147_483_648
  }
}

interface Chunks {
  readonly format: Format
  readonly dataOffset: number
  readonly dataBytes: number
}

/** Walks the RIFF chunks to `fmt ` and `data`; each step moves on by at least eight bytes. */
function findChunks(bytes: Uint8Array, view: DataView): Chunks {
  let format: Format | undefined
  let offset = 12
  while (offset + 8 <= bytes.length) {
    const tag = tagAt(bytes, offset)
    const size = view.getUint32(offset + 4, true)
    const body = offset + 8
    if (body + size > bytes.length) {
      throw new MeshError('audio.truncated', {
        chunk: tag,
        bytes_claimed: size,
        bytes_present: bytes.length - body
      })
    }
    if (tag === 'fmt ') format = readFormat(bytes, view, body, size)
    if (tag === 'data') {
      if (format === undefined) throw new MeshError('audio.malformed', { chunk: 'data' })
      return { format, dataOffset: body, dataBytes: size }
    }
    offset = body + size + (size % 2)
  }
  throw new MeshError('audio.truncated', { chunk: 'data', bytes_present: bytes.length })
}

/** Bytes of a WAV file to mono samples at the file's own rate; `durationMsMax` bounds the work. */
export function readWav(bytes: Uint8Array, durationMsMax: number): Wav {
  if (bytes.length === 0) throw new MeshError('audio.empty')
  const magic = tagAt(bytes, 0)
  if ('RIFF'.startsWith(magic) && bytes.length < 12) {
    throw new MeshError('audio.truncated', { bytes_present: bytes.length })
  }
  if (magic !== 'RIFF' || tagAt(bytes, 8) !== 'WAVE') throw new MeshError('audio.not_wav')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { format, dataOffset, dataBytes } = findChunks(bytes, view)
  const sampleBytes = format.bits / 8
  const frameBytes = sampleBytes * format.channels
  const frames = Math.floor(dataBytes / frameBytes)
  if (dataBytes % frameBytes !== 0) {
    throw new MeshError('audio.truncated', { chunk: 'data', bytes_over: dataBytes % frameBytes })
  }
  if (frames === 0) throw new MeshError('audio.no_samples')
  const durationMs = Math.ceil((frames * 1_000) / format.rateHz)
  if (durationMs > durationMsMax) {
    throw new MeshError('audio.too_long', {
      duration_ms: durationMs,
      duration_ms_max: durationMsMax
    })
  }
  return {
    rateHz: format.rateHz,
    channels: format.channels,
    samples: mixDown(format, view, dataOffset, frames)
  }
}

function mixDown(format: Format, view: DataView, dataOffset: number, frames: number): Float32Array {
  const read = sampleReader(format, view)
  const sampleBytes = format.bits / 8
  const samples = new Float32Array(frames)
  let offset = dataOffset
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0
    for (let channel = 0; channel < format.channels; channel++) {
      sum += read(offset)
      offset += sampleBytes
    }
    samples[frame] = sum / format.channels
  }
  return samples
}
