/**
 * The product's MeshNetwork: one libp2p host (Noise, yamux, identify, ping, gossipsub) over whichever
 * transports it is given, in Node or in a page; its key is the node's Ed25519 key. Keeps connections
 * to the bootstrap addresses, finds other peers through relays where it is told to, and talks to
 * Ed25519 peers alone.
 */
import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Ping, ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import {
  CONNECTIONS_MAX,
  CONNECTIONS_PENDING_MAX,
  CONNECTIONS_PER_SECOND_MAX,
  isPeerId,
  MeshError,
  type MeshId,
  type PeerId,
  parsePeerId,
  SEED_BYTES
} from '#contracts'
import { isLocalAddress, listenError, readAddress } from './addresses.ts'
import { Gossip, gossipOptions } from './gossip.ts'
import { KeptPeers } from './kept-peers.ts'
import { letGo } from './let-go.ts'
import { LinkBook } from './link-book.ts'
import { keepNewest } from './newest-connection.ts'
import { PeerFinder } from './peer-finder.ts'
import { askPeers, servePeers } from './peers-link.ts'
import type { Link, LinkKind, MeshNetwork, Topic, TopicHandler, TrafficMeter } from './ports.ts'
import { noiseInWholeWrites } from './whole-writes.ts'

/** Time for one dial, handshake included, over all addresses of a peer. */
const DIAL_MS = 10_000
/** Time for one address, so that one that nothing answers at leaves time for the next. */
const ADDRESS_DIAL_MS = 4_000
/** A peer that does not close its end by then is left. */
const HANG_UP_MS = 1_000
/** A peer that was connected and does not answer within this time is gone. */
const PROBE_MS = 3_000

export interface NetworkLogger {
  debug(facts: object, text: string): void
  warn(facts: object, text: string): void
}

export interface NetworkLimits {
  readonly connectionsMax: number
  readonly connectionsPerSecondMax: number
  readonly connectionsPendingMax: number
}

const DEFAULT_LIMITS: NetworkLimits = {
  connectionsMax: CONNECTIONS_MAX,
  connectionsPerSecondMax: CONNECTIONS_PER_SECOND_MAX,
  connectionsPendingMax: CONNECTIONS_PENDING_MAX
}

export interface NetworkOptions {
  /** The 32-byte Ed25519 private key. */
  readonly seed: Uint8Array
  readonly mesh: MeshId
  /** Multiaddrs of the transports at hand; port 0 takes a free one; empty: dials only. */
  readonly listen: readonly string[]
  /** Addresses that others reach this host by, where they differ from those it listens on. */
  readonly announce?: readonly string[]
  /** Peers to stay connected to: dialled again, with growing pauses, whenever they are gone. */
  readonly bootstrap?: readonly string[]
  readonly limits?: Partial<NetworkLimits>
  readonly logger?: NetworkLogger
  readonly traffic?: TrafficMeter
}

/** What differs between a process and a page. */
export interface NetworkParts {
  readonly transports: NonNullable<Libp2pOptions['transports']>
  /** Further libp2p services, as a relay. */
  readonly services?: NonNullable<Libp2pOptions['services']>
  /** Who and what is refused besides peers without an Ed25519 key. */
  readonly gater?: ConnectionGater
  /** Whom this host relays to, where it is a relay. */
  readonly reachable?: () => readonly PeerId[]
  /** Finds other peers through its relays; those must be dialled over WebRTC. */
  readonly findsPeers?: boolean
  /** Tells of the machine's line as it changes, as for `setOnline`; gives a way to end it. */
  readonly followLine?: (changed: (isOnline: boolean) => void) => () => void
}

/** A host that stops takes nobody in, though its sockets may be open for a while. */
interface Door {
  isShut: boolean
}

type Host = Libp2p<{ pubsub: GossipSub; ping: Ping }>

/**
 * Starts a host. Resolves when it listens and each bootstrap address was tried once; an unreachable
 * one does not fail the start. Throws `net.address_malformed`, `net.port_in_use`, `net.listen_failed`.
 */
