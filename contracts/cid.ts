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

declare const brand: unique symbol
/** Text of a CID that `parseCid` has seen or a function here has made. */
export type Cid = string & { readonly [brand]: 'Cid' }

const VERSION_1 = 0x01
const CODEC_RAW = 0x55
const CODEC_DAG_CBOR = 0x71
const SHA2_256 = 0x12
const DIGEST_BYTES = 32
const HEAD_BYTES = 4
/**
 * 'b' and 36 bytes in base32 without padding: version, codec, hash and length fill the first 32 bits,
 * and of the 290 bits that 58 characters hold the last two must be zero.
 */
const CID = /^baf[ky]rei[a-h][a-z2-7]{50}[aeimquy4]$/

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
  if (!CID.test(text)) {
    throw new MeshError('contracts.cid_malformed', { text: text.slice(0, 80) })
  }
  return text as Cid
}

export function isCid(text: string): text is Cid {
  return CID.test(text)
}

export function cidDigest(cid: Cid): Uint8Array {
  return base32.decode(parseCid(cid)).slice(HEAD_BYTES)
}

/** Whether the bytes are the content that the id names. */
export function cidMatches(cid: Cid, bytes: Uint8Array): boolean {
  return cidOfDigest(codecOf(parseCid(cid)), sha256(bytes)) === cid
}

const codecOf = (cid: Cid): number => (cid[3] === 'k' ? CODEC_RAW : CODEC_DAG_CBOR)

function cidOfDigest(codec: number, digest: Uint8Array): Cid {
  const bytes = new Uint8Array(HEAD_BYTES + DIGEST_BYTES)
  bytes[0] = VERSION_1
  bytes[1] = codec
  bytes[2] = SHA2_256
  bytes[3] = DIGEST_BYTES
  bytes.set(digest, HEAD_BYTES)
  return base32.encode(bytes) as string as Cid
}
