/**
 * The portable signer and verifier, on tweetnacl: the reference that others are compared with.
 *
 * Runs wherever JavaScript does, at about 400 signatures a second; Node uses `nodeSigner`.
 */

import nacl from 'tweetnacl'
import { isAcceptableKey, isAcceptableSignature } from './ed25519-rule.ts'
import { MeshError } from './errors.ts'
import {
  type PeerId,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  SEED_BYTES,
  type Signer,
  type Verifier
} from './signing.ts'

/** The seed is the 32-byte Ed25519 private key of RFC 8032, not tweetnacl's 64-byte pair. */
export function tweetnaclSigner(seed: Uint8Array): Signer {
  if (seed.length !== SEED_BYTES) {
    throw new MeshError('contracts.key_malformed', { bytes: seed.length })
  }
  const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(seed)
  return {
    peerId: peerIdFromPublicKey(publicKey),
    sign: (bytes) => nacl.sign.detached(bytes, secretKey)
  }
}

export const tweetnaclVerifier: Verifier = {
  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
    const publicKey = publicKeyFromPeerId(peerId)
    return (
      isAcceptableKey(publicKey) &&
      isAcceptableSignature(signature) &&
      nacl.sign.detached.verify(bytes, signature, publicKey)
    )
  }
}
