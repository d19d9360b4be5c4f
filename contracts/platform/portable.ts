/**
 * SHA-256 where there is no Node: the same functions as `node.ts`, synchronous and in pure
 * code. `crypto.subtle` is left out because it is asynchronous and machines are not.
 */

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Sha256 } from './sha256.ts'

export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes)
}

/** In hex, of the text's UTF-8. */
export const sha256HexOf = (text: string): string =>
  bytesToHex(nobleSha256(new TextEncoder().encode(text)))

export function openSha256(): Sha256 {
  const running = nobleSha256.create()
  return {
    update: (bytes) => void running.update(bytes),
    digest: () => running.clone().digest()
  }
}
