/**
 * Multiaddrs as people write them: read strictly, and told apart by whether they leave the local
 * network. Also says in our words why libp2p could not listen. Resolves no name and dials nobody.
 */
import { isPrivate } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MeshError } from '#contracts'

/** An address is of use if some transport of ours could listen on it or dial it. */
const TRANSPORTS = ['tcp', 'webrtc-direct', 'webrtc', 'p2p-circuit', 'memory'] as const

/** Parses a multiaddr that a transport of the mesh can listen on or dial. */
export function readAddress(address: string): Multiaddr {
  const facts = { address: address.slice(0, 200) }
  try {
    const parsed = multiaddr(address)
    const names: readonly string[] = parsed.getComponents().map(({ name }) => name)
    if (TRANSPORTS.some((transport) => names.includes(transport))) return parsed
  } catch (cause) {
    throw new MeshError('net.address_malformed', facts, { cause })
  }
  throw new MeshError('net.address_malformed', { ...facts, missing: TRANSPORTS.join(' or ') })
}

/** Addresses that end in one peer's id belong together; the others stand alone. */
export function groupByPeer(addresses: readonly string[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>()
  for (const address of new Set(addresses)) {
    const key = /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? address
    groups.set(key, [...(groups.get(key) ?? []), address])
  }
  return [...groups.values()]
}

/** Loopback, private networks and names that only a local network knows. */
export const isLocalAddress = (address: Multiaddr): boolean => {
  const host = address.getComponents()[0]
  if (host?.name.startsWith('dns') === true) {
    return host.value === 'localhost' || host.value?.endsWith('.local') === true
  }
  return host?.name.startsWith('ip') === true && isPrivate(address)
}

/** libp2p names each failed address on a line of its own in one message; WebRTC names none. */
export function listenError(error: unknown, listen: readonly string[]): unknown {
  if (!(error instanceof Error) || error instanceof MeshError) return error
  const lines = error.message.split('\n').map((line) => line.trim())
  const inUse = lines.find((line) => line.includes('EADDRINUSE'))
  if (inUse !== undefined) {
    const address = inUse.split(': ', 1)[0] ?? ''
    return new MeshError('net.port_in_use', { address }, { cause: error })
  }
  if (lines.some((line) => line.includes('ICE UDP mux'))) {
    const address = listen.find((one) => one.includes('/webrtc-direct')) ?? ''
    return new MeshError('net.port_in_use', { address }, { cause: error })
  }
  if (error.name !== 'UnsupportedListenAddressesError') return error
  const failed = lines.find((line) => line.startsWith('/')) ?? ''
  return new MeshError('net.listen_failed', { reason: failed.slice(0, 200) }, { cause: error })
}
