/**
 * Stays connected to the bootstrap peers: dials each at the start, and again with growing pauses for
 * as long as it is gone; at once when the machine says that it is on line again. Several addresses of
 * one peer are one peer. Knows addresses and peers, no protocol.
 */
import type { PeerId } from '#contracts'
import { groupByPeer } from './addresses.ts'

/** A restarted gateway is back within a second; pauses grow so that a dead one costs little. */
const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 15_000

interface KeptPeersPorts {
  /** Dials addresses of one peer; the first that answers is enough. */
  readonly dial: (addresses: readonly string[]) => Promise<PeerId>
  readonly connected: (peer: PeerId) => boolean
  /** Finds out now whether the peer still answers, and drops its connections where it does not. */
  readonly probe: (peer: PeerId) => Promise<void>
  readonly logger?: { warn(facts: object, text: string): void }
}

interface Kept {
  readonly addresses: readonly string[]
  peer: PeerId | null
  pauseMs: number
  timer: ReturnType<typeof setTimeout> | null
  dialing: boolean
}

export class KeptPeers {
  readonly #ports: KeptPeersPorts
  #kept: readonly Kept[] = []
  #isOnline = true
  #stopped = false

  constructor(ports: KeptPeersPorts) {
    this.#ports = ports
  }

  /** Resolves when every peer was tried once, whether it answered or not. */
  async start(addresses: readonly string[]): Promise<void> {
    this.#kept = groupByPeer(addresses).map((group) => ({
      addresses: group,
      peer: null,
      pauseMs: RETRY_MS_MIN,
      timer: null,
      dialing: false
    }))
    await Promise.all(this.#kept.map((kept) => this.#dial(kept)))
  }

  onLost(peer: PeerId): void {
    for (const kept of this.#kept) if (kept.peer === peer) this.#retryLater(kept)
  }

  /**
   * What the machine says of its line. Off line, nobody is dialled. On line, those who are gone are
   * dialled now, and those who seem to be there are asked: after a sleep or on another network a
   * connection may be dead without a word.
   */
  setOnline(isOnline: boolean): void {
    this.#isOnline = isOnline
    for (const kept of this.#kept) {
      if (kept.timer !== null) clearTimeout(kept.timer)
      kept.timer = null
      if (!isOnline) continue
      kept.pauseMs = RETRY_MS_MIN
      if (kept.peer !== null && this.#ports.connected(kept.peer)) void this.#ports.probe(kept.peer)
      else void this.#dial(kept)
    }
  }

  stop(): void {
    this.#stopped = true
    for (const { timer } of this.#kept) if (timer !== null) clearTimeout(timer)
  }

  async #dial(kept: Kept): Promise<void> {
    if (kept.dialing || this.#stopped || !this.#isOnline) return
    kept.dialing = true
    try {
      kept.peer = await this.#ports.dial(kept.addresses)
      kept.pauseMs = RETRY_MS_MIN
    } catch (error) {
      if (kept.pauseMs === RETRY_MS_MIN) this.#warn(kept, error)
    } finally {
      kept.dialing = false
    }
    if (kept.peer === null || !this.#ports.connected(kept.peer)) this.#retryLater(kept)
  }

  /** Pauses are spread by a quarter, so that a thousand nodes do not return in one instant. */
  #retryLater(kept: Kept): void {
    if (this.#stopped || !this.#isOnline || kept.timer !== null) return
    const pauseMs = kept.pauseMs * (1 + Math.random() / 4)
    kept.pauseMs = Math.min(kept.pauseMs * 2, RETRY_MS_MAX)
    kept.timer = setTimeout(() => {
      kept.timer = null
      void this.#dial(kept)
    }, pauseMs)
  }

  #warn({ addresses }: Kept, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#ports.logger?.warn(
      { address: addresses.join(' '), reason },
      'bootstrap peer does not answer yet'
    )
  }
}
