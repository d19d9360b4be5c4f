/**
 * What the hosts of one gossip topic know and have under way, as the router and its upkeep share it,
 * and how a frame is sent. Decides nothing of gossip itself.
 */
import type { GossipSettings } from '#contracts'
import type { Chance } from '../kernel/chance.ts'
import { DelayHistogram } from './delay-histogram.ts'
import { FRAME, type FrameKind, GossipFrames } from './gossip-frames.ts'
import { MessageBook } from './message-book.ts'
import type { Paths } from './paths.ts'
import { PeerScores } from './peer-scores.ts'
import { PeerTable } from './peer-table.ts'

export interface GossipPorts {
  readonly nowUs: () => number
  /** `take` of the router is called with the frame at that time, at that host. */
  readonly enter: (atUs: number, host: number, frame: number) => void
  /** What is sent between the two is lost now. */
  readonly isLost: (from: number, to: number) => boolean
  /** A host's own stream. */
  readonly chance: (host: number) => Chance
  readonly paths: Paths
  /** Who relays between the two; -1: they reach each other. */
  readonly relayOf: (dialler: number, other: number) => number
}

/** What goes wrong in gossip on purpose, for tests of what finds it. */
export interface GossipFaults {
  readonly answersNoWants: boolean
  readonly hasNoHeartbeat: boolean
}

const NO_GOSSIP_FAULTS: GossipFaults = { answersNoWants: false, hasNoHeartbeat: false }

/** From a host's start to its first beat, as the library has it. */
const FIRST_BEAT_US = 100_000
/** Beats after which nobody speaks of a message any more, beside those it is held for. */
const RETAIN_BEATS = 7
/** Of a frame beside its data: the topic's name, framing of RPC and stream, and encryption. */
const FRAME_BYTES = 117
/** Of a message's id where it is told of. */
const ID_BYTES = 34

/** Somebody told of a message and was asked for it. */
export interface GossipPromise {
  readonly end: number
  readonly message: number
  readonly untilUs: number
}

export class GossipState {
  readonly settings: GossipSettings
  readonly ports: GossipPorts
  readonly faults: GossipFaults
  readonly peers: PeerTable
  readonly book: MessageBook
  readonly scores: PeerScores
  readonly frames = new GossipFrames()
  readonly promises = new Map<number, GossipPromise[]>()
  /** Hosts that drop what they should hand on, and take all the neighbours they get. */
  readonly isHostile: Uint8Array
  /** Whose deliveries are counted: not those of hosts that turn hostile. */
  readonly isCounted: Uint8Array
  readonly delays = new DelayHistogram()
  published = 0
  copies = 0
  deliveries = 0
  /** Copies that were not sent, for the other had said that it has the message. */
  spared = 0
  /** When each host's first beat is; infinity where it is not there. */
  readonly #firstBeatUs: Float64Array
  readonly #nextBeatUs: Float64Array
  /** A beat that was planned anew leaves the earlier plan without effect. */
  readonly #plan: Int32Array

  constructor(
    hosts: number,
    settings: GossipSettings,
    ports: GossipPorts,
    faults: GossipFaults = NO_GOSSIP_FAULTS
  ) {
    this.settings = settings
    this.ports = ports
    this.faults = faults
    this.peers = new PeerTable(hosts)
    this.scores = new PeerScores(settings)
    this.book = new MessageBook({
      hosts,
      historyBeats: settings.historyBeats,
      retainUs: (settings.historyBeats + RETAIN_BEATS) * settings.heartbeatMs * 1_000,
      unwantedBytesMin: settings.unwantedBytesMin
    })
    this.isHostile = new Uint8Array(hosts)
    this.isCounted = new Uint8Array(hosts).fill(1)
    this.#firstBeatUs = new Float64Array(hosts).fill(Number.POSITIVE_INFINITY)
    this.#nextBeatUs = new Float64Array(hosts).fill(Number.POSITIVE_INFINITY)
    this.#plan = new Int32Array(hosts)
  }

  isThere(host: number): boolean {
    return this.#firstBeatUs[host] !== Number.POSITIVE_INFINITY
  }

