/** The resampler: tones keep their pitch and strength, what cannot be kept is removed. */
import { equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { resample, sinPi } from '../../control/handlers/resample.ts'
import { tone } from '../support/wav-builder.ts'

function sampled(sound: (seconds: number) => number, rateHz: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => sound(index / rateHz))
}

/** The largest difference from the ideal, leaving out the filter's run-in at both ends. */
function worstError(got: Float32Array, sound: (seconds: number) => number, rateHz: number): number {
  let worst = 0
  for (let index = 400; index < got.length - 400; index++) {
    worst = Math.max(worst, Math.abs((got[index] ?? 0) - sound(index / rateHz)))
  }
  return worst
}

describe('the resampler', () => {
  for (const rateHz of [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 44_101]) {
    it(`keeps a tone from ${rateHz} Hz`, () => {
      const sound = tone(1_000)
      const got = resample(sampled(sound, rateHz, rateHz / 4), rateHz, 16_000)
      ok(Math.abs(got.length - 4_000) <= 1)
      ok(worstError(got, sound, 16_000) < 1e-3, `${worstError(got, sound, 16_000)}`)
    })
  }

  it('removes tones above the new Nyquist rate instead of folding them down', () => {
    const got = resample(sampled(tone(10_000), 48_000, 24_000), 48_000, 16_000)
    ok(worstError(got, () => 0, 16_000) < 5e-4, `${worstError(got, () => 0, 16_000)}`)
  })

  it('keeps silence silent and a constant constant', () => {
    const silent = resample(new Float32Array(1_000), 44_100, 16_000)
    ok(silent.every((sample) => sample === 0))
    const constant = resample(new Float32Array(48_000).fill(0.25), 48_000, 16_000)
    ok(worstError(constant, () => 0.25, 16_000) < 1e-6)
  })

  it('returns the same samples for the same rate', () => {
    const samples = sampled(tone(300), 16_000, 100)
    equal(resample(samples, 16_000, 16_000), samples)
  })

  it('has a sine of its own that agrees with the platform to twelve digits', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e3, max: 1e3, noNaN: true }), (x) => {
        const turns = x - 2 * Math.round(x / 2)
        return Math.abs(sinPi(x) - Math.sin(Math.PI * turns)) < 1e-12
      })
    )
  })
})
