/**
 * Who can be reached through a relay, over a link of kind `peers`: whoever is connected may ask, and
 * hears a few names of the mesh, never an address.
 */
import { encodePeers, openPeers, PEERS_TOLD_MAX, type PeerId } from '#contracts'
import { shuffled } from './peer-finder.ts'
import type { MeshNetwork } from './ports.ts'
import { answerAll, askOnce } from './question.ts'

const ANSWER_MS = 5_000

export interface Relaying {
  /** Whom this host relays to now. */
  readonly reachable: () => readonly PeerId[]
  readonly chance: () => number
}

/** Names those alone who take part in the mesh of this host. */
export function servePeers(
  network: Pick<MeshNetwork, 'onLink' | 'subscribers'>,
  { reachable, chance }: Relaying
): void {
  answerAll(network, 'peers', (asker) => {
    const members = new Set(network.subscribers('work'))
    const others = reachable().filter((peer) => peer !== asker && members.has(peer))
    return encodePeers(shuffled(others, chance).slice(0, PEERS_TOLD_MAX))
  })
}

/** Throws `net.*`, `net.peers_malformed` where the answer is none. */
export async function askPeers(
  network: Pick<MeshNetwork, 'openLink'>,
  peer: PeerId
): Promise<readonly PeerId[]> {
  return openPeers(await askOnce(network, { peer, kind: 'peers', timeoutMs: ANSWER_MS }))
}
