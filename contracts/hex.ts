/**
 * Small operations on bytes that both Node and browsers lack in common: hex, equality,
 * order, joining. Nothing here hashes, encodes or decides.
 */

import { MeshError } from './errors.ts'

const HEX = /^(?:[0-9a-f]{2})*$/
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
  if (!HEX.test(text)) throw new MeshError('contracts.hex_malformed', { length: text.length })
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  }
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
