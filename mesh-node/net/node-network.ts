/**
 * The network of a process in Node: what `network.ts` makes, over TCP, WebSockets, WebRTC-Direct and
 * relays, and as a relay where it is asked to be one. Loads of these what its addresses speak of: TCP
 * costs 30 ms at the start, WebRTC 700.
 */
import { tcp } from '@libp2p/tcp'
import {
  isPeerId,
  type PeerId,
  RELAY_CONNECTION_BYTES_MAX,
  RELAY_CONNECTION_MS_MAX,
  RELAY_RESERVATION_MS,
  RELAY_RESERVATIONS_MAX,
  RELAY_STREAMS_PER_PEER_MAX
} from '#contracts'
import { groupByPeer, readAddress } from './addresses.ts'
import { type NetworkOptions, type NetworkParts, openNetwork } from './network.ts'
import type { MeshNetwork } from './ports.ts'
import { quietWebRtc } from './webrtc-quiet.ts'
import { keepingItsSocket } from './webrtc-socket.ts'

export interface NodeNetworkOptions extends NetworkOptions {
  /** Lends peers without an address of their own a way to be reached, within the bounds of limits.ts. */
  readonly relay?: boolean
  /**
   * Where the certificate of WebRTC-Direct is kept, made on the first start. Its hash is part of the
   * address: without a file, every start has another one.
   */
  readonly certificateFile?: string
}

type Transports = NetworkParts['transports']

export async function openNodeNetwork(options: NodeNetworkOptions): Promise<MeshNetwork> {
  const parts = { transports: await transportsFor(options) }
  return openNetwork(options, options.relay === true ? { ...parts, ...(await relaying()) } : parts)
}

async function transportsFor(options: NodeNetworkOptions): Promise<Transports> {
  const { listen, announce = [], bootstrap = [] } = options
  // a peer that answers on TCP is dialled by nothing else
  const dialled = groupByPeer(bootstrap).filter((group) => !group.some(isTcpAlone))
  const spoken = new Set([...listen, ...announce, ...dialled.flat()].flatMap(protocolsOf))
  const transports: Transports = [tcp()]
  if (spoken.has('ws') || spoken.has('wss')) {
    const { webSockets } = await import('@libp2p/websockets')
    transports.push(webSockets())
  }
  if (spoken.has('webrtc-direct')) transports.push(await webRtcDirect(options))
  if (spoken.has('p2p-circuit')) {
    const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
    transports.push(circuitRelayTransport())
  }
  return transports
}

const protocolsOf = (address: string): readonly string[] =>
  readAddress(address)
    .getComponents()
    .map(({ name }) => name)

/** What an address has beside TCP that plain TCP cannot dial. */
const MORE_THAN_TCP: ReadonlySet<string> = new Set(['ws', 'wss', 'tls', 'p2p-circuit', 'udp'])
const isTcpAlone = (address: string): boolean =>
  !protocolsOf(address).some((name) => MORE_THAN_TCP.has(name))

async function webRtcDirect({ listen, certificateFile }: NodeNetworkOptions) {
  const { webRTCDirect } = await import('@libp2p/webrtc')
  if (!listen.some((address) => address.includes('/webrtc-'))) return webRTCDirect()
  await quietWebRtc()
  if (certificateFile === undefined) return keepingItsSocket(webRTCDirect())
  const { openCertificate } = await import('./webrtc-certificate.ts')
  return keepingItsSocket(webRTCDirect({ certificate: await openCertificate(certificateFile) }))
}

async function relaying(): Promise<Pick<NetworkParts, 'services' | 'reachable'>> {
  const { circuitRelayServer } = await import('@libp2p/circuit-relay-v2')
  const begin = circuitRelayServer({
    maxInboundHopStreams: RELAY_STREAMS_PER_PEER_MAX,
    maxOutboundStopStreams: RELAY_STREAMS_PER_PEER_MAX,
    reservations: {
      maxReservations: RELAY_RESERVATIONS_MAX,
      reservationTtl: RELAY_RESERVATION_MS,
      defaultDurationLimit: RELAY_CONNECTION_MS_MAX,
      defaultDataLimit: BigInt(RELAY_CONNECTION_BYTES_MAX)
    }
  })
  let relay: ReturnType<typeof begin> | null = null
  const service: typeof begin = (components) => {
    relay = begin(components)
    return relay
  }
  const reachable = (): readonly PeerId[] =>
    [...(relay?.reservations.keys() ?? [])].map(String).filter(isPeerId)
  return { services: { relay: service }, reachable }
}
