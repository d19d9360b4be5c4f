/**
 * Signing and verifying in a page, at once and several times as fast as the reference, by the same
 * acceptance rule. WebCrypto is faster still and answers later, which machines do not wait for.
 *
 * Points of public keys are kept with their tables, because a node hears the same few signers again
 * and again; the oldest unused one goes first. Keeps no seed anywhere.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import {
  equalBytes,
  isAcceptableKey,
  isAcceptableSignature,
  MeshError,
  type PeerId,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  SEED_BYTES,
  type Signer,
  type Verifier
} from '#contracts'

const { Point } = ed25519
type EdwardsPoint = InstanceType<typeof Point>

/** Tables of 64 KiB each: the gateway, a few peers and the authors of their logs. */
const KEYS_MAX = 64
/** A table pays from the third signature of a key on. */
const TABLE_FROM_USE = 3
const TABLE_BITS = 6

/** The seed is the 32-byte Ed25519 private key of RFC 8032. */
export function quickSigner(seed: Uint8Array): Signer {
  if (seed.length !== SEED_BYTES) {
    throw new MeshError('contracts.key_malformed', { bytes: seed.length })
  }
  const kept = seed.slice()
  return {
    peerId: peerIdFromPublicKey(ed25519.getPublicKey(kept)),
    sign: (bytes) => ed25519.sign(bytes, kept)
  }
}

interface KnownKey {
  readonly publicKey: Uint8Array
  /** Of −A. */
  readonly negated: EdwardsPoint
  uses: number
}

export class QuickVerifier implements Verifier {
  /** In order of last use; null marks a key that the rule refuses. */
  readonly #keys = new Map<PeerId, KnownKey | null>()

  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
    if (!isAcceptableSignature(signature)) return false
    const key = this.#key(peerId)
    return key !== null && holds(key, bytes, signature)
  }

  #key(peerId: PeerId): KnownKey | null {
    const known = this.#keys.get(peerId)
    const key = known === undefined ? openKey(publicKeyFromPeerId(peerId)) : known
    this.#keys.delete(peerId)
    const oldest = this.#keys.keys().next()
    if (this.#keys.size >= KEYS_MAX && !oldest.done) this.#keys.delete(oldest.value)
    this.#keys.set(peerId, key)
    return key
  }
}

function openKey(publicKey: Uint8Array): KnownKey | null {
  if (!isAcceptableKey(publicKey)) return null
  try {
    return { publicKey, negated: Point.fromBytes(publicKey).negate(), uses: 0 }
  } catch {
    // no point of the curve has this encoding
    return null
  }
}

/** Rule 5: the encoding of [S]B − [k]A equals R, byte for byte, without the cofactor. */
function holds(key: KnownKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  const hash = sha512.create().update(r).update(key.publicKey).update(bytes).digest()
  const k = littleEndian(hash) % Point.Fn.ORDER
  key.uses += 1
  if (key.uses === TABLE_FROM_USE) key.negated.precompute(TABLE_BITS)
  const left = s === 0n ? Point.ZERO : Point.BASE.multiplyUnsafe(s)
  return equalBytes(left.add(key.negated.multiplyUnsafe(k)).toBytes(), r)
}

function littleEndian(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let value = 0n
  for (let at = bytes.length - 8; at >= 0; at -= 8)
    value = (value << 64n) | view.getBigUint64(at, true)
  return value
}
