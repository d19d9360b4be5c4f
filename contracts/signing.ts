/**
 * Who signs, and how anyone checks it: peer ids and the two ports that hide the key.
 *
 * A peer id is the libp2p Ed25519 peer id: base58btc of the identity multihash of the
 * protobuf-encoded public key, so the id is the key and no registry is needed. RSA, secp256k1
 * and hashed peer ids are refused. Holds no secret and signs nothing itself.
 * Source: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */

import { base58btc } from 'multiformats/bases/base58'
import { encodeBase58 } from './base58.ts'
import { MeshError } from './errors.ts'

declare const brand: unique symbol
/** Text of a libp2p Ed25519 peer id, `12D3KooW…`. */
export type PeerId = string & { readonly [brand]: 'PeerId' }

/** Holds one key. Implementations: tweetnacl anywhere, `node:crypto` in Node, a model in `sim`. */
export interface Signer {
  readonly peerId: PeerId
  sign(bytes: Uint8Array): Uint8Array
}

/** Checks by the one acceptance rule of `ed25519-rule.ts`; never throws on hostile bytes. */
export interface Verifier {
  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean
}

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64
export const SEED_BYTES = 32

/** Identity multihash (0x00) of 36 bytes: protobuf {1: KeyType Ed25519 = 1, 2: 32 key bytes}. */
export const PEER_ID_PREFIX: readonly number[] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20]
export const PEER_ID_BYTES = PEER_ID_PREFIX.length + PUBLIC_KEY_BYTES
/** base58btc of 38 bytes that begin so is always 52 characters. */
const PEER_ID_CHARACTERS = 52

export function peerIdFromPublicKey(publicKey: Uint8Array): PeerId {
  if (publicKey.length !== PUBLIC_KEY_BYTES) {
    throw new MeshError('contracts.key_malformed', { bytes: publicKey.length })
  }
  const bytes = new Uint8Array(PEER_ID_BYTES)
  bytes.set(PEER_ID_PREFIX)
  bytes.set(publicKey, PEER_ID_PREFIX.length)
  return encodeBase58(bytes) as PeerId
}

/** The 32 key bytes inside a peer id. Whether they are a good key, the acceptance rule says. */
export function publicKeyFromPeerId(peerId: PeerId): Uint8Array {
  return publicKeyOfPeerIdBytes(peerIdToBytes(peerId))
}

/** The 38 multihash bytes: what a COSE message carries as `kid`. */
export function peerIdToBytes(peerId: PeerId): Uint8Array {
  const bytes = readPeerId(peerId)
  if (bytes === undefined) throw malformed(peerId)
  return bytes
}

export function peerIdFromBytes(bytes: Uint8Array): PeerId {
  if (!isPeerIdBytes(bytes)) throw malformed(`${bytes.length} bytes`)
  return encodeBase58(bytes) as PeerId
}

export function parsePeerId(text: string): PeerId {
  if (readPeerId(text) === undefined) throw malformed(text)
  return text as PeerId
}

export function isPeerId(text: string): text is PeerId {
  return readPeerId(text) !== undefined
}

function publicKeyOfPeerIdBytes(bytes: Uint8Array): Uint8Array {
  return bytes.slice(PEER_ID_PREFIX.length)
}

function readPeerId(text: string): Uint8Array | undefined {
  if (text.length !== PEER_ID_CHARACTERS) return undefined
  try {
    const bytes = base58btc.baseDecode(text)
    return isPeerIdBytes(bytes) ? bytes : undefined
  } catch {
    return undefined
  }
}

function isPeerIdBytes(bytes: Uint8Array): boolean {
  return (
    bytes.length === PEER_ID_BYTES && PEER_ID_PREFIX.every((byte, index) => bytes[index] === byte)
  )
}

function malformed(text: string): MeshError {
  return new MeshError('contracts.peer_id_malformed', { text: text.slice(0, 80) })
}
