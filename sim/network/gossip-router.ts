/**
 * Gossip of one topic as the product's gossipsub does it: a mesh of neighbours that messages go over
 * at once, and others who are told of them and may ask. A model of v1.1 with v1.2's IDONTWANT over
 * struct-of-arrays; each frame under way is one event. That a peer has said it wants no further copy
 * is worked out when a copy would be sent: it costs no event.
 */
import type { GossipSettings } from '#contracts'
import { FRAME } from './gossip-frames.ts'
import {
  bitsIn,
  type GossipFaults,
  type GossipPorts,
  GossipState,
  UNWANTED_BYTES
} from './gossip-state.ts'
import { backoffEndUs, beat, drawn } from './gossip-upkeep.ts'

/** Ways until a connection stands: TCP, then the keys, then the streams over it. */
const DIAL_WAYS = 6
/** And until each end has opened its stream and says what it listens to. */
const SUBSCRIBE_WAYS = 2
/** Bit of a frame's kind: it has waited for the host's line. */
const HAS_QUEUED = 16

export interface Publication {
  readonly digest: number
  readonly bytes: number
  readonly deliver: (host: number) => void
  /** Left out: it is. */
  readonly isValid?: boolean
}

export class GossipRouter {
  readonly state: GossipState

  constructor(hosts: number, settings: GossipSettings, ports: GossipPorts, faults?: GossipFaults) {
    this.state = new GossipState(hosts, settings, ports, faults)
  }

  /** The host is there and listens. */
  join(host: number): void {
    this.state.start(host)
  }

  /** It is gone, and all its connections with it. */
  leave(host: number): void {
    const { peers } = this.state
    this.state.stop(host)
    for (const end of (peers.ends[host] ?? []).slice()) this.#close(end)
  }

  /** Connects when it has got through, if both are there then. */
  dial(host: number, other: number): void {
    const { ports, frames } = this.state
    const us = ports.nowUs() + DIAL_WAYS * ports.paths.ways.baseUs(host, other)
    ports.enter(us, host, frames.enter(FRAME.dialled, host, other, null))
  }

  /** The connection of the two stands, as `host` dialled it. */
  connect(host: number, other: number): void {
    const { ports, peers } = this.state
    const isThere = this.state.isThere(host) && this.state.isThere(other)
    const isCut = ports.isLost(host, other) || ports.isLost(other, host)
    if (!isThere || isCut || peers.find(host, other) >= 0) return
    const end = peers.connect(host, other, ports.relayOf(host, other))
    for (const one of [end, end ^ 1]) {
      const way = ports.paths.ways.baseUs(peers.host(one ^ 1), peers.host(one))
      const atUs = peers.inOrderUs(one, ports.nowUs() + (1 + SUBSCRIBE_WAYS) * way)
      ports.enter(atUs, peers.host(one), this.state.frames.enter(FRAME.subscribe, one, -1, null))
    }
  }

  disconnect(host: number, other: number): void {
    const end = this.state.peers.find(host, other)
    if (end >= 0) this.#close(end)
  }

  /** From `host` to all whom it knows to listen, or to its neighbours, as the settings have it. */
  publish(host: number, publication: Publication): number {
    const { state } = this
    const { peers, book, settings, ports } = state
    const publishedUs = ports.nowUs()
    const entry = { isValid: true, ...publication, publishedUs }
    const message = book.publish(entry, (moved) => state.frames.relist(moved))
    const held = book.find(message)
    if (held === undefined) return message
    state.published += 1
    book.receive(host, held, { window: state.window(host), nowUs: publishedUs })
    if (held.toldUs !== null) held.toldUs[host] = Number.POSITIVE_INFINITY
    state.wake(host)
    const ends = settings.floodPublish ? peers.ends[host] : this.#neighbours(host)
    for (const end of ends ?? []) {
      if (!peers.isSubscribed(end) || state.score(end) < settings.publishThreshold) continue
      state.send(end, FRAME.copy, message, null)
    }
    return message
  }

