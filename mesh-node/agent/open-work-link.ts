/** Connects a node to a gateway, by the first address that answers. Knows no frame. */
import type { PeerId } from '#contracts'
import type { Link, MeshNetwork } from '../net/ports.ts'

/** Dials only where the network does not know the peer already. */
export async function openWorkLink(
  network: MeshNetwork,
  { gateway, addresses }: { readonly gateway: PeerId; readonly addresses: readonly string[] }
): Promise<Link> {
  if (!network.peers().includes(gateway)) await dialFirst(network, addresses)
  return network.openLink(gateway, 'work')
}

async function dialFirst(network: MeshNetwork, addresses: readonly string[]): Promise<void> {
  let lastError: unknown = null
  for (const address of addresses) {
    try {
      await network.dial(address)
      return
    } catch (error) {
      lastError = error
    }
  }
  if (lastError !== null) throw lastError
}