export async function openNetwork(
  options: NetworkOptions,
  parts: NetworkParts
): Promise<MeshNetwork> {
  if (options.seed.length !== SEED_BYTES) {
    throw new MeshError('contracts.key_malformed', { bytes: options.seed.length })
  }
  const bootstrap = (options.bootstrap ?? []).map(readAddress)
  const door: Door = { isShut: false }
  const host = await createHost(options, parts, door)
  const network = new Libp2pNetwork(host, options, { ...parts, door })
  try {
    await network.start(bootstrap)
  } catch (error) {
    await host.stop()
    throw listenError(error, options.listen)
  }
  return network
}

/**
 * What a page's host may dial: addresses of the local network only where its way into the mesh is
 * one, so that no stranger's address list makes a donor's browser knock at the machines around it.
 * Plain WebSockets are allowed: what goes over them is encrypted.
 */
export function gaterFor(bootstrap: readonly string[]): ConnectionGater {
  const isLocal = isLocalMesh(bootstrap)
  return { denyDialMultiaddr: (address) => !isLocal && isLocalAddress(address) }
}

/** Whether the way into the mesh leads over this machine or the network around it. */
export const isLocalMesh = (bootstrap: readonly string[]): boolean =>
  bootstrap.map(readAddress).some(isLocalAddress)

class Libp2pNetwork implements MeshNetwork {
  readonly peerId: PeerId
  readonly #host: Host
  readonly #door: Door
  readonly #links: LinkBook
  readonly #gossip: Gossip
  readonly #kept: KeptPeers
  readonly #finder: PeerFinder | null
  readonly #listeners: ((change: 'connected' | 'disconnected', peer: PeerId) => void)[] = []
  readonly #unfollowLine: () => void
  #stopping: Promise<void> | null = null