  /** The mesh, and some others where it has too few. */
  #neighbours(host: number): readonly number[] {
    const { peers, settings, ports } = this.state
    const mesh = peers.mesh[host] ?? []
    if (mesh.length >= settings.degree) return mesh
    const others = (peers.ends[host] ?? []).filter((end) => !peers.isInMesh(end))
    return [...mesh, ...drawn(others, settings.degree - mesh.length, ports.chance(host))]
  }

  /** For the trace: what a frame is about. */
  digestOf(frame: number): number {
    const { frames, book } = this.state
    const kind = frames.kind(frame)
    const about = kind === FRAME.copy ? book.find(frames.message(frame))?.digest : frames.end(frame)
    return (about ?? 0) ^ Math.imul(kind, 0x9e3779b1)
  }

  /** A frame's time has come. */
  take(frame: number): void {
    const { frames, peers } = this.state
    const kind = frames.kind(frame)
    const end = frames.end(frame)
    const message = frames.message(frame)
    const list = frames.list(frame)
    frames.free(frame)
    if (kind === FRAME.beat) {
      if (this.state.takeBeat(end, message)) beat(this.state, end)
    } else if (kind === FRAME.dialled) this.connect(end, message)
    else if (peers.isOpen(end) && !this.#waits({ kind, end, message, list })) {
      this.#hear(kind & ~HAS_QUEUED, end, message, list)
    }
  }

  /** What comes while the host's line is busy is heard when that is through. */
  #waits({ kind, end, message, list }: Arrival): boolean {
    const { state } = this
    const { ports, peers } = state
    if (!ports.paths.queuesDown || kind >= HAS_QUEUED) return false
    const host = peers.host(end)
    const bytes = state.bytesOf(kind, message, list)
    const throughUs = ports.paths.takenInUs(host, bytes, ports.nowUs())
    if (throughUs <= ports.nowUs()) return false
    ports.enter(throughUs, host, state.frames.enter(kind | HAS_QUEUED, end, message, list))
    return true
  }

  #hear(kind: number, end: number, message: number, list: Uint32Array | null): void {
    const { state } = this
    // nothing at all is heard of whom the host has had enough of
    if (state.score(end) < state.settings.graylistThreshold) return
    switch (kind) {
      case FRAME.copy:
        this.#takeCopy(end, message)
        return
      case FRAME.have:
        if (list !== null) this.#takeHave(end, list)
        return
      case FRAME.want:
        if (list !== null) this.#takeWant(end, list)
        return
      case FRAME.graft:
        this.#takeGraft(end)
        return
      case FRAME.prune:
        state.peers.leaveMesh(end)
        state.peers.backOff(end, state.ports.nowUs() + state.settings.backoffMs * 1_000)
        state.wake(state.peers.host(end))
        return
      case FRAME.subscribe:
        this.#takeSubscribe(end)
    }
  }

  #takeCopy(end: number, message: number): void {
    const { state } = this
    const { book, peers, ports } = state
    const host = peers.host(end)
    const isCounted = state.isCounted[host] === 1
    if (isCounted) state.copies += 1
    const held = book.find(message)
    if (held === undefined || book.hasSeen(host, message)) return
    const nowUs = ports.nowUs()
    book.receive(host, held, { window: state.window(host), nowUs })
    state.wake(host)
    if (!held.isValid) {
      state.scores.broughtInvalid(end, nowUs)
      return
    }
    state.scores.wasFirst(end, nowUs)
    if (isCounted) {
      state.deliveries += 1
      state.delays.add(nowUs - held.publishedUs)
      held.deliver(host)
    }
    if (state.isHostile[host] === 0) this.#forward(end, message, held.toldUs)
  }

  #forward(source: number, message: number, toldUs: Float64Array | null): void {
    const { state } = this
    const { book, peers, ports } = state
    const host = peers.host(source)
    const mesh = peers.mesh[host] ?? []
    const nowUs = ports.nowUs()
    if (toldUs !== null) {
      toldUs[host] = ports.paths.sentUs(host, UNWANTED_BYTES * (mesh.length - 1), nowUs)
    }
    for (const end of mesh) {
      if (end === source) continue
      if (toldUs !== null && book.hasSeen(peers.host(end ^ 1), message)) {
        const other = peers.host(end ^ 1)
        const heardUs = (toldUs[other] ?? 0) + ports.paths.ways.baseUs(other, host)
        const said = peers.isInMesh(end ^ 1) && state.isHostile[other] === 0
        if (said && heardUs <= nowUs && !ports.isLost(other, host)) {
          state.spared += 1
          continue
        }
      }
      state.send(end, FRAME.copy, message, null)
    }
  }

  #takeHave(end: number, list: Uint32Array): void {
    const { state } = this
    const { book, peers, ports, settings } = state
    const host = peers.host(end)
    if (state.isHostile[host] === 1 || state.score(end) < settings.gossipThreshold) return
    const wanted = book.unseen(host, list)
    if (wanted === null) return
    state.send(end, FRAME.want, -1, wanted)
    // one of them, by chance, is what the other is held to
    let skip = ports.chance(host).below(bitsIn(wanted))
    for (const { message } of book.listed(wanted)) {
      if (skip-- > 0) continue
      const promises = state.promises.get(host) ?? []
      promises.push({ end, message, untilUs: ports.nowUs() + settings.promiseMs * 1_000 })
      state.promises.set(host, promises)
      state.wake(host)
      break
    }
  }

  #takeWant(end: number, list: Uint32Array): void {
    const { state } = this
    const { book, peers, settings } = state
    const host = peers.host(end)
    if (state.faults.answersNoWants || state.isHostile[host] === 1) return
    if (state.score(end) < settings.gossipThreshold) return
    const recent = book.recent(host, state.window(host), settings.historyBeats)
    if (recent === null) return
    for (let word = 0; word < recent.length; word++) {
      recent[word] = (recent[word] ?? 0) & (list[word] ?? 0)
    }
    for (const { message } of book.listed(recent)) state.send(end, FRAME.copy, message, null)
  }

  #takeGraft(end: number): void {
    const { state } = this
    const { peers, ports, settings, scores } = state
    const host = peers.host(end)
    if (peers.isInMesh(end)) return
    const nowUs = ports.nowUs()
    const backoffUs = peers.backoffUs(end)
    const isFull =
      (peers.mesh[host]?.length ?? 0) >= settings.degreeMax &&
      !peers.isDialled(end) &&
      state.isHostile[host] === 0
    if (nowUs < backoffUs) {
      const floodUs = backoffUs + (settings.backoffFloodMs - settings.backoffMs) * 1_000
      scores.misbehaved(end, nowUs)
      if (nowUs < floodUs) scores.misbehaved(end, nowUs)
      state.prune(end)
    } else if (isFull || state.score(end) < 0) state.prune(end)
    else {
      peers.joinMesh(end)
      state.wake(host)
    }
  }

  /** Who has room takes a newcomer at once. */
  #takeSubscribe(end: number): void {
    const { state } = this
    const { peers, settings } = state
    const host = peers.host(end)
    peers.subscribe(end)
    const hasRoom = (peers.mesh[host]?.length ?? 0) < settings.degreeMin
    if (hasRoom && !peers.isInMesh(end) && backoffEndUs(state, end) === 0) state.graft(end)
    state.wake(host)
  }

  /** Both hosts may have to find somebody else. */
  #close(end: number): void {
    const { peers } = this.state
    const hosts = [peers.host(end), peers.host(end ^ 1)]
    peers.close(end)
    for (const host of hosts) this.state.wake(host)
  }
}

interface Arrival {
  readonly kind: number
  readonly end: number
  readonly message: number
  readonly list: Uint32Array | null
}
