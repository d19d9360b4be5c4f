/** Writes WAV files of every kind that the decoder takes, from functions of time. */
export interface WavOptions {
  readonly rateHz: number
  readonly frames: number
  readonly bits: 8 | 16 | 24 | 32 | 64
  readonly isFloat?: boolean
  readonly isExtensible?: boolean
  /** One function of seconds for each channel, in [-1, 1]. */
  readonly channels: readonly ((seconds: number) => number)[]
}

export const tone =
  (hertz: number, amplitude = 0.5) =>
  (seconds: number): number =>
    amplitude * Math.sin(2 * Math.PI * hertz * seconds)

function writeSample(view: DataView, offset: number, options: WavOptions, value: number): void {
  if (options.isFloat === true) {
    if (options.bits === 32) view.setFloat32(offset, value, true)
    else view.setFloat64(offset, value, true)
    return
  }
  switch (options.bits) {
    case 8:
      view.setUint8(offset, Math.round(value * 127) + 128)
      return
    case 16:
      view.setInt16(offset, Math.round(value * 32_767), true)
      return
    case 24: {
      const whole = Math.round(value * 8_388_607)
      view.setUint16(offset, whole & 0xffff, true)
      view.setInt8(offset + 2, whole >> 16)
      return
    }
    default:
      view.setInt32(offset, Math.round(value * 2_147_483_647), true)
  }
}

function writeText(view: DataView, offset: number, text: string): void {
  for (let index = 0; index < text.length; index++) {
    view.setUint8(offset + index, text.charCodeAt(index))
  }
}

const GUID_TAIL = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71] as const

export function buildWav(options: WavOptions): Uint8Array {
  const width = options.bits / 8
  const channels = options.channels.length
  const formatBytes = options.isExtensible === true ? 40 : 16
  const dataBytes = options.frames * channels * width
  const view = new DataView(new ArrayBuffer(28 + formatBytes + dataBytes))
  const code = options.isFloat === true ? 3 : 1
  writeText(view, 0, 'RIFF')
  view.setUint32(4, view.byteLength - 8, true)
  writeText(view, 8, 'WAVEfmt ')
  view.setUint32(16, formatBytes, true)
  view.setUint16(20, options.isExtensible === true ? 0xfffe : code, true)
  view.setUint16(22, channels, true)
  view.setUint32(24, options.rateHz, true)
  view.setUint32(28, options.rateHz * channels * width, true)
  view.setUint16(32, channels * width, true)
  view.setUint16(34, options.bits, true)
  if (options.isExtensible === true) {
    view.setUint16(36, 22, true)
    view.setUint16(38, options.bits, true)
    view.setUint16(44, code, true)
    new Uint8Array(view.buffer).set(GUID_TAIL, 46)
  }
  const start = 20 + formatBytes
  writeText(view, start, 'data')
  view.setUint32(start + 4, dataBytes, true)
  for (let frame = 0; frame < options.frames; frame++) {
    options.channels.forEach((sound, channel) => {
      const offset = start + 8 + (frame * channels + channel) * width
      writeSample(view, offset, options, sound(frame / options.rateHz))
    })
  }
  return new Uint8Array(view.buffer)
}
