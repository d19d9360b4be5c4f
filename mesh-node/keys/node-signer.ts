/**
 * Signing and verifying on `node:crypto`: a hundred times tweetnacl, by the same acceptance rule.
 *
 * Imported public keys are kept, because importing costs a third of a verification; the oldest
 * unused one goes first. So are short messages that were found rightly signed: a batch's head comes
 * with the results and again in the ledger, a log's head is judged as gossip and again when it is
 * taken. Reads and writes no key file: that is the identity's affair.
 */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
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
  VERIFIED_BYTES_MAX,
  VERIFIED_MESSAGES_MAX,
  VERIFIER_KEYS_MAX,
  type Verifier
} from '#contracts'

/** DER of a PKCS #8 and an SPKI Ed25519 key (RFC 8410) up to the 32 bytes themselves. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** The seed is the 32-byte Ed25519 private key of RFC 8032. */
export function nodeSigner(seed: Uint8Array): Signer {
  if (seed.length !== SEED_BYTES) {
    throw new MeshError('contracts.key_malformed', { bytes: seed.length })
  }
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    peerId: peerIdFromPublicKey(new Uint8Array(spki.subarray(SPKI_PREFIX.length))),
    sign: (bytes) => {
      const signature = sign(null, bytes, privateKey)
      return new Uint8Array(signature.buffer, signature.byteOffset, signature.byteLength)
    }
  }
}

interface Verified {
  readonly peerId: PeerId
  readonly bytes: Uint8Array
}

/** Keys that may verify, by peer id in order of last use; `null` marks a key the rule refuses. */
export class NodeVerifier implements Verifier {
  readonly #keys = new Map<PeerId, KeyObject | null>()
  readonly #keysMax: number
  /** By signature, the oldest first. Signer and bytes are compared whole, so a hit is no belief. */
  readonly #verified = new Map<string, Verified>()

  constructor(keysMax: number = VERIFIER_KEYS_MAX) {
    this.#keysMax = keysMax
  }

  get keysHeld(): number {
    return this.#keys.size
  }

  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
    if (!isAcceptableSignature(signature)) return false
    const place = Buffer.from(signature).toString('latin1')
    const known = this.#verified.get(place)
    if (known?.peerId === peerId && equalBytes(known.bytes, bytes)) return true
    const key = this.#key(peerId)
    const isRight = key !== null && verify(null, bytes, key, signature)
    if (isRight && bytes.length <= VERIFIED_BYTES_MAX) this.#remember(place, { peerId, bytes })
    return isRight
  }

  #remember(place: string, { peerId, bytes }: Verified): void {
    const oldest = this.#verified.keys().next()
    if (this.#verified.size >= VERIFIED_MESSAGES_MAX && !oldest.done) {
      this.#verified.delete(oldest.value)
    }
    this.#verified.set(place, { peerId, bytes: bytes.slice() })
  }

  #key(peerId: PeerId): KeyObject | null {
    const held = this.#keys.get(peerId)
    if (held !== undefined) {
      this.#keys.delete(peerId)
      this.#keys.set(peerId, held)
      return held
    }
    const key = importKey(publicKeyFromPeerId(peerId))
    const oldest = this.#keys.keys().next()
    if (this.#keys.size >= this.#keysMax && !oldest.done) this.#keys.delete(oldest.value)
    this.#keys.set(peerId, key)
    return key
  }
}

function importKey(publicKey: Uint8Array): KeyObject | null {
  if (!isAcceptableKey(publicKey)) return null
  const der = Buffer.concat([SPKI_PREFIX, publicKey])
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}

/** The verifier of this process. */
export const nodeVerifier: Verifier = new NodeVerifier()
