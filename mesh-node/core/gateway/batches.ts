/**
 * Batches that were announced, and who may bid for them when. The threshold is chosen so
 * that a batch draws about BIDS_WANTED bids however many nodes listen; how many do is learnt from the
 * nodes that are known and from the bids that came.
 */
import {
  bidDelayMs,
  GATEWAY_BATCHES_MAX,
  type PeerId,
  rendezvousDraw,
  THRESHOLD_ALL
} from '#contracts'
import { BID_SLACK_MS, BIDS_WANTED, WIDEN_MS } from './gateway-policy.ts'

interface AnnouncedBatch {
  readonly threshold: number
  readonly announcedAtMs: number
  /** Who has bid in the time before the threshold widened. */
  readonly early: Set<PeerId>
}

/** How much a batch's bids move the estimate of listening nodes. */
const ESTIMATE_SHARE = 0.2

export class Batches {
  readonly #batches = new Map<string, AnnouncedBatch>()
  #listening = 0

  get size(): number {
    return this.#batches.size
  }

  /** Nodes that seem to hear announcements, as far as bids tell; 0 while none has come. */
  get listening(): number {
    return Math.round(this.#listening)
  }

  /** The share of 2^32 under which nodes may bid at once. */
  thresholdFor(knownNodes: number): number {
    const nodes = Math.max(1, knownNodes, this.#listening)
    return Math.min(THRESHOLD_ALL, Math.floor((THRESHOLD_ALL * BIDS_WANTED) / nodes))
  }

  announced(batch: string, threshold: number, nowMs: number): void {
    const oldest = this.#batches.entries().next()
    if (this.#batches.size >= GATEWAY_BATCHES_MAX && !oldest.done) {
      const [name, old] = oldest.value
      this.#learn(old)
      this.#batches.delete(name)
    }
    for (const [name, old] of this.#batches) {
      if (nowMs - old.announcedAtMs < 60_000) break
      this.#learn(old)
      this.#batches.delete(name)
    }
    // announced again, it goes on: who heard of it first counts from then
    if (this.#batches.has(batch)) return
    this.#batches.set(batch, { threshold, announcedAtMs: nowMs, early: new Set() })
  }

  has(batch: string): boolean {
    return this.#batches.has(batch)
  }

  /** Whether it is the node's turn; a bid a little before its time is forgiven. */
  mayBid(batch: string, node: PeerId, nowMs: number): boolean {
    const announced = this.#batches.get(batch)
    if (announced === undefined) return false
    const sinceMs = nowMs - announced.announcedAtMs
    const delayMs = bidDelayMs(rendezvousDraw(batch, node), announced.threshold, WIDEN_MS)
    if (sinceMs + BID_SLACK_MS < delayMs) return false
    if (delayMs === 0) announced.early.add(node)
    return true
  }

  #learn({ threshold, early }: AnnouncedBatch): void {
    const seen = (early.size * THRESHOLD_ALL) / Math.max(1, threshold)
    this.#listening += ESTIMATE_SHARE * (seen - this.#listening)
  }
}
