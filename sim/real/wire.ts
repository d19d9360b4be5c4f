/**
 * When bytes arrive: latency of the pair, jitter, the bandwidth that a node's links share, packets
 * that are lost and sent again, and cuts. A stream stays whole and in order; what is lost or cut costs
 * time, as on TCP, and after a minute without a word the connection. Knows no protocol.
 */
import { assert } from '#contracts'
import { Chance } from '../kernel/chance.ts'
import type { RealCut, RealLinks, RealOptions } from './options.ts'
import type { VirtualClock } from './virtual-clock.ts'

const US_PER_MS = 1_000
const US_PER_SECOND = 1_000_000
/** Payload of one Ethernet frame of TCP. */
const PACKET_BYTES = 1_448
/** The least that Linux waits before it sends again; it doubles, up to as long as here. */
const RETRY_US_MIN = 200_000
const RETRY_US_MAX = 15_000_000
/** A sender that hears nothing for so long gives the connection up. */
export const GIVE_UP_US = 60_000_000
/** Packets of one write that are lost in a row. */
const LOSSES_MAX = 8

export class Wire {
  readonly #clock: VirtualClock
  readonly #links: RealLinks
  readonly #cuts: readonly RealCut[]
  readonly #latencyUs: readonly Uint32Array[]
  readonly #chance: Chance
  readonly #upFreeUs: Float64Array
  readonly #downFreeUs: Float64Array

  constructor(clock: VirtualClock, options: RealOptions) {
    const { nodes, seed, links, cuts } = options
    this.#clock = clock
    this.#links = links
    this.#cuts = cuts
    this.#latencyUs = latenciesUs(options)
    this.#chance = new Chance(seed, 'wire')
    this.#upFreeUs = new Float64Array(nodes)
    this.#downFreeUs = new Float64Array(nodes)
  }

  latencyUs(from: number, to: number): number {
    const us = this.#latencyUs[from]?.[to]
    assert(us !== undefined, 'both ends are nodes of the run')
    return us
  }

  /** When a write that starts now is at the other end's line; null where it never is. */
  arrivalUs(from: number, to: number, bytes: number): number | null {
    const takesUs = busyUs(bytes, this.#links.upBytesPerSecond)
    const sentUs = queued(this.#upFreeUs, from, this.#clock.nowUs, takesUs)
    const openUs = this.#openUs(from, to, sentUs)
    if (openUs === null) return null
    return openUs + this.latencyUs(from, to) + this.#jitterUs() + this.#lossUs(from, to, bytes)
  }

  /** When what arrives at a node's line now has come in through it. */
  takenInUs(node: number, bytes: number): number {
    const takesUs = busyUs(bytes, this.#links.downBytesPerSecond)
    return queued(this.#downFreeUs, node, this.#clock.nowUs, takesUs)
  }

  /** When the sender hears that what arrived then is there; null where it never does. */
  heardUs(from: number, to: number, arrivedUs: number): number | null {
    const openUs = this.#openUs(to, from, arrivedUs)
    return openUs === null ? null : openUs + this.latencyUs(to, from)
  }

  /** The first time at or after which a packet that is sent again and again gets through. */
  #openUs(from: number, to: number, sentUs: number): number | null {
    let atUs = sentUs
    let pauseUs = RETRY_US_MIN
    while (this.#isCut(from, to, atUs)) {
      atUs += pauseUs
      pauseUs = Math.min(2 * pauseUs, RETRY_US_MAX)
      if (atUs - sentUs > GIVE_UP_US) return null
    }
    return atUs
  }

  #isCut(from: number, to: number, atUs: number): boolean {
    return this.#cuts.some((cut) => {
      const sinceUs = atUs - cut.fromMs * US_PER_MS
      if (sinceUs < 0 || atUs >= cut.untilMs * US_PER_MS) return false
      if (cut.flapMs !== null && Math.floor(sinceUs / (cut.flapMs * US_PER_MS)) % 2 === 1) {
        return false
      }
      if (cut.from.includes(from) && cut.to.includes(to)) return true
      return !cut.isOneWay && cut.from.includes(to) && cut.to.includes(from)
    })
  }

  #jitterUs(): number {
    const { jitterMs } = this.#links
    return jitterMs === 0 ? 0 : this.#chance.below(Math.floor(jitterMs * US_PER_MS) + 1)
  }

  /** What losses cost: a round trip where later packets tell of it, a timeout for the last one. */
  #lossUs(from: number, to: number, bytes: number): number {
    const { lossPerMillion } = this.#links
    if (lossPerMillion === 0) return 0
    const tripUs = this.latencyUs(from, to) + this.latencyUs(to, from)
    let costUs = 0
    for (let packets = Math.ceil(bytes / PACKET_BYTES); packets > 0; packets--) {
      let pauseUs = packets === 1 ? Math.max(RETRY_US_MIN, 2 * tripUs) : tripUs
      for (let lost = 0; lost < LOSSES_MAX && this.#chance.happens(lossPerMillion); lost++) {
        costUs += pauseUs
        pauseUs = Math.max(RETRY_US_MIN, 2 * pauseUs)
      }
    }
    return costUs
  }
}

/** When something that takes so long is through a queue that takes one at a time. */
function queued(freeUs: Float64Array, node: number, readyUs: number, takesUs: number): number {
  const throughUs = Math.max(readyUs, freeUs[node] ?? 0) + takesUs
  if (takesUs > 0) freeUs[node] = throughUs
  return throughUs
}

const busyUs = (bytes: number, bytesPerSecond: number | null): number =>
  bytesPerSecond === null ? 0 : Math.ceil((bytes * US_PER_SECOND) / bytesPerSecond)

/** One way of every pair: the matrix that was given, or one draw for both ways of a pair. */
export function latenciesUs({
  nodes,
  seed,
  links
}: Pick<RealOptions, 'nodes' | 'seed' | 'links'>): readonly Uint32Array[] {
  const chance = new Chance(seed, 'latency')
  const table = Array.from({ length: nodes }, () => new Uint32Array(nodes))
  const minUs = Math.floor(links.latencyMs.min * US_PER_MS)
  const spanUs = Math.floor(links.latencyMs.max * US_PER_MS) - minUs + 1
  for (const [from, row] of table.entries()) {
    for (let to = 0; to < nodes; to++) {
      const givenMs = links.latencyMatrixMs?.[from]?.[to]
      if (givenMs !== undefined) row[to] = Math.floor(givenMs * US_PER_MS)
      else if (to > from) row[to] = minUs + chance.below(spanUs)
      else row[to] = to === from ? 0 : (table[to]?.[from] ?? 0)
    }
  }
  return table
}
