/**
 * SHA-256 where Node runs. The only file of the contracts that may touch `node:crypto`: the
 * one-shot `crypto.hash` is 2.4 times `createHash` at 64 bytes. Browsers get `portable.ts`.
 */

import { createHash, hash } from 'node:crypto'
import type { Sha256 } from './sha256.ts'

export function sha256(bytes: Uint8Array): Uint8Array {
  const digest = hash('sha256', bytes, 'buffer')
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength)
}

export function openSha256(): Sha256 {
  const running = createHash('sha256')
  return {
    update: (bytes) => void running.update(bytes),
    digest: () => new Uint8Array(running.copy().digest())
  }
}