  constructor(
    host: Host,
    { mesh, logger, traffic }: NetworkOptions,
    { door, ...parts }: NetworkParts & { readonly door: Door }
  ) {
    const { followLine = () => () => {}, reachable = () => [], findsPeers = false } = parts
    this.#host = host
    this.#door = door
    this.peerId = parsePeerId(host.peerId.toString())
    this.#links = new LinkBook(host, traffic ?? null)
    this.#gossip = new Gossip(host.services.pubsub, mesh, traffic ?? null)
    this.#kept = new KeptPeers({
      dial: (addresses) => this.#dial(addresses),
      connected: (peer) => this.peers().includes(peer),
      probe: (peer) => this.#probe(peer),
      ...(logger === undefined ? {} : { logger })
    })
    this.#finder = findsPeers ? this.#openFinder() : null
    servePeers(this, { reachable, chance: Math.random })
    this.#unfollowLine = followLine((isOnline) => this.setOnline(isOnline))
    keepNewest(host)
    host.addEventListener('peer:connect', ({ detail }) => this.#tell('connected', `${detail}`))
    host.addEventListener('peer:disconnect', ({ detail }) =>
      this.#tell('disconnected', `${detail}`)
    )
  }

  async start(bootstrap: readonly Multiaddr[]): Promise<void> {
    await this.#links.listen()
    await this.#host.start()
    await this.#kept.start(bootstrap.map(String))
  }

  addresses(): readonly string[] {
    return this.#host.getMultiaddrs().map(String)
  }

  peers(): readonly PeerId[] {
    return this.#host.getPeers().map(String).filter(isPeerId)
  }

  connections(): readonly string[] {
    return this.#host.getConnections().map(({ remoteAddr }) => String(remoteAddr))
  }

  dial(address: string): Promise<PeerId> {
    return this.#dial([address])
  }

  setOnline(isOnline: boolean): void {
    this.#kept.setOnline(isOnline)
  }

  publish(topic: Topic, bytes: Uint8Array): Promise<void> {
    return this.#gossip.publish(topic, bytes)
  }

  subscribe(topic: Topic, handler: TopicHandler): void {
    this.#gossip.subscribe(topic, handler)
  }

  subscribers(topic: Topic): readonly PeerId[] {
    return this.#gossip.subscribers(topic)
  }

  openLink(peer: PeerId, kind: LinkKind): Promise<Link> {
    return this.#links.open(peer, kind)
  }

  onLink(kind: LinkKind, accept: (link: Link) => void): void {
    this.#links.accept(kind, accept)
  }

  onPeer(listener: (change: 'connected' | 'disconnected', peer: PeerId) => void): void {
    this.#listeners.push(listener)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#door.isShut = true
    this.#unfollowLine()
    this.#kept.stop()
    this.#finder?.stop()
    await this.#links.close()
    await this.#hangUp()
    await this.#host.stop()
  }

  /** Ends every connection before the listeners go, each end in order where the peer still answers. */
  async #hangUp(): Promise<void> {
    const signal = AbortSignal.timeout(HANG_UP_MS)
    await Promise.all(
      this.#host
        .getConnections()
        .map((connection) =>
          connection.close({ signal }).catch((cause: Error) => connection.abort(cause))
        )
    )
  }

  async #dial(addresses: readonly string[]): Promise<PeerId> {
    const targets = addresses.map(readAddress)
    try {
      const connection = await this.#host.dial(targets, { signal: AbortSignal.timeout(DIAL_MS) })
      return parsePeerId(connection.remotePeer.toString())
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.slice(0, 200) : String(cause)
      const address = addresses.join(' ').slice(0, 400)
      throw new MeshError('net.unreachable', { address, reason }, { cause })
    }
  }

  async #probe(peer: PeerId): Promise<void> {
    const id = peerIdFromString(peer)
    try {
      await this.#host.services.ping.ping(id, { signal: AbortSignal.timeout(PROBE_MS) })
    } catch (cause) {
      const gone = new MeshError('net.unreachable', { peer, reason: 'no answer' }, { cause })
      for (const connection of this.#host.getConnections(id)) connection.abort(gone)
    }
  }

  #openFinder(): PeerFinder {
    return new PeerFinder({
      self: this.peerId,
      relays: () => this.#relays(),
      ask: (relay) => askPeers(this, relay),
      dial: (address) => this.dial(address),
      connected: () => this.#direct(),
      nowMs: () => Date.now(),
      setTimer: (ms, fire) => {
        const timer = setTimeout(fire, ms)
        letGo(timer)
        return () => clearTimeout(timer)
      },
      chance: Math.random
    })
  }

  /** A handshake that was given up leaves the way by the relay behind, and is worth another try. */
  #direct(): readonly PeerId[] {
    const direct = this.#host.getConnections().filter(({ limits }) => limits === undefined)
    return [...new Set(direct.map(({ remotePeer }) => remotePeer.toString()))].filter(isPeerId)
  }

  /** Peers that this host reached by an address of their own: one of them may relay. */
  #relays(): ReadonlyMap<PeerId, string> {
    const relays = new Map<PeerId, string>()
    for (const address of this.connections()) {
      const peer = /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? ''
      const isOwn = !address.includes('/p2p-circuit') && !address.includes('/webrtc/')
      if (isOwn && isPeerId(peer)) relays.set(peer, address)
    }
    return relays
  }

  #tell(change: 'connected' | 'disconnected', peer: string): void {
    if (!isPeerId(peer)) return
    if (change === 'disconnected') this.#kept.onLost(peer)
    this.#finder?.onPeer(change, peer)
    for (const listener of this.#listeners) listener(change, peer)
  }
}

async function createHost(
  { seed, mesh, listen, announce, limits }: NetworkOptions,
  { transports, services, gater }: NetworkParts,
  door: Door
): Promise<Host> {
  const bounds = { ...DEFAULT_LIMITS, ...limits }
  const refuseOthers = (peer: { toString(): string }) => !isPeerId(peer.toString())
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    addresses: {
      listen: listen.map((address) => readAddress(address).toString()),
      announce: (announce ?? []).map((address) => readAddress(address).toString())
    },
    transports,
    connectionEncrypters: [noiseInWholeWrites()],
    streamMuxers: [yamux()],
    connectionGater: {
      ...gater,
      denyInboundConnection: () => door.isShut,
      denyInboundEncryptedConnection: refuseOthers,
      denyOutboundEncryptedConnection: refuseOthers
    },
    connectionManager: {
      maxConnections: bounds.connectionsMax,
      inboundConnectionThreshold: bounds.connectionsPerSecondMax,
      maxIncomingPendingConnections: bounds.connectionsPendingMax,
      addressDialTimeout: ADDRESS_DIAL_MS
    },
    services: {
      ...services,
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub(gossipOptions(mesh))
    }
  })
}
