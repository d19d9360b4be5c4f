/**
 * What each host thinks of each peer, as gossipsub v1.1 counts it: misbehaviour (P7), and peers that
 * share an address (P6). No topic is scored in the product, so that P1 to P4 weigh nothing there; they
 * have no counters here. Counters decay when they are looked at.
 */
import type { GossipSettings } from '#contracts'

const CAPACITY_FIRST = 1_024

export class PeerScores {
  readonly #settings: GossipSettings
  readonly #decayUs: number
  #behaviour = new Float64Array(CAPACITY_FIRST)
  #decayedUs = new Float64Array(CAPACITY_FIRST)
  #colocated = new Int32Array(CAPACITY_FIRST)

  constructor(settings: GossipSettings) {
    this.#settings = settings
    this.#decayUs = settings.decayMs * 1_000
  }

  /** Of the peer at the other side of that end. */
  score(end: number, nowUs: number): number {
    const { behaviourWeight, colocationWeight, colocationPeersMax } = this.#settings
    const behaviour = this.#decayed(end, nowUs)
    const surplus = Math.max(0, (this.#colocated[end] ?? 0) - colocationPeersMax)
    return behaviour * behaviour * behaviourWeight + surplus * surplus * colocationWeight
  }

  misbehaved(end: number, times: number, nowUs: number): void {
    while (end >= this.#behaviour.length) this.#grow()
    const behaviour = this.#decayed(end, nowUs)
    if (behaviour === 0) this.#decayedUs[end] = nowUs - (nowUs % this.#decayUs)
    this.#behaviour[end] = behaviour + times
  }

  /** How many peers, it among them, that host sees on its address. */
  sharesAddress(end: number, peers: number): void {
    while (end >= this.#behaviour.length) this.#grow()
    this.#colocated[end] = peers
  }

  #decayed(end: number, nowUs: number): number {
    let behaviour = this.#behaviour[end] ?? 0
    if (behaviour === 0) return 0
    const { behaviourDecay, decayToZero } = this.#settings
    let atUs = this.#decayedUs[end] ?? 0
    while (behaviour > 0 && atUs + this.#decayUs <= nowUs) {
      atUs += this.#decayUs
      behaviour *= behaviourDecay
      if (behaviour < decayToZero) behaviour = 0
    }
    this.#behaviour[end] = behaviour
    this.#decayedUs[end] = atUs
    return behaviour
  }

  #grow(): void {
    const wider = <T extends Float64Array | Int32Array>(old: T, fresh: T): T => {
      fresh.set(old)
      return fresh
    }
    const capacity = this.#behaviour.length * 2
    this.#behaviour = wider(this.#behaviour, new Float64Array(capacity))
    this.#decayedUs = wider(this.#decayedUs, new Float64Array(capacity))
    this.#colocated = wider(this.#colocated, new Int32Array(capacity))
  }
}
