/** What holds for all bytes and values: one encoding each, cborg agrees, hostile input is refused. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { encode as cborgEncode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { base32 } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import {
  batchProver,
  bytesToHex,
  cidMatches,
  cidOfBlobDigest,
  cidOfBytes,
  cidOfDocument,
  consistencyProof,
  decodeCanonical,
  encodeBatch,
  encodeCanonical,
  encodeItem,
  hexToBytes,
  inclusionProof,
  isCid,
  MeshError,
  merkleRoot,
  openBatch,
  openItem,
  openMessage,
  parseCid,
  parsePeerId,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  signBatch,
  signMessage,
  verifyConsistency,
  verifyInclusion
} from '#contracts'
import { encodeBase58 } from '../../contracts/base58.ts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { MESH, seed, TYP } from '../support/mesh-fixtures.ts'

const bytesMax = 1_000_000
const signer = nodeSigner(seed(1))
const options = { typ: TYP, mesh: MESH, verifier: nodeVerifier, bytesMax }
const text = fc.string({ unit: 'grapheme' })

/** Numbers as documents have them: no -0, which is 0. */
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double().map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.float().map((value) => (Object.is(value, -0) ? 0 : value))
)
const bigint = fc.oneof(
  fc.bigInt({ min: 1n << 53n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: -(1n << 64n), max: -(1n << 53n) })
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    number,
    bigint,
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 8 }),
    fc.dictionary(text, tie('value'), { maxKeys: 8, noNullPrototype: true })
  )
}))

/** Runs hostile input: any outcome but a MeshError or a value is our own mistake. */
function outcome<T>(run: () => T): T | MeshError {
  try {
    return run()
  } catch (error) {
    if (error instanceof MeshError) return error
    throw error
  }
}

/** Digest, version, codec, hash and length of a content id of ours, read by another library. */
function isOurs(text: string): boolean {
  try {
    const { version, code, multihash } = CID.parse(text, base32)
    if (version !== 1 || (code !== 0x55 && code !== 0x71)) return false
    if (multihash.code !== 0x12 || multihash.size !== 32) return false
    return CID.create(1, code, create(0x12, multihash.digest)).toString() === text
  } catch {
    return false
  }
}

describe('content ids, for all texts', () => {
  const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const base32Character = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz2345670189A')

  it('are written as multiformats writes them', () => {
    fc.assert(
      fc.property(digest, (bytes) => {
        equal(cidOfBlobDigest(bytes), CID.createV1(0x55, create(0x12, bytes)).toString())
      })
    )
  })

  it('are taken exactly where multiformats reads version, codec, hash and length of ours', () => {
    const near = fc
      .tuple(fc.uint8Array(), fc.boolean(), fc.nat(58), base32Character)
      .map(([bytes, isBlob, at, character]) => {
        const cid: string = isBlob ? cidOfBytes(bytes) : cidOfDocument(bytes)
        return `${cid.slice(0, at)}${character}${cid.slice(at + 1)}`
      })
    fc.assert(
      fc.property(near, (candidate) => equal(isCid(candidate), isOurs(candidate))),
      { numRuns: 5_000 }
    )
  })
})

describe('canonical CBOR, for all values', () => {
  it('gives every value back, and the same bytes from what it gave', () => {
    fc.assert(
      fc.property(value, (input) => {
        const bytes = encodeCanonical(input)
        const back = decodeCanonical(bytes, { bytesMax })
        deepEqual(back, input)
        deepEqual(encodeCanonical(back), bytes)
      }),
      { numRuns: 500 }
    )
  })

  it('has one encoding whatever the order of the keys', () => {
    fc.assert(
      fc.property(fc.dictionary(text, fc.integer(), { noNullPrototype: true }), (input) => {
        const reversed = Object.fromEntries(Object.entries(input).toReversed())
        deepEqual(encodeCanonical(reversed), encodeCanonical(input))
      })
    )
  })

  it('writes what cborg writes, subnormal halves aside, which cborg writes as singles', () => {
    const { halfless } = fc.letrec<{ halfless: unknown }>((tie) => ({
      halfless: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, false),
        number.filter((input) => input === 0 || Math.abs(input) >= 2 ** -14),
        bigint,
        text,
        fc.uint8Array(),
        fc.array(tie('halfless'), { maxLength: 8 }),
        fc.dictionary(text, tie('halfless'), { maxKeys: 8, noNullPrototype: true })
      )
    }))
    fc.assert(
      fc.property(halfless, (input) => {
        const theirs = new Uint8Array(cborgEncode(input, rfc8949EncodeOptions))
        equal(bytesToHex(encodeCanonical(input)), bytesToHex(theirs))
      }),
      { numRuns: 500 }
    )
  })

  it('takes random bytes only as the one encoding of what it reads', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const read = outcome(() => ({ value: decodeCanonical(bytes, { bytesMax }) }))
        if (!(read instanceof MeshError)) deepEqual(encodeCanonical(read.value), bytes)
      }),
      { numRuns: 5_000 }
    )
  })

  it('takes canonical bytes with one changed only as the one encoding of what it reads', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.nat(255), (input, position, byte) => {
        const bytes = encodeCanonical(input).slice()
        bytes[position % bytes.length] = byte
        const read = outcome(() => ({ value: decodeCanonical(bytes, { bytesMax }) }))
        if (!(read instanceof MeshError)) deepEqual(encodeCanonical(read.value), bytes)
      }),
      { numRuns: 2_000 }
    )
  })
})

