/**
 * Naughty strings and the JSON torture suite: what JSON.parse takes goes through canonical CBOR,
 * a content id and a signature, and comes back unchanged.
 */

import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { z } from 'zod'
import {
  cidMatches,
  cidOfDocument,
  decodeCanonical,
  encodeCanonical,
  hexToBytes,
  MeshError,
  openMessage,
  signMessage
} from '#contracts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { MESH, seed, TYP, withCode } from '../support/mesh-fixtures.ts'
import { readVectors } from '../support/vector-data.ts'

const bytesMax = 1_000_000
const signer = nodeSigner(seed(1))

function throughEverything(value: unknown): unknown {
  const payload = encodeCanonical(value)
  const message = signMessage({ typ: TYP, mesh: MESH, payload, signer })
  const opened = openMessage(message, { typ: TYP, mesh: MESH, verifier: nodeVerifier, bytesMax })
  ok(cidMatches(cidOfDocument(payload), opened.payload))
  const back = decodeCanonical(opened.payload, { bytesMax })
  deepEqual(encodeCanonical(back), payload)
  return back
}

describe('naughty strings', () => {
  const strings = readVectors('naughty-strings', z.string())

  it('come back unchanged as values, as keys and all at once', () => {
    equal(strings.length, 231)
    for (const text of strings) {
      equal(throughEverything(text), text)
      const keyed: unknown = JSON.parse(`{${JSON.stringify(text)}: 1}`)
      deepEqual(throughEverything(keyed), keyed)
    }
    deepEqual(throughEverything(strings), strings)
  })

  it('come back with a byte order mark before them', () => {
    for (const text of strings) equal(throughEverything(`\ufeff${text}`), `\ufeff${text}`)
  })
})

/** -0 is 0 in our documents: one number, one encoding. */
const withoutNegativeZero = (text: string): unknown =>
  JSON.parse(text, (_, value: unknown) => (Object.is(value, -0) ? 0 : value))

const isWellFormed = (value: unknown): boolean =>
  typeof value === 'string'
    ? value.isWellFormed()
    : typeof value !== 'object' ||
      value === null ||
      Object.entries(value).every(([key, item]) => key.isWellFormed() && isWellFormed(item))

describe('the JSON torture suite', () => {
  const rows = readVectors('json-parsing', z.strictObject({ name: z.string(), hex: z.string() }))
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  it('has its 135 cases here', () => {
    equal(rows.length, 135)
  })

  for (const { name, hex } of rows) {
    const parsed = (() => {
      try {
        return { value: withoutNegativeZero(utf8.decode(hexToBytes(hex))) }
      } catch {
        return undefined
      }
    })()
    if (parsed === undefined) {
      it(`${name} is not JSON, and as CBOR it is refused or has one encoding`, () => {
        ok(!name.startsWith('y_'))
        try {
          deepEqual(
            encodeCanonical(decodeCanonical(hexToBytes(hex), { bytesMax })),
            hexToBytes(hex)
          )
        } catch (error) {
          ok(error instanceof MeshError)
        }
      })
    } else if (isWellFormed(parsed.value)) {
      it(`${name} comes back unchanged`, () => {
        ok(!name.startsWith('n_'))
        deepEqual(throughEverything(parsed.value), parsed.value)
      })
    } else {
      it(`${name} is refused for its lone surrogate`, () => {
        throws(() => encodeCanonical(parsed.value), withCode('contracts.cbor_malformed'))
      })
    }
  }
})
