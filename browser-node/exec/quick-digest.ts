/**
 * SHA-256 of bytes that are all at hand, by the browser's own code: many times as fast as the portable
 * one, and answered later. Without WebCrypto, which insecure pages lack, the portable one it is.
 */
import { sha256 } from '#contracts'

export async function quickSha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  if (subtle === undefined) return sha256(bytes)
  return new Uint8Array(await subtle.digest('SHA-256', bytes))
}
