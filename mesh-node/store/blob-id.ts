/**
 * Ids of bytes at the door of a store: made, or checked against the id that the caller names.
 */
import { type Cid, cidMatches, cidOfBytes, MeshError } from '#contracts'

export function idFor(bytes: Uint8Array, cid: Cid | undefined): Cid {
  if (cid === undefined) return cidOfBytes(bytes)
  if (!cidMatches(cid, bytes)) throw new MeshError('blob.mismatch', { cid, bytes: bytes.length })
  return cid
}

export function guardSize(bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw new MeshError('blob.too_large', { bytes, bytesMax })
}
