/**
 * SHA-256 where Node runs. The only file of the contracts that may touch `node:crypto`: the
 * one-shot `crypto.hash` is 2.4 times `createHash` at 64 bytes. Browsers get `portable.ts`.
 */

import { createHash, hash } from 'node:crypto'
import type { Sha256 } from './sha256.ts'

const DIGEST_BYTES = 32

/** As a binary string, which is read in half the time that a `Buffer` takes to be made. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const text = hash('sha256', bytes, 'binary')
  const digest = new Uint8Array(DIGEST_BYTES)
  for (let at = 0; at < DIGEST_BYTES; at++) digest[at] = text.charCodeAt(at)
  return digest
}

/** In hex, of the text's UTF-8: a third of the time of encoding it first. */
export const sha256HexOf = (text: string): string => hash('sha256', text)

export function openSha256(): Sha256 {
  const running = createHash('sha256')
  return {
    update: (bytes) => void running.update(bytes),
    digest: () => new Uint8Array(running.copy().digest())
  }
}
