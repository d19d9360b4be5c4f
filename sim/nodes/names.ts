/** Names of simulated nodes: they look like those of keys, which nobody holds here. */
import { type PeerId, peerIdFromPublicKey } from '#contracts'

/** A peer id by number, and by how often it was thrown away: nobody holds a key here. */
export function peerOf(number: number, renamed: number): PeerId {
  const key = new Uint8Array(32)
  const view = new DataView(key.buffer)
  view.setUint32(0, number + 1)
  view.setUint32(4, renamed)
  return peerIdFromPublicKey(key)
}
