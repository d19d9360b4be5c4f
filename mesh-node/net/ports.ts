/**
 * What the rest of the house knows of the network: gossip topics and framed links between peers.
 * libp2p stands behind it in the product, the virtual network in the simulator. No libp2p type shows.
 */
import type { MeshError, PeerId } from '#contracts'

export const TOPICS = ['work', 'ledger', 'fork'] as const
export type Topic = (typeof TOPICS)[number]

/** Stream protocols, by what they carry. Work: one long-lived link per pair of gateway and node. */
export const LINK_PROTOCOLS = {
  work: '/kora/work/1',
  blob: '/kora/blob/1',
  sync: '/kora/sync/1',
  status: '/kora/status/1',
  peers: '/kora/peers/1',
  control: '/kora/control/1'
} as const
export type LinkKind = keyof typeof LINK_PROTOCOLS

/** What a topic's validator says of a message: `reject` is held against the sender, `ignore` is not. */
export type GossipVerdict = 'accept' | 'reject' | 'ignore'

export interface TopicHandler {
  validate(bytes: Uint8Array, from: PeerId): GossipVerdict
  /** Called once per accepted message of another peer. */
  deliver(bytes: Uint8Array, from: PeerId): void
}

/** A framed, ordered, bidirectional stream to one peer, authenticated by the connection. */
export interface Link {
  readonly peer: PeerId
  readonly kind: LinkKind
  /**
   * Queues one frame (at most FRAME_BYTES_MAX); false: full, wait for `drained` before the next. The
   * bytes must not change afterwards. On a closed link it sends nothing and says false. A `body` is
   * the frame's second part: large ones are not copied.
   */
  send(frame: Uint8Array, body?: Uint8Array): boolean
  /** Rejects with `net.link_closed` where the link closes first. */
  drained(): Promise<void>
  /** Frames that arrive before a listener is set wait for it. One listener. */
  onFrame(listener: (frame: Uint8Array) => void): void
  /** Called once, whoever closed it; `fault` says what the peer or the line did, null: a plain close. */
  onClose(listener: (fault: MeshError | null) => void): void
  /** Sends what is queued, then closes both ways; resolves when nothing of the stream is left. */
  close(): Promise<void>
}

/** Told of what links and topics carry, as it goes and comes; framing below them is not in it. */
export interface TrafficMeter {
  down(bytes: number): void
  up(bytes: number): void
}

export interface MeshNetwork {
  readonly peerId: PeerId
  /** Dialable multiaddrs that end in this peer's id. */
  addresses(): readonly string[]
  peers(): readonly PeerId[]
  dial(address: string): Promise<PeerId>
  publish(topic: Topic, bytes: Uint8Array): Promise<void>
  subscribe(topic: Topic, handler: TopicHandler): void
  /** Connected peers that are known to listen to the topic: whom a message reaches at once. */
  subscribers(topic: Topic): readonly PeerId[]
  /** The open link of this kind that this side opened to the peer, or a new one. */
  openLink(peer: PeerId, kind: LinkKind): Promise<Link>
  /** Links that peers open. A peer's new link closes its older one of the same kind. */
  onLink(kind: LinkKind, accept: (link: Link) => void): void
  /**
   * What the machine knows of its line: off line, nobody is dialled; on line (again, or on another
   * network), bootstrap peers that are gone or do not answer are dialled at once.
   */
  setOnline(isOnline: boolean): void
  /** Addresses of the open connections, each with its peer: how this host reaches the mesh now. */
  connections(): readonly string[]
  onPeer(listener: (change: 'connected' | 'disconnected', peer: PeerId) => void): void
  stop(): Promise<void>
}
