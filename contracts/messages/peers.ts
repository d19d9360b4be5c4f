/**
 * Peers of a relay, version 1: whom the asker can reach through it. Names alone: the way to them is the
 * asker's own connection to the relay, so that no stranger's address is ever dialled. Unsigned: who
 * is reached proves its name by its key, and one who is not there costs a dial that fails.
 */
import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from '../cbor.ts'
import { PEERS_BYTES_MAX, PEERS_TOLD_MAX } from '../limits.ts'
import { readShape } from '../shape.ts'
import { isPeerId, type PeerId } from '../signing.ts'

const peerId = z.custom<PeerId>(
  (value) => typeof value === 'string' && isPeerId(value),
  'a peer id'
)
const PeersAnswer = z.strictObject({
  v: z.literal(1),
  t: z.literal('peers'),
  peers: z.array(peerId).max(PEERS_TOLD_MAX)
})

export const encodePeers = (peers: readonly PeerId[]): Uint8Array =>
  encodeCanonical({ v: 1, t: 'peers', peers })

/** Throws `net.peers_malformed`. */
export const openPeers = (raw: Uint8Array): readonly PeerId[] =>
  readShape(PeersAnswer, decodeCanonical(raw, { bytesMax: PEERS_BYTES_MAX }), 'net.peers_malformed')
    .peers
