/**
 * RFC 8949 appendix A and the dag-cbor fixtures: equal bytes after decoding and encoding, or a
 * refusal with its reason. What is refused is listed by kind, so that a new refusal fails here.
 */

import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import {
  bytesToHex,
  cidOfDocument,
  decodeCanonical,
  encodeCanonical,
  hexToBytes,
  MeshError
} from '#contracts'
import { withCode } from '../support/mesh-fixtures.ts'
import { readVectors } from '../support/vector-data.ts'

const bytesMax = 100_000
const AppendixRow = z.strictObject({
  hex: z.string(),
  roundtrip: z.boolean(),
  decoded: z.unknown().optional(),
  diagnostic: z.unknown().optional()
})
const BigintRow = z.strictObject({ bigint: z.string() })
const FloatRow = z.strictObject({ float: z.string() })
const FixtureRow = z.strictObject({ name: z.string(), cid: z.string(), hex: z.string() })

/** Well-formed by the RFC and not ours: undefined, simple values, tags, integer keys, streams. */
const NOT_OURS =
  /^(?:f7|f0|f8|c|d[78]|a201|5f|7f|9f|bf|8301820203(?=9f)|83018202039f|83019f|826161bf)/

describe('RFC 8949 appendix A', () => {
  const rows = readVectors('rfc8949-appendix-a', AppendixRow)

  it('has its 82 cases here', () => {
    equal(rows.length, 82)
  })

  for (const row of rows) {
    if (NOT_OURS.test(row.hex)) {
      it(`${row.hex} is refused: our documents do not use it`, () => {
        throws(
          () => decodeCanonical(hexToBytes(row.hex), { bytesMax }),
          withCode('contracts.cbor_malformed')
        )
      })
    } else if (row.roundtrip) {
      it(`${row.hex} decodes to its value and encodes to the same bytes`, () => {
        const value = decodeCanonical(hexToBytes(row.hex), { bytesMax })
        const expected = row.decoded ?? row.diagnostic ?? null
        const bigint = BigintRow.safeParse(expected)
        const float = FloatRow.safeParse(expected)
        if (bigint.success) equal(value, BigInt(bigint.data.bigint))
        else if (float.success) equal(value, Number(float.data.float))
        else if (row.decoded !== undefined) deepEqual(value, row.decoded)
        equal(bytesToHex(encodeCanonical(value)), row.hex)
      })
    } else {
      it(`${row.hex} is refused: it is not the shortest form`, () => {
        throws(
          () => decodeCanonical(hexToBytes(row.hex), { bytesMax }),
          withCode('contracts.cbor_not_canonical')
        )
      })
    }
  }
})

/** Why a fixture is not a document of ours: a link is a tag, and dag-cbor writes all floats long. */
const REASONS: Readonly<Record<string, RegExp>> = {
  'a tag': /d82a/,
  'float is not the shortest': /fb/,
  'a whole number as a float': /fb/
}

/** Takes the fixture byte for byte, or refuses it for a reason that its bytes bear out. */
function checkFixture(cid: string, bytes: Uint8Array): 'taken' | 'refused' {
  equal(cidOfDocument(bytes), cid)
  try {
    deepEqual(encodeCanonical(decodeCanonical(bytes, { bytesMax })), bytes)
    return 'taken'
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    const reason = REASONS[String(error.facts['reason'])]
    ok(reason?.test(bytesToHex(bytes)), error.message)
    return 'refused'
  }
}

describe('dag-cbor fixtures', () => {
  it('come back byte for byte, or are refused for a link or a long float', () => {
    const counts = { taken: 0, refused: 0 }
    for (const { cid, hex } of readVectors('dag-cbor', FixtureRow)) {
      counts[checkFixture(cid, hexToBytes(hex))]++
    }
    deepEqual(counts, { taken: 40, refused: 18 })
  })

  it('come back in full where KORA_CASES names a folder that holds the whole set', function () {
    const cases = process.env['KORA_CASES']
    // the whole folder is not in the project; the sample above it always runs
    if (cases === undefined) return this.skip()
    const folder = join(cases, 'cbor/dag-cbor-fixtures')
    let checked = 0
    for (const name of readdirSync(folder)) {
      for (const file of readdirSync(join(folder, name))) {
        if (!file.endsWith('.dag-cbor')) continue
        const bytes = new Uint8Array(readFileSync(join(folder, name, file)))
        checkFixture(file.replace('.dag-cbor', ''), bytes)
        checked++
      }
    }
    equal(checked >= 60, true)
  })
})
