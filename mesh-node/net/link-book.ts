/**
 * The links of one host: at most one that we opened and one that the peer opened for each peer and
 * kind. Opens streams through the host that it is given; dials no address of its own choosing.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import {
  isPeerId,
  LINK_STREAMS_PER_PEER_MAX,
  LINKS_WAITING_MAX,
  MeshError,
  type PeerId
} from '#contracts'
import { FramedLink } from './framed-link.ts'
import { LINK_PROTOCOLS, type Link, type LinkKind, type TrafficMeter } from './ports.ts'

/** Dial where needed, and negotiate the protocol, within this time. */
const OPEN_MS = 10_000

const LINK_KINDS: readonly LinkKind[] = ['work', 'blob', 'sync', 'status', 'peers', 'control']

interface Opened {
  readonly opening: Promise<FramedLink>
  link: FramedLink | null
}

export class LinkBook {
  readonly #host: Libp2p
  readonly #traffic: TrafficMeter | null
  readonly #opened = new Map<string, Opened>()
  readonly #accepted = new Map<string, FramedLink>()
  readonly #acceptors = new Map<LinkKind, (link: Link) => void>()
  readonly #unclaimed = new Map<LinkKind, FramedLink[]>()

  constructor(host: Libp2p, traffic: TrafficMeter | null = null) {
    this.#host = host
    this.#traffic = traffic
  }

  /** Makes the host take streams of every kind; those nobody accepts yet wait, a bounded number. */
  async listen(): Promise<void> {
    for (const kind of LINK_KINDS) {
      await this.#host.handle(
        LINK_PROTOCOLS[kind],
        (stream, connection) => this.#onStream(kind, stream, connection),
        {
          maxInboundStreams: LINK_STREAMS_PER_PEER_MAX,
          maxOutboundStreams: LINK_STREAMS_PER_PEER_MAX,
          runOnLimitedConnection: true
        }
      )
    }
  }

  open(peer: PeerId, kind: LinkKind): Promise<FramedLink> {
    const key = keyOf(peer, kind)
    const held = this.#opened.get(key)
    if (held !== undefined && held.link?.closed !== true) return held.opening
    const opened: Opened = { opening: this.#openStream(peer, kind), link: null }
    this.#opened.set(key, opened)
    const forget = () => {
      if (this.#opened.get(key) === opened) this.#opened.delete(key)
    }
    opened.opening.then((link) => {
      opened.link = link
      link.onClose(forget)
    }, forget)
    return opened.opening
  }

  accept(kind: LinkKind, acceptor: (link: Link) => void): void {
    this.#acceptors.set(kind, acceptor)
    const waiting = this.#unclaimed.get(kind) ?? []
    this.#unclaimed.delete(kind)
    for (const link of waiting) if (!link.closed) acceptor(link)
  }

  /** Closes every link and waits until the streams are gone. */
  async close(): Promise<void> {
    const opening = [...this.#opened.values()].map((one) => one.opening)
    const opened = await Promise.allSettled(opening)
    const links = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all([...links, ...this.#accepted.values()].map((link) => link.close()))
  }

  async #openStream(peer: PeerId, kind: LinkKind): Promise<FramedLink> {
    try {
      const stream = await this.#host.dialProtocol(peerIdFromString(peer), LINK_PROTOCOLS[kind], {
        signal: AbortSignal.timeout(OPEN_MS),
        maxOutboundStreams: LINK_STREAMS_PER_PEER_MAX,
        runOnLimitedConnection: true
      })
      return new FramedLink(stream, { peer, kind, traffic: this.#traffic })
    } catch (cause) {
      throw openError(cause, { peer, kind })
    }
  }

  #onStream(kind: LinkKind, stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (!isPeerId(peer)) {
      stream.abort(new MeshError('contracts.peer_id_malformed', { text: peer.slice(0, 80) }))
      return
    }
    const link = new FramedLink(stream, { peer, kind, traffic: this.#traffic })
    const key = keyOf(peer, kind)
    const older = this.#accepted.get(key)
    this.#accepted.set(key, link)
    link.onClose(() => {
      if (this.#accepted.get(key) === link) this.#accepted.delete(key)
    })
    older?.fail(new MeshError('net.link_closed', { peer, kind, reason: 'replaced' }))
    this.#hand(link)
  }

  #hand(link: FramedLink): void {
    const acceptor = this.#acceptors.get(link.kind)
    if (acceptor !== undefined) {
      acceptor(link)
      return
    }
    const waiting = (this.#unclaimed.get(link.kind) ?? []).filter((one) => !one.closed)
    this.#unclaimed.set(link.kind, waiting)
    if (waiting.length < LINKS_WAITING_MAX) waiting.push(link)
    else link.fail(new MeshError('net.protocol_refused', { peer: link.peer, kind: link.kind }))
  }
}

const keyOf = (peer: PeerId, kind: LinkKind): string => `${kind} ${peer}`

function openError(cause: unknown, about: { peer: PeerId; kind: LinkKind }): MeshError {
  const name = cause instanceof Error ? cause.name : ''
  const code = name === 'UnsupportedProtocolError' ? 'net.protocol_refused' : 'net.unreachable'
  const reason = cause instanceof Error ? cause.message.slice(0, 200) : String(cause)
  return new MeshError(code, { ...about, reason }, { cause })
}
