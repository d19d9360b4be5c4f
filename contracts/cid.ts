/**
 * Content ids: CIDv1, sha2-256, base32. Codec `raw` for blobs, `dag-cbor` for canonical CBOR
 * documents. One content has one spelling: other versions, bases, hashes and codecs are refused.
 *
 * A `dag-cbor` id here says "our canonical CBOR", not that IPLD links may occur inside.
 * Source: the CID specification of multiformats, https://github.com/multiformats/cid.
 */

import { base32 } from 'multiformats/bases/base32'
import { sha256 } from '#contracts/platform'
import { MeshError } from './errors.ts'
import { equalBytes } from './hex.ts'

declare const brand: unique symbol
/** Text of a CID that `parseCid` has seen or a function here has made. */
export type Cid = string & { readonly [brand]: 'Cid' }

const VERSION_1 = 0x01
const CODEC_RAW = 0x55
const CODEC_DAG_CBOR = 0x71
const SHA2_256 = 0x12
const DIGEST_BYTES = 32
const HEAD_BYTES = 4
/** 'b' and 36 bytes in base32 without padding. */
const CID_CHARACTERS = 59

/** The id of a blob: a model, a tensor, a file. */
export function cidOfBytes(bytes: Uint8Array): Cid {
  return cidOfDigest(CODEC_RAW, sha256(bytes))
}

/** The id of a document, over its canonical bytes exactly as they were sent or received. */
export function cidOfDocument(canonicalBytes: Uint8Array): Cid {
  return cidOfDigest(CODEC_DAG_CBOR, sha256(canonicalBytes))
}

/** The id of a blob whose digest a streaming hash has already made. */
export function cidOfBlobDigest(digest: Uint8Array): Cid {
  if (digest.length !== DIGEST_BYTES) {
    throw new MeshError('contracts.cid_malformed', { digestBytes: digest.length })
  }
  return cidOfDigest(CODEC_RAW, digest)
}

export function parseCid(text: string): Cid {
  if (bytesOfCid(text) === undefined) {
    throw new MeshError('contracts.cid_malformed', { text: text.slice(0, 80) })
  }
  return text as Cid
}

export function isCid(text: string): text is Cid {
  return bytesOfCid(text) !== undefined
}

export function cidDigest(cid: Cid): Uint8Array {
  const bytes = bytesOfCid(cid)
  if (bytes === undefined)
    throw new MeshError('contracts.cid_malformed', { text: cid.slice(0, 80) })
  return bytes.slice(HEAD_BYTES)
}

/** Whether the bytes are the content that the id names. */
export function cidMatches(cid: Cid, bytes: Uint8Array): boolean {
  return equalBytes(cidDigest(cid), sha256(bytes))
}

function cidOfDigest(codec: number, digest: Uint8Array): Cid {
  const bytes = new Uint8Array(HEAD_BYTES + DIGEST_BYTES)
  bytes[0] = VERSION_1
  bytes[1] = codec
  bytes[2] = SHA2_256
  bytes[3] = DIGEST_BYTES
  bytes.set(digest, HEAD_BYTES)
  return base32.encode(bytes) as string as Cid
}

/** The 36 bytes, or undefined for anything but the one spelling of a CID that we use. */
function bytesOfCid(text: string): Uint8Array | undefined {
  if (text.length !== CID_CHARACTERS) return undefined
  let bytes: Uint8Array
  try {
    bytes = base32.decode(text)
  } catch {
    return undefined
  }
  const [version, codec, hash, digestBytes] = bytes
  if (bytes.length !== HEAD_BYTES + DIGEST_BYTES || version !== VERSION_1) return undefined
  if (codec !== CODEC_RAW && codec !== CODEC_DAG_CBOR) return undefined
  if (hash !== SHA2_256 || digestBytes !== DIGEST_BYTES) return undefined
  return base32.encode(bytes) === text ? bytes : undefined
}
