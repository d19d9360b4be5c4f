/**
 * The one acceptance rule of Ed25519, tried with points and scalars made to divide implementations.
 *
 * Every case is judged by tweetnacl, by Node and by a page's verifier behind the rule, and by the
 * first two without it: the last column says why the rule is there.
 */

import { deepEqual, equal } from 'node:assert/strict'
import { createHash, createPublicKey, verify as nodeVerify } from 'node:crypto'
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import nacl from 'tweetnacl'
import {
  concatBytes,
  isAcceptableKey,
  isAcceptableSignature,
  peerIdFromPublicKey,
  tweetnaclSigner,
  tweetnaclVerifier
} from '#contracts'
import { QuickVerifier, quickSigner } from '../../browser-node/tab/quick-keys.ts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { seed } from '../support/mesh-fixtures.ts'
import { fromHex } from '../support/vector-data.ts'

const { Point } = ed25519
const quickVerifier = new QuickVerifier()
const ORDER = Point.Fn.ORDER
const P = Point.Fp.ORDER
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const torsion = ED25519_TORSION_SUBGROUP.map((hex) => Point.fromHex(hex))
const order8 = Point.fromHex(ED25519_TORSION_SUBGROUP[1] ?? '')

interface Case {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

const littleEndian = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn))
const mod = (value: bigint): bigint => ((value % ORDER) + ORDER) % ORDER
function challenge(r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint {
  const digest = createHash('sha512').update(r).update(a).update(message).digest()
  return BigInt(`0x${Buffer.from(digest.toReversed()).toString('hex')}`) % ORDER
}
const message = (n: number): Uint8Array => new TextEncoder().encode(`message ${n}`)

/** Of tweetnacl and of Node; a page's verifier, fresh and warm, says what Node says. */
function verdicts({ publicKey, message, signature }: Case): [boolean, boolean] {
  const peerId = peerIdFromPublicKey(publicKey)
  const byNode = nodeVerifier.verify(peerId, message, signature)
  equal(new QuickVerifier().verify(peerId, message, signature), byNode)
  equal(quickVerifier.verify(peerId, message, signature), byNode)
  return [tweetnaclVerifier.verify(peerId, message, signature), byNode]
}

/** What the two libraries say with no rule before them. */
function bareVerdicts({ publicKey, message, signature }: Case): [boolean, boolean] {
  const key = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, publicKey]),
    format: 'der',
    type: 'spki'
  })
  return [
    nacl.sign.detached.verify(message, signature, publicKey),
    nodeVerify(null, message, key, signature)
  ]
}

/** Signs with secret scalar `a` and nonce `r`, given how A and R are to be written. */
function forge(a: bigint, r: bigint, publicKey: Uint8Array, bigR: Uint8Array, text: Uint8Array) {
  const k = challenge(bigR, publicKey, text)
  return { publicKey, message: text, signature: concatBytes(bigR, littleEndian(mod(r + k * a))) }
}

/** All encodings of the small-order points: the canonical eight, -0, and y + p where it fits. */
function smallOrderEncodings(): Uint8Array[] {
  const encodings = torsion.map((point) => point.toBytes())
  for (const y of [0n, 1n, P - 1n, P, P + 1n]) {
    for (const sign of [0n, 1n]) encodings.push(littleEndian(y | (sign << 255n)))
  }
  return encodings
}

