/** Latency matrices: shipped ones say what was measured, and a user's is refused where it is wrong. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { MeshError } from '#contracts'
import {
  decodeMatrix,
  encodeMatrix,
  readMatrixText,
  rttUs,
  SAME_PLACE_RTT_US,
  withoutGaps
} from '../../sim/network/latency-matrix.ts'

const shipped = (name: string) =>
  decodeMatrix(gunzipSync(readFileSync(join('sim/data', `${name}.bin.gz`))))

/** Round trip quantiles in milliseconds between different places, from the published text files. */
const PUBLISHED = {
  wondernetwork: { places: 242, p50: 142.85, p90: 290.09, p99: 441.98 },
  planetlab: { places: 490, p50: 135.01, p90: 290.72, p99: 412.62 },
  seattle: { places: 99, p50: 210, p90: 520, p99: 1030 }
} as const

function faultsOf(text: string): readonly (readonly [string, number | undefined])[] {
  let faults: readonly (readonly [string, number | undefined])[] = []
  throws(
    () => readMatrixText(text, { name: 'mine', unitUs: 1_000 }),
    (error) => {
      ok(error instanceof MeshError && error.code === 'latency.invalid')
      faults = (error.issues ?? []).map(({ rule, at }) => [rule, at?.line] as const)
      return true
    }
  )
  return faults
}

describe('a latency matrix', () => {
  for (const [name, { places, ...quantiles }] of Object.entries(PUBLISHED)) {
    it(`ships as it was published, within two per cent: ${name}`, () => {
      const matrix = shipped(name)
      equal(matrix.places, places)
      const times = [...matrix.rttUs].filter((us) => us > 0)
      times.sort((a, b) => a - b)
      for (const [quantile, ms] of Object.entries(quantiles)) {
        const share = Number(quantile.slice(1)) / 100
        const seen = (times[Math.floor(share * times.length)] ?? 0) / 1_000
        ok(Math.abs(seen / ms - 1) <= 0.02, `${quantile} is ${seen} ms, published ${ms} ms`)
      }
    })
  }

  it('keeps every time within a fifth of a per cent through its bytes', () => {
    const us = fc.integer({ min: 1, max: 10_000_000 })
    fc.assert(
      fc.property(us, us, (there, back) => {
        const rtt = Uint32Array.of(0, there, back, 0)
        const read = decodeMatrix(
          encodeMatrix({ name: 'two', places: 2, rttUs: rtt, jitterUs: rtt })
        )
        deepEqual([read.name, read.places, read.jitterUs], ['two', 2, read.rttUs])
        for (const [cell, time] of rtt.entries()) {
          ok(Math.abs((read.rttUs[cell] ?? Number.NaN) - time) <= time / 500)
        }
      })
    )
  })

  it('fills a gap with the way back, else with the median of its row', () => {
    const rttUs = Uint32Array.of(0, 0, 30, 0, 0, 50, 0, 0, 0)
    const filled = withoutGaps({
      name: 'gaps',
      places: 3,
      rttUs: Uint32Array.from(rttUs),
      jitterUs: null
    })
    deepEqual([...filled.rttUs], [0, 30, 30, 50, 0, 50, 30, 50, 0])
    const empty = { name: 'none', places: 2, rttUs: new Uint32Array(4), jitterUs: null }
    throws(() => withoutGaps(empty), { code: 'latency.invalid' })
    const matrix = withoutGaps(shipped('wondernetwork'))
    equal(matrix.rttUs.filter((us) => us === 0).length, matrix.places)
  })

  it('is read from text with commas or white space, the diagonal empty or 0', () => {
    const commas = readMatrixText(',2.5\n3,\n', { name: 'mine', unitUs: 1_000 })
    const spaces = readMatrixText('0 2.5\n3 0', { name: 'mine', unitUs: 1_000 })
    deepEqual(commas, spaces)
    deepEqual([rttUs(commas, 0, 1), rttUs(commas, 1, 0)], [2_500, 3_000])
    equal(rttUs(commas, 1, 1), SAME_PLACE_RTT_US)
  })

  it('is refused where it is not square, has gaps, or says what is no time', () => {
    deepEqual(faultsOf('0 1 2\n\n1 0\n1 1 0'), [['not_square', 3]])
    deepEqual(faultsOf(',1,\n1,,1\n1,1,'), [['gap', 1]])
    deepEqual(faultsOf('0 -1\nfast 0'), [
      ['not_a_time', 1],
      ['not_a_time', 2]
    ])
    deepEqual(faultsOf('\n\n'), [['unreadable', undefined]])
  })

  it('is refused where its bytes are cut short, go on, or are something else', () => {
    const bytes = encodeMatrix({
      name: 'one',
      places: 2,
      rttUs: Uint32Array.of(0, 1, 1, 0),
      jitterUs: null
    })
    for (const wrong of [bytes.slice(0, -1), Uint8Array.of(...bytes, 0), bytes.slice(1)]) {
      throws(() => decodeMatrix(wrong), { code: 'latency.invalid' })
    }
  })
})
