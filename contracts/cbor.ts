/**
 * Canonical CBOR: RFC 8949 section 4.2.1, with numbers reduced so that one value has one
 * encoding (a whole number within 2^53 is always an integer, -0 is 0, there is one NaN).
 *
 * Plain data only: null, booleans, numbers, bigints, text, bytes, arrays, objects. Refuses
 * undefined, tags, keys that are not text and text that is not UTF-8, and refuses every other
 * encoding of a value it would take. Bytes that were received are hashed and verified as
 * received, never as encoded again.
 */

import { CborReader } from './cbor-reader.ts'
import { CborWriter } from './cbor-writer.ts'
import { MeshError } from './errors.ts'

export interface DecodeLimits {
  readonly bytesMax: number
}

/** One writer serves all calls; a getter that encodes while being encoded finds it taken. */
let idleWriter: CborWriter | undefined = new CborWriter()

/** Throws contracts.cbor_malformed for what is not data. Integers up to 64 bits come as bigint. */
export function encodeCanonical(value: unknown): Uint8Array {
  const writer = idleWriter ?? new CborWriter()
  idleWriter = undefined
  try {
    return writer.encode(value)
  } finally {
    idleWriter = writer
  }
}

/** Throws contracts.too_large, .cbor_malformed or .cbor_not_canonical, and nothing else. */
export function decodeCanonical(bytes: Uint8Array, { bytesMax }: DecodeLimits): unknown {
  if (bytes.length > bytesMax) {
    throw new MeshError('contracts.too_large', { bytes: bytes.length, bytesMax })
  }
  return new CborReader(bytes).read()
}
