/**
 * The door to the network of a process in Node. Its libraries, a third of all that a command would load,
 * are loaded by whoever opens one: `kora status` and the ledger's commands open none.
 */
import type { NodeNetworkOptions } from './node-network.ts'
import type { MeshNetwork } from './ports.ts'

export async function createNetwork(options: NodeNetworkOptions): Promise<MeshNetwork> {
  const { openNodeNetwork } = await import('./node-network.ts')
  return openNodeNetwork(options)
}
