/**
 * Whoever dials has no connection that it knows of: what is left here of earlier ones is dead, though
 * nobody said so. A tab that was loaded again, a machine that woke or changed its network come so.
 * Without this gossip would go on into the old connection, and to nobody once that one ends.
 */
import type { Connection, Libp2p } from '@libp2p/interface'
import { MeshError } from '#contracts'

/** Two that dial each other at once get a connection each, and both stay. */
const AT_ONCE_MS = 5_000

/** Ends the earlier connections of a peer that dials. */
export function keepNewest(host: Pick<Libp2p, 'addEventListener' | 'getConnections'>): void {
  host.addEventListener('connection:open', ({ detail: newest }) => {
    if (newest.direction !== 'inbound' || isRelayed(newest)) return
    for (const older of host.getConnections(newest.remotePeer)) {
      if (older.id === newest.id || isRelayed(older) || wasDialled(older, newest)) continue
      const peer = newest.remotePeer.toString()
      older.abort(new MeshError('net.unreachable', { peer, reason: 'the peer dialled anew' }))
    }
  })
}

/** A connection by a relay is the way to a direct one, and stays until that stands. */
const isRelayed = ({ limits }: Connection): boolean => limits !== undefined

/** By this end, about when the other end dialled. */
const wasDialled = (older: Connection, newest: Connection): boolean =>
  older.direction === 'outbound' && newest.timeline.open - older.timeline.open < AT_ONCE_MS