describe('the Ed25519 acceptance rule', () => {
  const scalar = 123_456_789n
  const honest = Point.BASE.multiply(scalar)

  it('takes what either signer signs, and both sign the same', () => {
    for (let fill = 0; fill < 20; fill++) {
      const text = message(fill)
      const signature = nodeSigner(seed(fill)).sign(text)
      deepEqual(tweetnaclSigner(seed(fill)).sign(text), signature)
      deepEqual(quickSigner(seed(fill)).sign(text), signature)
      const { peerId } = nodeSigner(seed(fill))
      equal(tweetnaclVerifier.verify(peerId, text, signature), true)
      equal(nodeVerifier.verify(peerId, text, signature), true)
      equal(quickSigner(seed(fill)).peerId, peerId)
      equal(quickVerifier.verify(peerId, text, signature), true)
    }
  })

  it('takes a signature made with plain curve arithmetic, so the forgeries below are sound', () => {
    const r = 987_654_321n
    const R = Point.BASE.multiply(r).toBytes()
    deepEqual(verdicts(forge(scalar, r, honest.toBytes(), R, message(1))), [true, true])
  })

  it('refuses S + L, which tweetnacl alone takes', () => {
    const signer = nodeSigner(seed(5))
    const text = message(5)
    const signature = signer.sign(text)
    const s = BigInt(`0x${Buffer.from(signature.slice(32).toReversed()).toString('hex')}`)
    const publicKey = nacl.sign.keyPair.fromSeed(seed(5)).publicKey
    for (const factor of [1n, 2n, 7n]) {
      const malleated = concatBytes(signature.slice(0, 32), littleEndian(s + factor * ORDER))
      const forged = { publicKey, message: text, signature: malleated }
      deepEqual(verdicts(forged), [false, false])
      deepEqual(bareVerdicts(forged), [true, false])
    }
  })

  it('judges S at the edge of L', () => {
    const R = honest.toBytes()
    equal(isAcceptableSignature(concatBytes(R, littleEndian(ORDER - 1n))), true)
    equal(isAcceptableSignature(concatBytes(R, littleEndian(ORDER))), false)
    equal(isAcceptableSignature(concatBytes(R, littleEndian(ORDER + 1n))), false)
    equal(isAcceptableSignature(concatBytes(R, littleEndian((1n << 256n) - 1n))), false)
    equal(isAcceptableSignature(concatBytes(R, littleEndian(0n))), true)
  })

  it('refuses every encoding of a small-order key, though libraries take forgeries under them', () => {
    let takenBare = 0
    for (const publicKey of smallOrderEncodings()) {
      equal(isAcceptableKey(publicKey), false)
      for (let n = 0; n < 6; n++) {
        const r = BigInt(n + 2)
        const text = message(n)
        // [S]B = R for any message whose challenge the order of A divides
        const signature = concatBytes(Point.BASE.multiply(r).toBytes(), littleEndian(r))
        const forged = { publicKey, message: text, signature }
        deepEqual(verdicts(forged), [false, false])
        const [bareNacl, bareNode] = bareVerdicts(forged)
        if (bareNacl || bareNode) takenBare++
      }
    }
    equal(takenBare > 0, true)
  })

  it('refuses every encoding of a small-order R', () => {
    let takenBare = 0
    for (const bigR of smallOrderEncodings()) {
      const forged = forge(scalar, 0n, honest.toBytes(), bigR, message(3))
      equal(isAcceptableSignature(forged.signature), false)
      deepEqual(verdicts(forged), [false, false])
      if (bareVerdicts(forged).includes(true)) takenBare++
    }
    equal(takenBare > 0, true)
  })

  it('refuses every y that is p or more, in A and in R', () => {
    for (let y = P; y < 1n << 255n; y++) {
      for (const sign of [0n, 1n]) {
        const encoding = littleEndian(y | (sign << 255n))
        equal(isAcceptableKey(encoding), false)
        equal(isAcceptableSignature(concatBytes(encoding, littleEndian(1n))), false)
        const asKey = forge(0n, 5n, encoding, Point.BASE.multiply(5n).toBytes(), message(1))
        deepEqual(verdicts(asKey), [false, false])
        const asR = forge(scalar, 5n, honest.toBytes(), encoding, message(1))
        deepEqual(verdicts(asR), [false, false])
      }
    }
    equal(isAcceptableKey(littleEndian(P - 2n)), true)
  })

  it('gives one verdict on keys of mixed order: the equation without the cofactor', () => {
    const seen = { accepted: 0, refused: 0 }
    for (const extra of torsion.slice(1)) {
      const publicKey = honest.add(extra).toBytes()
      equal(isAcceptableKey(publicKey), true)
      for (let n = 0; n < 10; n++) {
        const r = BigInt(1000 + n)
        const forged = forge(scalar, r, publicKey, Point.BASE.multiply(r).toBytes(), message(n))
        const [byNacl, byNode] = verdicts(forged)
        equal(byNacl, byNode)
        deepEqual(bareVerdicts(forged), [byNacl, byNode])
        // with the cofactor all of them would pass: [8]([k]T) vanishes
        equal(ed25519.verify(forged.signature, forged.message, publicKey, { zip215: true }), true)
        if (byNacl) seen.accepted++
        else seen.refused++
      }
    }
    equal(seen.accepted > 0 && seen.refused > 0, true)
  })

  it('gives one verdict on R of mixed order', () => {
    for (let n = 0; n < 6; n++) {
      const r = BigInt(77 + n)
      const bigR = Point.BASE.multiply(r).add(order8).toBytes()
      const forged = forge(scalar, r, honest.toBytes(), bigR, message(n))
      deepEqual(verdicts(forged), [false, false])
    }
  })

  it('gives one verdict on keys that are no point at all', () => {
    let noPoint = 0
    for (let y = 2n; y < 60n; y++) {
      const publicKey = littleEndian(y)
      try {
        Point.fromBytes(publicKey)
        continue
      } catch {
        noPoint++
      }
      const forged = { publicKey, message: message(1), signature: new Uint8Array(64).fill(9) }
      deepEqual(verdicts(forged), [false, false])
    }
    equal(noPoint > 10, true)
  })

  it('refuses keys and signatures of another length without throwing', () => {
    equal(isAcceptableKey(new Uint8Array(31)), false)
    const { peerId } = nodeSigner(seed(1))
    for (const length of [0, 1, 32, 63, 65, 128]) {
      equal(nodeVerifier.verify(peerId, message(1), new Uint8Array(length)), false)
      equal(tweetnaclVerifier.verify(peerId, message(1), new Uint8Array(length)), false)
      equal(quickVerifier.verify(peerId, message(1), new Uint8Array(length)), false)
    }
  })

  it('refuses any signature with one bit changed, and any message with one bit changed', () => {
    const signer = nodeSigner(seed(8))
    const text = message(8)
    const signature = signer.sign(text)
    for (let bit = 0; bit < 512; bit += 11) {
      const changed = signature.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      equal(nodeVerifier.verify(signer.peerId, text, changed), false)
      equal(quickVerifier.verify(signer.peerId, text, changed), false)
      if (bit % 5 === 0) equal(tweetnaclVerifier.verify(signer.peerId, text, changed), false)
    }
    equal(nodeVerifier.verify(signer.peerId, text.with(0, 1), signature), false)
  })

  it('knows the small-order points from their definition', () => {
    for (const hex of ED25519_TORSION_SUBGROUP) equal(isAcceptableKey(fromHex(hex)), false)
  })
})
