/** WAV files: every kind that recorders write is read, every broken one is refused by name. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { isValueMap, MeshError, Tensor, type Value } from '#contracts'
import { runHandler } from '../../control/handlers/index.ts'
import { readWav } from '../../control/handlers/wav.ts'
import { code } from '../support/expect-code.ts'
import { buildWav, tone, type WavOptions } from '../support/wav-builder.ts'

const HOUR_MS = 3_600_000
const second = (options: Partial<WavOptions> = {}): Uint8Array =>
  buildWav({ rateHz: 16_000, frames: 16_000, bits: 16, channels: [tone(440)], ...options })

function decoded(file: Uint8Array): { samples: Tensor; map: Record<string, Value> } {
  const map = runHandler('audio.decode', { file })
  ok(isValueMap(map) && map['samples'] instanceof Tensor)
  return { samples: map['samples'], map }
}

describe('WAV files', () => {
  const kinds: [string, Partial<WavOptions>, number][] = [
    ['8-bit PCM', { bits: 8 }, 0.01],
    ['16-bit PCM', { bits: 16 }, 1e-4],
    ['24-bit PCM', { bits: 24 }, 1e-6],
    ['32-bit PCM', { bits: 32 }, 1e-6],
    ['32-bit float', { bits: 32, isFloat: true }, 1e-6],
    ['64-bit float', { bits: 64, isFloat: true }, 1e-6],
    ['extensible 16-bit PCM', { bits: 16, isExtensible: true }, 1e-4],
    ['extensible float', { bits: 32, isFloat: true, isExtensible: true }, 1e-6]
  ]
  for (const [name, options, tolerance] of kinds) {
    it(`reads ${name}`, () => {
      const wav = readWav(second(options), HOUR_MS)
      const sound = tone(440)
      equal(wav.samples.length, 16_000)
      wav.samples.forEach((sample, index) => {
        ok(Math.abs(sample - sound(index / 16_000)) <= tolerance, `sample ${index}`)
      })
    })
  }

  it('mixes channels to their mean', () => {
    const channels = [() => 0.5, () => -0.25, () => 0.5]
    const wav = readWav(second({ channels, bits: 32, isFloat: true }), HOUR_MS)
    equal(wav.channels, 3)
    ok(wav.samples.every((sample) => Math.abs(sample - 0.25) < 1e-7))
  })

  it('comes out at 16 kHz with its duration, whatever rate it came in', () => {
    for (const rateHz of [8_000, 16_000, 22_050, 44_100, 48_000, 96_000]) {
      const file = second({ rateHz, frames: rateHz / 2, channels: [tone(440), tone(440)] })
      const { samples, map } = decoded(file)
      deepEqual(samples.shape, [1, 8_000])
      equal(map['duration_ms'], 500)
      equal(map['source_rate_hz'], rateHz)
    }
  })

  it('skips chunks that it does not know', () => {
    const plain = second()
    const note = Uint8Array.from([...'LIST'].map((letter) => letter.charCodeAt(0)))
    const file = new Uint8Array(plain.length + 12)
    file.set(plain.subarray(0, 36))
    file.set(note, 36)
    file.set([3, 0, 0, 0, 1, 2, 3, 0], 40)
    file.set(plain.subarray(36), 48)
    equal(readWav(file, HOUR_MS).samples.length, 16_000)
  })

  it('takes wild floats as full scale and not-a-number as silence', () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, -9]
    const sound = (seconds: number): number => values[Math.round(seconds * 16_000)] ?? 0
    const wav = readWav(second({ frames: 3, bits: 32, isFloat: true, channels: [sound] }), HOUR_MS)
    deepEqual([...wav.samples], [0, 1, -1])
  })

  it('refuses an empty file, a wrong magic and zero samples by name', () => {
    throws(() => decoded(new Uint8Array(0)), code('audio.empty'))
    throws(
      () => decoded(new TextEncoder().encode('ID3 this is an mp3 file')),
      code('audio.not_wav')
    )
    throws(() => decoded(second({ frames: 0 })), code('audio.no_samples'))
  })

  it('refuses a file cut off anywhere', () => {
    const whole = second({ frames: 200 })
    for (let length = 1; length < whole.length; length++) {
      throws(() => decoded(whole.slice(0, length)), code('audio.truncated'), `at ${length}`)
    }
  })

  it('refuses a header that claims eight hours on a kilobyte', () => {
    const file = second({ frames: 490 })
    new DataView(file.buffer).setUint32(40, 8 * 3_600 * 32_000, true)
    throws(() => decoded(file), code('audio.truncated'))
  })

  it('refuses what is longer than the limit', () => {
    throws(() => readWav(second(), 999), code('audio.too_long'))
    equal(readWav(second(), 1_000).samples.length, 16_000)
  })

  it('refuses codecs, rates and channel counts out of its range', () => {
    const change = (offset: number, value: number, wide = false): Uint8Array => {
      const file = second()
      const view = new DataView(file.buffer)
      if (wide) view.setUint32(offset, value, true)
      else view.setUint16(offset, value, true)
      return file
    }
    throws(() => decoded(change(20, 0x55)), code('audio.unsupported'))
    throws(() => decoded(change(34, 12)), code('audio.unsupported'))
    throws(() => decoded(change(22, 0)), code('audio.unsupported'))
    throws(() => decoded(change(22, 33)), code('audio.unsupported'))
    throws(() => decoded(change(24, 999, true)), code('audio.unsupported'))
    throws(() => decoded(change(24, 384_001, true)), code('audio.unsupported'))
    throws(() => decoded(change(32, 4)), code('audio.malformed'))
  })

  it('gives samples or a typed error on any bytes', () => {
    const whole = second({ frames: 50 })
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 })
    fc.assert(
      fc.property(edits, (changes) => {
        const file = whole.slice()
        for (const [at, byte] of changes) file[at] = byte
        try {
          return readWav(file, HOUR_MS).samples.every((sample) => Math.abs(sample) <= 1)
        } catch (error) {
          return error instanceof MeshError && error.code.startsWith('audio.')
        }
      })
    )
  })
})