  start(host: number): void {
    this.#firstBeatUs[host] = this.ports.nowUs() + FIRST_BEAT_US
    this.#nextBeatUs[host] = Number.POSITIVE_INFINITY
    this.wake(host)
  }

  stop(host: number): void {
    this.#firstBeatUs[host] = Number.POSITIVE_INFINITY
    this.#plan[host] = (this.#plan[host] ?? 0) + 1
    this.promises.delete(host)
  }

  /** Beats that the host has had: messages of one window are told of together. */
  window(host: number): number {
    const sinceUs = this.ports.nowUs() - (this.#firstBeatUs[host] ?? 0)
    return Math.max(0, Math.floor(sinceUs / (this.settings.heartbeatMs * 1_000)) + 1)
  }

  /** When that beat of the host is; its first is 1. */
  beatUs(host: number, beat: number): number {
    return (this.#firstBeatUs[host] ?? 0) + (beat - 1) * this.settings.heartbeatMs * 1_000
  }

  /** There is something to do in the next beat. */
  wake(host: number): void {
    this.wakeBy(host, 0)
  }

  /** There is something to do in the first beat at or after that time. */
  wakeBy(host: number, atUs: number): void {
    if (this.faults.hasNoHeartbeat || !this.isThere(host)) return
    const everyUs = this.settings.heartbeatMs * 1_000
    const firstUs = this.#firstBeatUs[host] ?? 0
    const nextUs = Math.max(firstUs, this.beatUs(host, this.window(host) + 1))
    const late = Math.max(0, Math.ceil((atUs - nextUs) / everyUs))
    const beatUs = nextUs + late * everyUs
    if (beatUs >= (this.#nextBeatUs[host] ?? 0)) return
    const plan = (this.#plan[host] ?? 0) + 1
    this.#plan[host] = plan
    this.#nextBeatUs[host] = beatUs
    this.ports.enter(beatUs, host, this.frames.enter(FRAME.beat, host, plan, null))
  }

  /** Whether a beat that was planned so is due: then no further one is planned. */
  takeBeat(host: number, plan: number): boolean {
    if (this.#plan[host] !== plan || !this.isThere(host)) return false
    this.#nextBeatUs[host] = Number.POSITIVE_INFINITY
    return true
  }

  score(end: number): number {
    return this.scores.score(end, this.ports.nowUs())
  }

  /** From the host of `end` to that at its other side. */
  send(end: number, kind: FrameKind, message: number, list: Uint32Array | null): void {
    const { peers, ports } = this
    const [from, to] = [peers.host(end), peers.host(end ^ 1)]
    if (!peers.isOpen(end) || ports.isLost(from, to)) return
    const { paths } = ports
    const bytes = this.bytesOf(kind, message, list)
    const sentUs = paths.sentUs(from, bytes, ports.nowUs())
    const hop = { from, to, relay: peers.relay(end) }
    const atUs = peers.inOrderUs(end ^ 1, paths.arrivalUs(hop, bytes, sentUs))
    ports.enter(atUs, to, this.frames.enter(kind, end ^ 1, message, list))
  }

  bytesOf(kind: number, message: number, list: Uint32Array | null): number {
    if (kind === FRAME.copy) return FRAME_BYTES + (this.book.find(message)?.bytes ?? 0)
    return FRAME_BYTES + (list === null ? 0 : ID_BYTES * bitsIn(list))
  }

  /** A neighbour is let go, is told so, and is not taken again for a while. */
  prune(end: number): void {
    const { peers, settings, ports } = this
    peers.leaveMesh(end)
    peers.backOff(end, ports.nowUs() + settings.backoffMs * 1_000)
    this.send(end, FRAME.prune, -1, null)
  }

  graft(end: number): void {
    this.peers.joinMesh(end)
    this.send(end, FRAME.graft, -1, null)
  }
}

/** What telling a neighbour of one message takes. */
export const UNWANTED_BYTES = FRAME_BYTES + ID_BYTES

export function bitsIn(list: Uint32Array): number {
  let count = 0
  for (let word = 0; word < list.length; word++) {
    for (let bits = list[word] ?? 0; bits !== 0; bits &= bits - 1) count += 1
  }
  return count
}
