/**
 * The one rule by which an Ed25519 signature is accepted, whoever computes it.
 *
 * RFC 8032 leaves room, and implementations differ in it: tweetnacl takes S >= L, OpenSSL does
 * not; WebCrypto must refuse small-order points, the other two take them. So every verifier
 * first asks this file, and then checks the equation without the cofactor, as they all do:
 *
 * 1. the signature is 64 bytes, the key 32;
 * 2. S < L (no second signature can be made from a first);
 * 3. the y of A and of R is below p (one point has one encoding);
 * 4. neither A nor R is one of the eight points of small order (no key signs everything);
 * 5. the encoding of [S]B - [SHA-512(R || A || M)]A equals R, byte for byte.
 *
 * Rules 1 to 4 are here. Points of mixed order pass them, and rule 5 decides. Sources: RFC 8032
 * section 5.1.7; Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020).
 */

import { hexToBytes } from './hex.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './signing.ts'

/** L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
const GROUP_ORDER = Uint8Array.of(
  0xed,
  0xd3,
  0xf5,
  0x5c,
  0x1a,
  0x63,
  0x12,
  0x58,
  0xd6,
  0x9c,
  0xf7,
  0xa2,
  0xde,
  0xf9,
  0xde,
  0x14,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0x10
)

/** The y of the points of order 1, 2, 4 and 8, sign bit clear: 1, p - 1, 0 and the two of order 8. */
const SMALL_ORDER_Y: readonly string[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'
]
const SMALL_ORDER_Y_BYTES: readonly Uint8Array[] = SMALL_ORDER_Y.map(hexToBytes)

/** Rules 1, 3 and 4 for the public key. A verifier may remember the answer with the key. */
export function isAcceptableKey(publicKey: Uint8Array): boolean {
  return publicKey.length === PUBLIC_KEY_BYTES && isAcceptablePoint(publicKey)
}

/** Rules 1 to 4 for the signature: S is reduced, and R is canonical and not of small order. */
export function isAcceptableSignature(signature: Uint8Array): boolean {
  return (
    signature.length === SIGNATURE_BYTES &&
    isBelowGroupOrder(signature) &&
    isAcceptablePoint(signature)
  )
}

/** Compares bytes 32 to 63 with L from the top; nearly every S is decided by its top byte. */
function isBelowGroupOrder(signature: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (signature[32 + i] ?? 0) - (GROUP_ORDER[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

function isAcceptablePoint(bytes: Uint8Array): boolean {
  return isCanonicalY(bytes) && !SMALL_ORDER_Y_BYTES.some((y) => hasY(bytes, y))
}

/** p = 2^255 - 19, so only ed..ff, ff * 30, 7f is too large. */
function isCanonicalY(bytes: Uint8Array): boolean {
  if (((bytes[31] ?? 0) & 0x7f) !== 0x7f) return true
  for (let i = 30; i > 0; i--) if (bytes[i] !== 0xff) return true
  return (bytes[0] ?? 0) < 0xed
}

function hasY(bytes: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i++) if (bytes[i] !== y[i]) return false
  return ((bytes[31] ?? 0) & 0x7f) === y[31]
}
