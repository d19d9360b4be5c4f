/**
 * SHA-256 where there is no Node: the same function as `node.ts`, synchronous and in pure
 * code. `crypto.subtle` is left out because it is asynchronous and machines are not.
 */

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes)
}
