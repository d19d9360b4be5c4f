/** A libp2p host without the product's network around it, to send what no link would. */

import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { seed } from './mesh-fixtures.ts'
import type { Started } from './mesh-hosts.ts'

/** A host that waits for whoever dials it over a WebSocket, as a tab does. */
export async function bareListener(started: Started, fill: number): Promise<Libp2p> {
  const host = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed(fill)),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] },
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() }
  })
  return started.add(host, async (one) => one.stop())
}

export interface BareOptions {
  readonly protocol: string
  /** Of its key. */
  readonly fill?: number
}

/** A stream of the protocol to the host at the address. */
export async function bareStream(
  started: Started,
  address: string,
  { protocol, fill = 9 }: BareOptions
): Promise<Stream> {
  return (await bareDialer(started, fill)).dialProtocol(multiaddr(address), protocol)
}

/** A host that dials over TCP. */
export async function bareDialer(started: Started, fill = 9): Promise<Libp2p> {
  const host = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed(fill)),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  })
  return started.add(host, async (one) => one.stop())
}
