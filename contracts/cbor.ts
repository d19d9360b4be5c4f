/**
 * Canonical CBOR: RFC 8949 section 4.2.1, with numbers reduced so that one value has one
 * encoding (a whole number within 2^53 is always an integer, -0 is 0).
 *
 * Refuses what is not canonical, whatever its meaning: `decodeCanonical` encodes again and
 * compares. Refuses undefined, tags, keys that are not text, and text that is not UTF-8.
 * Bytes that were received are hashed and verified as received, never as encoded again.
 */

import { decode, encode, rfc8949EncodeOptions, type Token, Tokenizer } from 'cborg'
import { MeshError } from './errors.ts'
import { equalBytes } from './hex.ts'
import { CBOR_DEPTH_MAX } from './limits.ts'

/** Text as the RFC wants it: invalid UTF-8 is refused and a leading U+FEFF is kept. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const DECODE_OPTIONS = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true
} as const

export interface DecodeLimits {
  readonly bytesMax: number
}

/** Canonical bytes of plain data: null, booleans, numbers, bigints, text, bytes, arrays, objects. */
export function encodeCanonical(value: unknown): Uint8Array {
  requireData(value, 0)
  const bytes = encode(value, rfc8949EncodeOptions)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The one value that the bytes encode. Integers beyond 2^53 come as bigint, maps as objects. */
export function decodeCanonical(bytes: Uint8Array, { bytesMax }: DecodeLimits): unknown {
  if (bytes.length > bytesMax) {
    throw new MeshError('contracts.too_large', { bytes: bytes.length, bytesMax })
  }
  const value = decodeStrictly(bytes)
  if (!equalBytes(encodeCanonical(value), bytes)) {
    throw new MeshError('contracts.cbor_not_canonical', { bytes: bytes.length })
  }
  return value
}

function decodeStrictly(bytes: Uint8Array): unknown {
  const tokenizer = new BoundedTokenizer(bytes, DECODE_OPTIONS)
  try {
    return decode(bytes, { ...DECODE_OPTIONS, tokenizer })
  } catch (cause) {
    if (cause instanceof MeshError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    const code = reason.includes('more bytes than necessary')
      ? 'contracts.cbor_not_canonical'
      : 'contracts.cbor_malformed'
    throw new MeshError(code, { reason }, { cause })
  }
}

/** Adds to cborg's tokens a bound on depth, fatal UTF-8 and text that begins with U+FEFF. */
class BoundedTokenizer extends Tokenizer {
  readonly #open: number[] = []

  override next(): Token {
    const start = this.pos()
    const token = super.next()
    while (this.#open.at(-1) === 0) this.#open.pop()
    const last = this.#open.length - 1
    if (last >= 0) this.#open[last] = (this.#open[last] ?? 0) - 1
    const kind = token.type.name
    if (kind === 'string') token.value = this.#text(start, this.pos())
    if (kind === 'array' || kind === 'map') {
      this.#open.push(kind === 'map' ? 2 * token.value : token.value)
      if (this.#open.length > CBOR_DEPTH_MAX) {
        throw new MeshError('contracts.cbor_malformed', {
          reason: 'nested too deep',
          depthMax: CBOR_DEPTH_MAX
        })
      }
    }
    return token
  }

  #text(start: number, end: number): string {
    const minor = (this.data[start] ?? 0) & 31
    const head = minor < 24 ? 1 : 1 + 2 ** (minor - 24)
    return UTF8.decode(this.data.subarray(start + head, end))
  }
}

function refuse(reason: string): never {
  throw new MeshError('contracts.cbor_malformed', { reason })
}

function requireData(value: unknown, depth: number): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) refuse('text holds a lone surrogate')
    return
  }
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return
  if (typeof value === 'bigint' || value instanceof Uint8Array) return
  if (typeof value !== 'object') refuse(`${typeof value} is not data`)
  if (depth >= CBOR_DEPTH_MAX) refuse('nested too deep')
  if (Array.isArray(value)) {
    for (const item of value) requireData(item, depth + 1)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) refuse('not a plain object')
  for (const [key, item] of Object.entries(value)) {
    requireData(key, depth + 1)
    requireData(item, depth + 1)
  }
}
