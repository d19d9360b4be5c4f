/**
 * Small operations on bytes that both Node and browsers lack in common: hex, equality,
 * order, joining. Nothing here hashes, encodes or decides.
 */

import { MeshError } from './errors.ts'

const NOT_HEX = 0xff
/** The value of a lowercase hex digit by character code, or NOT_HEX. */
const HEX_DIGITS: readonly number[] = Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return value < 0 ? NOT_HEX : value
})
const BYTE_TO_HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0')
)

export function bytesToHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += BYTE_TO_HEX[byte]
  return text
}

/** Lowercase hex only, so that one value has one spelling. */
export function hexToBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >>> 1)
  let good = text.length % 2 === 0
  for (let i = 0; i < bytes.length; i++) {
    const high = HEX_DIGITS[text.charCodeAt(2 * i)] ?? NOT_HEX
    const low = HEX_DIGITS[text.charCodeAt(2 * i + 1)] ?? NOT_HEX
    if ((high | low) > 15) good = false
    bytes[i] = (high << 4) | low
  }
  if (!good) throw new MeshError('contracts.hex_malformed', { length: text.length })
  return bytes
}

/** Not constant-time: for public bytes only, which is all that the contracts hold. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false
  return true
}

/** Bytewise lexicographic order, the shorter first where one is the other's prefix. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length)
  for (let i = 0; i < shared; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}
