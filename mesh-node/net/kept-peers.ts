/**
 * Stays connected to the bootstrap addresses: dials each at the start, and again with growing pauses
 * for as long as its peer is gone. Knows addresses and peers, no protocol.
 */
import type { PeerId } from '#contracts'

/** A restarted gateway is back within a second; pauses grow so that a dead one costs little. */
const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 15_000

interface KeptPeersPorts {
  readonly dial: (address: string) => Promise<PeerId>
  readonly connected: (peer: PeerId) => boolean
  readonly logger?: { warn(facts: object, text: string): void }
}

interface Kept {
  readonly address: string
  peer: PeerId | null
  pauseMs: number
  timer: ReturnType<typeof setTimeout> | null
  dialing: boolean
}

export class KeptPeers {
  readonly #ports: KeptPeersPorts
  #kept: readonly Kept[] = []
  #stopped = false

  constructor(ports: KeptPeersPorts) {
    this.#ports = ports
  }

  /** Resolves when every address was tried once, whether it answered or not. */
  async start(addresses: readonly string[]): Promise<void> {
    this.#kept = [...new Set(addresses)].map((address) => ({
      address,
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

  stop(): void {
    this.#stopped = true
    for (const { timer } of this.#kept) if (timer !== null) clearTimeout(timer)
  }

  async #dial(kept: Kept): Promise<void> {
    if (kept.dialing || this.#stopped) return
    kept.dialing = true
    try {
      kept.peer = await this.#ports.dial(kept.address)
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
    if (this.#stopped || kept.timer !== null) return
    const pauseMs = kept.pauseMs * (1 + Math.random() / 4)
    kept.pauseMs = Math.min(kept.pauseMs * 2, RETRY_MS_MAX)
    kept.timer = setTimeout(() => {
      kept.timer = null
      void this.#dial(kept)
    }, pauseMs)
  }

  #warn({ address }: Kept, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#ports.logger?.warn({ address, reason }, 'bootstrap peer does not answer yet')
  }
}
