/**
 * What each host thinks of each peer, as gossipsub v1.1 counts it with the product's settings: who was
 * first with messages (P2), invalid ones (P4), and misbehaviour (P7). Time in the mesh, its delivery
 * rate and shared addresses (P1, P3, P6) weigh nothing in the product, and have no counters here.
 * Counters decay when they are looked at; a score that was worked out stands for a beat, as in the
 * library.
 */
import type { GossipSettings } from '#contracts'

const CAPACITY_FIRST = 1_024

export class PeerScores {
  readonly #settings: GossipSettings
  readonly #decayUs: number
  readonly #standsUs: number
  #first = new Float64Array(CAPACITY_FIRST)
  #invalid = new Float64Array(CAPACITY_FIRST)
  #behaviour = new Float64Array(CAPACITY_FIRST)
  #decayedUs = new Float64Array(CAPACITY_FIRST)
  #score = new Float64Array(CAPACITY_FIRST)
  #staleUs = new Float64Array(CAPACITY_FIRST)

  constructor(settings: GossipSettings) {
    this.#settings = settings
    this.#decayUs = settings.decayMs * 1_000
    this.#standsUs = settings.heartbeatMs * 1_000
  }

  /** Of the peer at the other side of that end. */
  score(end: number, nowUs: number): number {
    if ((this.#staleUs[end] ?? 0) > nowUs) return this.#score[end] ?? 0
    const score = this.#worked(end, nowUs)
    this.#score[end] = score
    this.#staleUs[end] = nowUs + this.#standsUs
    return score
  }

  #worked(end: number, nowUs: number): number {
    const set = this.#settings
    this.#decay(end, nowUs)
    const [first, invalid] = [this.#first[end] ?? 0, this.#invalid[end] ?? 0]
    const behaviour = this.#behaviour[end] ?? 0
    const topic = first * set.firstWeight + invalid * invalid * set.invalidWeight
    return Math.min(topic, set.topicScoreMax) + behaviour * behaviour * set.behaviourWeight
  }

  /** It was the first to bring a message. */
  wasFirst(end: number, nowUs: number): void {
    this.#count(this.#reach(end, nowUs).#first, end, this.#settings.firstMax)
  }

  broughtInvalid(end: number, nowUs: number): void {
    this.#count(this.#reach(end, nowUs).#invalid, end, Number.POSITIVE_INFINITY)
  }

  misbehaved(end: number, nowUs: number): void {
    this.#count(this.#reach(end, nowUs).#behaviour, end, Number.POSITIVE_INFINITY)
  }

  #count(counters: Float64Array, end: number, max: number): void {
    counters[end] = Math.min(max, (counters[end] ?? 0) + 1)
  }

  #reach(end: number, nowUs: number): this {
    while (end >= this.#first.length) this.#grow()
    this.#decay(end, nowUs)
    return this
  }

  #decay(end: number, nowUs: number): void {
    let atUs = this.#decayedUs[end] ?? 0
    if (atUs + this.#decayUs > nowUs) return
    let [first, invalid] = [this.#first[end] ?? 0, this.#invalid[end] ?? 0]
    let behaviour = this.#behaviour[end] ?? 0
    const { firstDecay, invalidDecay, behaviourDecay, decayToZero } = this.#settings
    const kept = (counter: number, share: number): number =>
      counter * share < decayToZero ? 0 : counter * share
    while (first + invalid + behaviour > 0 && atUs + this.#decayUs <= nowUs) {
      atUs += this.#decayUs
      first = kept(first, firstDecay)
      invalid = kept(invalid, invalidDecay)
      behaviour = kept(behaviour, behaviourDecay)
    }
    this.#first[end] = first
    this.#invalid[end] = invalid
    this.#behaviour[end] = behaviour
    this.#decayedUs[end] = nowUs - (nowUs % this.#decayUs)
  }

  #grow(): void {
    const wider = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const fresh = new Float64Array(capacity)
      fresh.set(old)
      return fresh
    }
    const capacity = this.#first.length * 2
    this.#first = wider(this.#first)
    this.#invalid = wider(this.#invalid)
    this.#behaviour = wider(this.#behaviour)
    this.#decayedUs = wider(this.#decayedUs)
    this.#score = wider(this.#score)
    this.#staleUs = wider(this.#staleUs)
  }
}
