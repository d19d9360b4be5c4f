/**
 * Reads canonical CBOR, and refuses every byte that a canonical encoder would not have written:
 * non-shortest heads and floats, whole numbers as floats, keys out of order or twice, indefinite
 * lengths, NaN with a payload, text that is not UTF-8, tags, undefined. Never throws anything
 * but a `MeshError`, whatever the bytes are; depth and lengths are bounded before memory is taken.
 */

import { HALF_NAN, halfBits, isSingle, numberOfHalf } from './cbor-float.ts'
import { MAJOR } from './cbor-head.ts'
import { KeyTexts } from './cbor-keys.ts'
import { MeshError } from './errors.ts'
import { CBOR_DEPTH_MAX } from './limits.ts'

const TWO_32 = 0x1_0000_0000
/** Beyond this, `TextDecoder` beats the loop, which makes one string per character. */
const LOOP_BYTES_MAX = 12
const keys = new KeyTexts()
/** Text as the RFC wants it: invalid UTF-8 is refused and a leading U+FEFF is kept. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

type Fields = Record<string, unknown>

export class CborReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    // A Buffer's `slice` is a view, not a copy: what was read must not change with its source.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The one value that all the bytes together are. */
  read(): unknown {
    const value = this.#value(0)
    if (this.#at !== this.#bytes.length) throw this.#malformed('trailing bytes')
    return value
  }

  #value(depth: number): unknown {
    const first = this.#need(1)
    const minor = first & 31
    switch (first >> 5) {
      case MAJOR.unsigned:
        return this.#unsigned(minor)
      case MAJOR.negative:
        return this.#negative(minor)
      case MAJOR.bytes:
        return this.#byteString(this.#length(minor))
      case MAJOR.text:
        return this.#text(this.#length(minor))
      case MAJOR.array:
        return this.#array(this.#length(minor), depth + 1)
      case MAJOR.map:
        return this.#map(this.#length(minor), depth + 1)
      case MAJOR.tag:
        throw this.#malformed('a tag')
      default:
        return this.#simple(minor)
    }
  }

  #unsigned(minor: number): number | bigint {
    if (minor < 24) return minor
    if (minor === 27) return narrowed(this.#argument64())
    return this.#argument(minor)
  }

  #negative(minor: number): number | bigint {
    if (minor < 24) return -1 - minor
    if (minor === 27) return narrowed(-1n - this.#argument64())
    return -1 - this.#argument(minor)
  }

  /** An argument that counts bytes or items, each of which takes a byte at least. */
  #length(minor: number): number {
    let length = minor
    if (minor === 27) length = Number(this.#argument64())
    else if (minor >= 24) length = this.#argument(minor)
    if (length > this.#bytes.length - this.#at) throw this.#malformed('cut short')
    return length
  }

  #argument(minor: number): number {
    if (minor > 27) throw this.#malformed(minor === 31 ? 'indefinite length' : 'reserved head')
    const at = this.#at
    let argument: number
    let least: number
    if (minor === 24) {
      argument = this.#need(1)
      least = 24
    } else if (minor === 25) {
      this.#need(2)
      argument = this.#view.getUint16(at)
      least = 0x100
    } else {
      this.#need(4)
      argument = this.#view.getUint32(at)
      least = 0x1_0000
    }
    if (argument < least) throw this.#notCanonical('head is not the shortest')
    return argument
  }

  #argument64(): bigint {
    const at = this.#at
    this.#need(8)
    const argument = this.#view.getBigUint64(at)
    if (argument < BigInt(TWO_32)) throw this.#notCanonical('head is not the shortest')
    return argument
  }

  #byteString(length: number): Uint8Array {
    const start = this.#at
    this.#at += length
    return this.#bytes.slice(start, this.#at)
  }

  #text(length: number): string {
    const start = this.#at
    const end = start + length
    this.#at = end
    if (length <= LOOP_BYTES_MAX) {
      let text = ''
      let at = start
      for (; at < end; at++) {
        const byte = this.#bytes[at] ?? 0
        if (byte > 0x7f) break
        text += String.fromCharCode(byte)
      }
      if (at === end) return text
    }
    try {
      return utf8.decode(this.#bytes.subarray(start, end))
    } catch {
      throw this.#malformed('text is not UTF-8')
    }
  }

  #array(length: number, depth: number): unknown[] {
    this.#bound(depth)
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.#value(depth))
    return items
  }

  #map(length: number, depth: number): Fields {
    this.#bound(depth)
    const fields: Fields = {}
    let previousStart = -1
    let previousEnd = -1
    for (let i = 0; i < length; i++) {
      const start = this.#at
      const key = this.#key()
      if (previousStart >= 0 && !this.#ascends(previousStart, previousEnd, start)) {
        throw this.#notCanonical('keys out of order or twice')
      }
      previousStart = start
      previousEnd = this.#at
      setOwn(fields, key, this.#value(depth))
    }
    return fields
  }

  #key(): string {
    const first = this.#need(1)
    if (first >> 5 !== MAJOR.text) throw this.#malformed('a key that is not text')
    const length = this.#length(first & 31)
    const start = this.#at
    const known = keys.find(this.#bytes, start, length)
    if (known !== undefined) {
      this.#at += length
      return known
    }
    const text = this.#text(length)
    keys.keep(this.#bytes, start, text)
    return text
  }

  /** Bytewise order of two encoded keys, the second ending where the reader stands. */
  #ascends(previousStart: number, previousEnd: number, start: number): boolean {
    const shared = Math.min(previousEnd - previousStart, this.#at - start)
    for (let i = 0; i < shared; i++) {
      const difference = (this.#bytes[start + i] ?? 0) - (this.#bytes[previousStart + i] ?? 0)
      if (difference !== 0) return difference > 0
    }
    return false
  }

  #simple(minor: number): boolean | null | number {
    switch (minor) {
      case 20:
        return false
      case 21:
        return true
      case 22:
        return null
      case 25:
        return this.#half()
      case 26:
        return this.#single()
      case 27:
        return this.#double()
      default:
        throw this.#malformed(
          minor === 31 ? 'a break' : 'a simple value other than null or boolean'
        )
    }
  }

  #half(): number {
    const at = this.#at
    this.#need(2)
    const bits = this.#view.getUint16(at)
    const value = numberOfHalf(bits)
    if (Number.isNaN(value) && bits !== HALF_NAN) throw this.#notCanonical('NaN with a payload')
    return this.#requireFraction(value)
  }

  #single(): number {
    const at = this.#at
    this.#need(4)
    const value = this.#view.getFloat32(at)
    if (halfBits(value) !== undefined) throw this.#notCanonical('float is not the shortest')
    return this.#requireFraction(value)
  }

  #double(): number {
    const at = this.#at
    this.#need(8)
    const value = this.#view.getFloat64(at)
    if (Number.isNaN(value) || isSingle(value)) {
      throw this.#notCanonical('float is not the shortest')
    }
    return this.#requireFraction(value)
  }

  #requireFraction(value: number): number {
    if (Number.isSafeInteger(value)) throw this.#notCanonical('a whole number as float')
    return value
  }

  /** Moves on by so many bytes and returns the first of them. */
  #need(count: number): number {
    const first = this.#bytes[this.#at]
    if (first === undefined || this.#at + count > this.#bytes.length) {
      throw this.#malformed('cut short')
    }
    this.#at += count
    return first
  }

  #bound(depth: number): void {
    if (depth > CBOR_DEPTH_MAX) throw this.#malformed('nested too deep')
  }

  #malformed(reason: string): MeshError {
    return new MeshError('contracts.cbor_malformed', { reason, at: this.#at })
  }

  #notCanonical(reason: string): MeshError {
    return new MeshError('contracts.cbor_not_canonical', { reason, at: this.#at })
  }
}

/** `__proto__` by assignment would change the object's prototype instead of adding a field. */
function setOwn(fields: Fields, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(fields, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true
    })
  } else {
    fields[key] = value
  }
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
