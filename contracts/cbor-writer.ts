/**
 * Writes plain data as canonical CBOR into one growing buffer.
 *
 * Refuses what is not data (undefined, functions, class instances, lone surrogates, cycles by
 * way of the depth bound) instead of guessing what was meant. Reads nothing back.
 */

import { halfBits, isSingle } from './cbor-float.ts'
import { headLength, MAJOR, type Major, writeHead } from './cbor-head.ts'
import { KeyOrders } from './cbor-keys.ts'
import { MeshError } from './errors.ts'
import { CBOR_DEPTH_MAX } from './limits.ts'

/** Holds nearly every message; a larger document makes the buffer grow for itself alone. */
const BUFFER_BYTES = 16_384
/** The longest head, and a float with its first byte. */
const HEAD_BYTES_MAX = 9
/** Beyond this, `TextEncoder` beats the loop. */
const LOOP_CHARACTERS_MAX = 64
const TWO_53 = 1n << 53n
const TWO_64 = 1n << 64n
const utf8 = new TextEncoder()
const orders = new KeyOrders()

type Fields = Readonly<Record<string, unknown>>

export class CborWriter {
  #bytes = new Uint8Array(BUFFER_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  /** The canonical bytes of the value, in an array of their own. */
  encode(value: unknown): Uint8Array {
    this.#length = 0
    this.#value(value, 0)
    const encoded = this.#bytes.slice(0, this.#length)
    if (this.#bytes.length > BUFFER_BYTES) this.#resize(BUFFER_BYTES)
    return encoded
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.#text(value)
        break
      case 'number':
        if (Number.isSafeInteger(value)) this.#integer(value)
        else this.#float(value)
        break
      case 'bigint':
        this.#bigint(value)
        break
      case 'boolean':
        this.#byte(value ? 0xf5 : 0xf4)
        break
      case 'object':
        if (value === null) this.#byte(0xf6)
        else if (value instanceof Uint8Array) this.#byteString(value)
        else this.#container(value, depth)
        break
      case 'undefined':
      case 'function':
      case 'symbol':
        throw refused(`${typeof value} is not data`)
    }
  }

  #container(value: object, depth: number): void {
    if (depth >= CBOR_DEPTH_MAX) throw refused('nested too deep')
    if (Array.isArray(value)) this.#array(value, depth + 1)
    else if (isPlainObject(value)) this.#map(value, depth + 1)
    else throw refused('not a plain object')
  }

  #array(items: readonly unknown[], depth: number): void {
    this.#head(MAJOR.array, items.length)
    for (let i = 0; i < items.length; i++) this.#value(items[i], depth)
  }

  #map(fields: Fields, depth: number): void {
    const keys = orders.orderOf(Object.keys(fields))
    this.#head(MAJOR.map, keys.length)
    for (const { text, bytes } of keys) {
      this.#short(bytes)
      this.#value(fields[text], depth)
    }
  }

  #text(text: string): void {
    if (text.length <= LOOP_CHARACTERS_MAX && this.#ascii(text)) return
    if (!text.isWellFormed()) throw refused('text holds a lone surrogate')
    const bytes = utf8.encode(text)
    this.#head(MAJOR.text, bytes.length)
    this.#append(bytes)
  }

  /** Writes the text if it is all ASCII; otherwise leaves no trace and says false. */
  #ascii(text: string): boolean {
    this.#reserve(HEAD_BYTES_MAX + text.length)
    const start = writeHead(this.#bytes, this.#length, MAJOR.text, text.length)
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      this.#bytes[start + i] = code
    }
    this.#length = start + text.length
    return true
  }

  #byteString(bytes: Uint8Array): void {
    this.#head(MAJOR.bytes, bytes.length)
    this.#append(bytes)
  }

  /** -0 is 0: one number, one encoding. */
  #integer(value: number): void {
    if (value >= 0) this.#head(MAJOR.unsigned, value)
    else this.#head(MAJOR.negative, -1 - value)
  }

  #bigint(value: bigint): void {
    const argument = value < 0n ? -1n - value : value
    if (argument >= TWO_64) throw refused('integer beyond 64 bits')
    const major = value < 0n ? MAJOR.negative : MAJOR.unsigned
    if (argument < TWO_53) {
      this.#head(major, Number(argument))
    } else {
      this.#byte((major << 5) | 27)
      this.#reserve(8)
      this.#view.setBigUint64(this.#length, argument)
      this.#length += 8
    }
  }

  #float(value: number): void {
    const half = halfBits(value)
    this.#reserve(HEAD_BYTES_MAX)
    const start = this.#length
    if (half !== undefined) {
      this.#bytes[start] = 0xf9
      this.#view.setUint16(start + 1, half)
      this.#length += 3
    } else if (isSingle(value)) {
      this.#bytes[start] = 0xfa
      this.#view.setFloat32(start + 1, value)
      this.#length += 5
    } else {
      this.#bytes[start] = 0xfb
      this.#view.setFloat64(start + 1, value)
      this.#length += 9
    }
  }

  #head(major: Major, argument: number): void {
    this.#reserve(headLength(argument))
    this.#length = writeHead(this.#bytes, this.#length, major, argument)
  }

  #byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** As `#append`, for a few bytes: a call of `set` costs more than the loop. */
  #short(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    const start = this.#length
    for (let i = 0; i < bytes.length; i++) this.#bytes[start + i] = bytes[i] ?? 0
    this.#length = start + bytes.length
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed > this.#bytes.length) this.#resize(Math.max(needed, 2 * this.#bytes.length))
  }

  #resize(capacity: number): void {
    const bytes = new Uint8Array(capacity)
    bytes.set(this.#bytes.subarray(0, Math.min(this.#length, capacity)))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
}

function isPlainObject(value: object): value is Fields {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function refused(reason: string): MeshError {
  return new MeshError('contracts.cbor_malformed', { reason })
}
