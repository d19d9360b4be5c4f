/** Bytes from a seed, for each purpose its own: a node's key, an incarnation. Worth nothing elsewhere. */
import { sha256 } from '#contracts'

/** 32 bytes. */
export const seededBytes = (seed: number, purpose: string): Uint8Array =>
  Uint8Array.from(sha256(new TextEncoder().encode(`${seed} ${purpose}`)))
