/** Content ids: one spelling each, known to other libraries, and nothing else passes. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import { base32, base32upper } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import {
  bytesToHex,
  cidDigest,
  cidMatches,
  cidOfBlobDigest,
  cidOfBytes,
  cidOfDocument,
  isCid,
  parseCid,
  sha256
} from '#contracts'
import { sha256HexOf } from '../../contracts/platform/node.ts'
import {
  sha256 as portableSha256,
  sha256HexOf as portableSha256HexOf
} from '../../contracts/platform/portable.ts'
import { withCode } from '../support/mesh-fixtures.ts'

const bytes = new TextEncoder().encode('hello world')
const RAW = 0x55
const DAG_CBOR = 0x71
const DAG_PB = 0x70
const SHA2_256 = 0x12
const SHA2_512 = 0x13

describe('content ids', () => {
  it('names bytes as the IPFS world does', () => {
    equal(cidOfBytes(bytes), 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e')
  })

  it('agrees with multiformats on blobs and documents', () => {
    const digest = create(SHA2_256, sha256(bytes))
    equal(cidOfBytes(bytes), CID.createV1(RAW, digest).toString())
    equal(cidOfDocument(bytes), CID.createV1(DAG_CBOR, digest).toString())
    equal(cidOfBlobDigest(sha256(bytes)), cidOfBytes(bytes))
  })

  it('finds its digest again and knows its content', () => {
    const cid = parseCid(cidOfBytes(bytes))
    deepEqual(cidDigest(cid), sha256(bytes))
    equal(cidMatches(cid, bytes), true)
    equal(cidMatches(cid, bytes.subarray(1)), false)
  })

  const digest = create(SHA2_256, sha256(bytes))
  const cid = CID.createV1(RAW, digest)
  const last = cid.toString().slice(0, -1)
  const refused: Readonly<Record<string, string>> = {
    'an empty text': '',
    'version 0': CID.createV0(digest).toString(),
    'another base': cid.toString(base58btc),
    'upper case': cid.toString(base32upper),
    'upper case after a lower prefix': `b${cid.toString().slice(1).toUpperCase()}`,
    'another codec': CID.createV1(DAG_PB, digest).toString(),
    'another hash': CID.createV1(RAW, create(SHA2_512, new Uint8Array(64))).toString(),
    'another hash of 32 bytes': CID.createV1(RAW, create(SHA2_512, sha256(bytes))).toString(),
    'a short digest': CID.createV1(RAW, create(SHA2_256, new Uint8Array(31))).toString(),
    'a second spelling by spare bits': `${last}f`,
    'white space': ` ${cid.toString()}`,
    padding: `${cid.toString()}=`,
    'a path behind it': `${cid.toString()}/a`,
    'an identity hash': base32.encode(Uint8Array.of(1, RAW, 0, 32, ...sha256(bytes)))
  }
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      equal(isCid(text), false)
      throws(() => parseCid(text), withCode('contracts.cid_malformed'))
    })
  }

  it('refuses a digest of another length', () => {
    throws(() => cidOfBlobDigest(new Uint8Array(20)), withCode('contracts.cid_malformed'))
  })

  it('hashes the same in Node and in portable code', () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 1000, 70_000]) {
      const input = new Uint8Array(length).map((_, index) => index * 31)
      deepEqual(sha256(input), portableSha256(input))
      const text = String.fromCodePoint(...input.subarray(0, 1_000), 0x20ac, 0x1f600)
      equal(sha256HexOf(text), portableSha256HexOf(text))
      equal(sha256HexOf(text), bytesToHex(sha256(new TextEncoder().encode(text))))
    }
  })
})
