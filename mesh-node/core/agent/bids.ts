/**
 * Announcements that wait for this node's turn to bid: each is due when the widening
 * threshold has passed the node's rendezvous draw. Remembers what was asked; does not bid.
 */
import {
  AGENT_ANNOUNCEMENTS_MAX,
  type AnnouncementMessage,
  bidDelayMs,
  type PeerId,
  rendezvousDraw
} from '#contracts'

export interface Bid {
  readonly batch: string
  readonly gateway: PeerId
  readonly addresses: readonly string[]
  readonly tenant: string
  readonly wants: AnnouncementMessage['wants']
  readonly dueAtMs: number
}

const NONE: readonly Bid[] = []

export class Bids {
  readonly #waiting = new Map<string, Bid>()
  readonly #node: PeerId
  #nextAtMs = Number.POSITIVE_INFINITY
  /** Announcements dropped because too many waited. */
  dropped = 0

  constructor(node: PeerId) {
    this.#node = node
  }

  get size(): number {
    return this.#waiting.size
  }

  get nextAtMs(): number {
    return this.#nextAtMs
  }

  /** Takes an announcement in; a repeated one keeps its first place. */
  add(body: AnnouncementMessage, nowMs: number): void {
    if (this.#waiting.has(body.batch)) return
    if (this.#waiting.size >= AGENT_ANNOUNCEMENTS_MAX) {
      this.dropped += 1
      return
    }
    const draw = rendezvousDraw(body.batch, this.#node)
    const dueAtMs = nowMs + bidDelayMs(draw, body.threshold, body.widen_ms)
    const { batch, gateway, addresses, tenant, wants } = body
    this.#waiting.set(batch, { batch, gateway, addresses, tenant, wants, dueAtMs })
    this.#nextAtMs = Math.min(this.#nextAtMs, dueAtMs)
  }

  /** Takes out the bids whose time has come. */
  due(nowMs: number): readonly Bid[] {
    if (nowMs < this.#nextAtMs) return NONE
    const due: Bid[] = []
    this.#nextAtMs = Number.POSITIVE_INFINITY
    for (const bid of this.#waiting.values()) {
      if (bid.dueAtMs <= nowMs) {
        due.push(bid)
        this.#waiting.delete(bid.batch)
      } else {
        this.#nextAtMs = Math.min(this.#nextAtMs, bid.dueAtMs)
      }
    }
    return due
  }

  clear(): void {
    this.#waiting.clear()
    this.#nextAtMs = Number.POSITIVE_INFINITY
  }
}