describe('ids, for all bytes', () => {
  it('give back their digest and their key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        ok(cidMatches(parseCid(cidOfBytes(bytes)), bytes))
        deepEqual(hexToBytes(bytesToHex(bytes)), bytes)
      })
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        deepEqual(publicKeyFromPeerId(parsePeerId(peerIdFromPublicKey(key))), key)
      })
    )
  })

  it('refuse any text that is not theirs with a MeshError', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (input) => {
        ok(outcome(() => parseCid(input)) instanceof MeshError)
        ok(outcome(() => parsePeerId(input)) instanceof MeshError)
      })
    )
  })
})

describe('signed bytes, for all payloads', () => {
  it('open to what was signed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (payload) => {
        const message = signMessage({ typ: TYP, mesh: MESH, payload, signer })
        deepEqual(openMessage(message, options).payload, payload)
      })
    )
  })

  it('refuse random bytes behind a right beginning with a MeshError', () => {
    const message = signMessage({ typ: TYP, mesh: MESH, payload: new Uint8Array(40), signer })
    fc.assert(
      fc.property(fc.nat(message.length - 1), fc.uint8Array(), (length, noise) => {
        const bytes = new Uint8Array(length + noise.length)
        bytes.set(message.subarray(0, length))
        bytes.set(noise, length)
        if (bytesToHex(bytes) === bytesToHex(message)) return
        ok(outcome(() => openMessage(bytes, options)) instanceof MeshError)
        ok(outcome(() => openBatch(bytes, options)) instanceof MeshError)
        ok(outcome(() => openItem(bytes, options)) instanceof MeshError)
      }),
      { numRuns: 500 }
    )
  })

  it('batch and unbatch, every item provable', () => {
    const items = fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(items, fc.nat(), (list, pick) => {
        const batch = openBatch(
          encodeBatch(signBatch({ typ: TYP, mesh: MESH, items: list, signer })),
          options
        )
        deepEqual(batch.items, list)
        const index = pick % list.length
        deepEqual(openItem(encodeItem(batchProver(batch)(index)), options).item, list[index])
      }),
      { numRuns: 60 }
    )
  })
})

describe('the Merkle tree, for all trees', () => {
  const tree = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 70 })

  it('proves every leaf, and every beginning', () => {
    fc.assert(
      fc.property(tree, fc.nat(), (leaves, pick) => {
        const index = pick % leaves.length
        const leaf = leaves[index] ?? new Uint8Array(0)
        const root = merkleRoot(leaves)
        const size = leaves.length
        ok(verifyInclusion({ index, size, leaf, proof: inclusionProof(index, leaves), root }))
        const firstSize = index + 1
        ok(
          verifyConsistency({
            firstSize,
            secondSize: size,
            firstRoot: merkleRoot(leaves.slice(0, firstSize)),
            secondRoot: root,
            proof: consistencyProof(firstSize, leaves)
          })
        )
      })
    )
  })

  it('believes no proof with a hash changed', () => {
    fc.assert(
      fc.property(tree, fc.nat(), fc.nat(), (leaves, pick, bit) => {
        const index = pick % leaves.length
        const leaf = leaves[index] ?? new Uint8Array(0)
        const proof = inclusionProof(index, leaves).map((hash) => hash.slice())
        const hash = proof[bit % Math.max(1, proof.length)]
        if (hash === undefined) return
        hash[bit % 32] = (hash[bit % 32] ?? 0) ^ 1
        const claim = { index, size: leaves.length, leaf, proof, root: merkleRoot(leaves) }
        equal(verifyInclusion(claim), false)
      })
    )
  })
})

describe('base58, for all short bytes', () => {
  it('writes what multiformats writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(4), (bytes, zeros) => {
        const input = Uint8Array.of(...new Uint8Array(zeros), ...bytes)
        equal(encodeBase58(input), base58btc.baseEncode(input))
      }),
      { numRuns: 500 }
    )
  })
})
