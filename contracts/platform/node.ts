/**
 * SHA-256 where Node runs. The only file of the contracts that may touch `node:crypto`: the
 * one-shot `crypto.hash` is 2.4 times `createHash` at 64 bytes. Browsers get `portable.ts`.
 */

import { hash } from 'node:crypto'

export function sha256(bytes: Uint8Array): Uint8Array {
  const digest = hash('sha256', bytes, 'buffer')
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength)
}
