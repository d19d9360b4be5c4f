/** A libp2p host without the product's network around it, to send what no link would. */

import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { seed } from './mesh-fixtures.ts'
import type { Started } from './mesh-hosts.ts'

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
  const host = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed(fill)),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  })
  started.add(host, async (one) => one.stop())
  return host.dialProtocol(multiaddr(address), protocol)
}
