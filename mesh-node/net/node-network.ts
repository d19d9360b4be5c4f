/**
 * The network of a process in Node: what `network.ts` makes, over TCP. Adds transports and nothing
 * else.
 */
import { tcp } from '@libp2p/tcp'
import { type NetworkOptions, openNetwork } from './network.ts'
import type { MeshNetwork } from './ports.ts'

export function createNetwork(options: NetworkOptions): Promise<MeshNetwork> {
  return openNetwork(options, { transports: [tcp()] })
}
