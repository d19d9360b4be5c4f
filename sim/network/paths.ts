/**
 * When what a host sends is at another's: the way between two places, the bandwidth that all it sends
 * shares, packets that are lost and sent again, and a relay in between where both are behind a NAT.
 * Loss is time, as on any stream. Keeps queues by host; knows no protocol and cuts nothing.
 */
import type { Chance } from '../kernel/chance.ts'

/** One way between two hosts; without a bound on bandwidth this is all there is. */
export interface Ways {
  /** As it is at best. */
  baseUs(from: number, to: number): number
  /** As drawn for one frame. */
  oneWayUs(from: number, to: number): number
}

export interface PathOptions {
  readonly hosts: number
  /** Packets that are lost and sent again. */
  readonly lossPerMille: number
  /** Of each host, shared by all that it sends and by all that comes; null: no bound. */
  readonly upKbps: number | null
  readonly downKbps: number | null
}

/** Payload of one Ethernet frame of TCP. */
const PACKET_BYTES = 1_448
/** The least that Linux waits before it sends again. */
const RETRY_US_MIN = 200_000
/** Packets of one frame that are lost in a row. */
const LOSSES_MAX = 8
const PER_MILLION = 1_000

export class Paths {
  readonly ways: Ways
  readonly #options: PathOptions
  readonly #chance: Chance
  readonly #upFreeUs: Float64Array
  readonly #downFreeUs: Float64Array
  readonly #relayFreeUs: Float64Array

  constructor(ways: Ways, options: PathOptions, chance: Chance) {
    this.ways = ways
    this.#options = options
    this.#chance = chance
    this.#upFreeUs = new Float64Array(options.hosts)
    this.#downFreeUs = new Float64Array(options.hosts)
    this.#relayFreeUs = new Float64Array(options.hosts)
  }

  /** Whether what arrives has to wait for what came before it. */
  get queuesDown(): boolean {
    return this.#options.downKbps !== null
  }

  /** When the last byte has left the host, behind all that it sent before. */
  sentUs(from: number, bytes: number, nowUs: number): number {
    return queued(this.#upFreeUs, from, nowUs, busyUs(bytes, this.#options.upKbps))
  }

  /** When a frame that left then is there; `relay` -1: it goes straight. */
  arrivalUs(
    hop: { from: number; to: number; relay: number },
    bytes: number,
    sentUs: number
  ): number {
    const { from, to, relay } = hop
    const downUs = busyUs(bytes, this.#options.downKbps)
    if (relay < 0) return sentUs + this.#legUs(from, to, bytes) + downUs
    const atRelayUs = sentUs + this.#legUs(from, relay, bytes)
    const upUs = busyUs(bytes, this.#options.upKbps)
    const passedUs = queued(this.#relayFreeUs, relay, atRelayUs, upUs)
    return passedUs + this.#legUs(relay, to, bytes) + downUs
  }

  /** When what arrives now has come in through the host's line. */
  takenInUs(host: number, bytes: number, nowUs: number): number {
    const takesUs = busyUs(bytes, this.#options.downKbps)
    return queued(this.#downFreeUs, host, nowUs - takesUs, takesUs)
  }

  #legUs(from: number, to: number, bytes: number): number {
    return this.ways.oneWayUs(from, to) + this.#lossUs(from, to, bytes)
  }

  /** What losses cost: a round trip where later packets tell of it, a timeout for the last one. */
  #lossUs(from: number, to: number, bytes: number): number {
    const perMillion = this.#options.lossPerMille * PER_MILLION
    if (perMillion === 0) return 0
    const tripUs = this.ways.baseUs(from, to) + this.ways.baseUs(to, from)
    let costUs = 0
    for (let packets = Math.ceil(bytes / PACKET_BYTES); packets > 0; packets--) {
      let pauseUs = packets === 1 ? Math.max(RETRY_US_MIN, 2 * tripUs) : tripUs
      for (let lost = 0; lost < LOSSES_MAX && this.#chance.happens(perMillion); lost++) {
        costUs += pauseUs
        pauseUs = Math.max(RETRY_US_MIN, 2 * pauseUs)
      }
    }
    return costUs
  }
}

/** When something that takes so long is through a queue that takes one at a time. */
function queued(freeUs: Float64Array, host: number, readyUs: number, takesUs: number): number {
  const throughUs = Math.max(readyUs, freeUs[host] ?? 0) + takesUs
  if (takesUs > 0) freeUs[host] = throughUs
  return throughUs
}

/** A kbit/s is a bit in a millisecond. */
const busyUs = (bytes: number, kbps: number | null): number =>
  kbps === null ? 0 : Math.ceil((bytes * 8_000) / kbps)
