/**
 * The keys of the nodes that a control node starts on its own machine. They follow from the folder's
 * key, so that the genesis can name them before they were ever started: they are the operator's own.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LOCAL_NODES_MAX, type PeerId, sha256 } from '#contracts'
import { keyFile, nodeSigner, openKeyFile } from '#mesh-node'

export const localNodesFolder = (folder: string): string => join(folder, 'nodes')

/** By the node's number from 0, of the control node's seed. */
export function localNodeSeed(seed: Uint8Array, index: number): Uint8Array {
  const tag = new TextEncoder().encode(`kora/local-node/v1\0${index}\0`)
  const bytes = new Uint8Array(tag.length + seed.length)
  bytes.set(tag)
  bytes.set(seed, tag.length)
  return sha256(bytes)
}

/** Who they are, or will be; one that has a key from an earlier mesh keeps it. */
export function localNodePeers(folder: string, seed: Uint8Array): readonly PeerId[] {
  return Array.from({ length: LOCAL_NODES_MAX }, (_, index) => {
    const kept = keyFile(join(localNodesFolder(folder), `node-${index + 1}`))
    const own = existsSync(kept) ? openKeyFile(kept) : localNodeSeed(seed, index)
    return nodeSigner(own).peerId
  })
}
