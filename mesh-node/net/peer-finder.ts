/**
 * Finds other peers of the mesh by itself: asks the relays that it is connected to who else can be
 * reached through them, and dials some over WebRTC, by its own connection to that relay. So it
 * follows nobody's addresses. Stays at a few; one that does not answer is left alone for a while.
 */
import {
  MeshError,
  PEERS_ASKED_MAX,
  PEERS_FAILED_MAX,
  PEERS_FOUND_MAX,
  type PeerId
} from '#contracts'

/** A tab that came in the same moment has its place at the relay within a second or two. */
const LOOK_MS_MIN = 2_000
/** Newcomers dial those who are there, so who waits misses little. */
const LOOK_MS_MAX = 60_000
/** One who was named and did not answer: gone, or behind a NAT that nothing gets through. */
const FAILED_MS_MIN = 10_000
const FAILED_MS_MAX = 600_000

export interface PeerFinderPorts {
  readonly self: PeerId
  /** Peers that may be relays, each with the address by which it is connected. */
  readonly relays: () => ReadonlyMap<PeerId, string>
  /** Names of whom that peer relays to. */
  readonly ask: (relay: PeerId) => Promise<readonly PeerId[]>
  readonly dial: (address: string) => Promise<PeerId>
  /** Those reached by a relay alone are not among them. */
  readonly connected: () => readonly PeerId[]
  readonly nowMs: () => number
  /** Calls back once, after so many milliseconds; gives a way to cancel. */
  readonly setTimer: (ms: number, fire: () => void) => () => void
  /** From 0 to 1. */
  readonly chance: () => number
}

interface Failed {
  readonly untilMs: number
  readonly pauseMs: number
}

export class PeerFinder {
  readonly #ports: PeerFinderPorts
  /** In the order of their last failure. */
  readonly #failed = new Map<PeerId, Failed>()
  #pauseMs = LOOK_MS_MIN
  #cancel: (() => void) | null = null
  #atMs = 0
  #isLooking = false
  #isStopped = false

  constructor(ports: PeerFinderPorts) {
    this.#ports = ports
  }

  /** Whoever came may be a relay, and is asked at once; one that went leaves a place. */
  onPeer(change: 'connected' | 'disconnected', peer: PeerId): void {
    const isRelay = change === 'connected' && this.#ports.relays().has(peer)
    if (change === 'connected' && !isRelay) return
    this.#pauseMs = LOOK_MS_MIN
    this.#lookIn(isRelay ? 0 : LOOK_MS_MIN)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  /** An earlier look that is planned stays planned. */
  #lookIn(ms: number): void {
    const atMs = this.#ports.nowMs() + ms
    if (this.#isStopped || this.#isLooking || (this.#cancel !== null && this.#atMs <= atMs)) return
    this.#cancel?.()
    this.#atMs = atMs
    this.#cancel = this.#ports.setTimer(ms, () => void this.#look())
  }

  async #look(): Promise<void> {
    this.#cancel = null
    this.#isLooking = true
    const found = this.#missing() > 0 ? await this.#find() : 0
    this.#isLooking = false
    this.#pauseMs = found > 0 ? LOOK_MS_MIN : Math.min(this.#pauseMs * 2, LOOK_MS_MAX)
    // spread, so that tabs which came together do not ask together for ever
    this.#lookIn(this.#pauseMs * (1 + this.#ports.chance() / 4))
  }

  /** Peers beside the relays. */
  #missing(): number {
    const relays = this.#ports.relays()
    const others = this.#ports.connected().filter((peer) => !relays.has(peer))
    return PEERS_FOUND_MAX - others.length
  }

  /** How many answered. */
  async #find(): Promise<number> {
    const relays = shuffled([...this.#ports.relays()], this.#ports.chance)
    let found = 0
    for (const [relay, address] of relays.slice(0, PEERS_ASKED_MAX)) {
      for (const peer of await this.#named(relay)) {
        if (this.#isStopped || this.#missing() <= 0) return found
        if (await this.#reach(peer, `${address}/p2p-circuit/webrtc/p2p/${peer}`)) found += 1
      }
    }
    return found
  }

  /** In an order of this host's own, so that not all go to the same few. */
  async #named(relay: PeerId): Promise<readonly PeerId[]> {
    try {
      return shuffled(await this.#ports.ask(relay), this.#ports.chance)
    } catch (error) {
      // no relay, or one that is gone: others may know somebody
      if (error instanceof MeshError) return []
      throw error
    }
  }

  async #reach(peer: PeerId, address: string): Promise<boolean> {
    const { self, connected, nowMs, dial } = this.#ports
    const failed = this.#failed.get(peer)
    const isResting = failed !== undefined && failed.untilMs > nowMs()
    if (peer === self || isResting || connected().includes(peer)) return false
    try {
      await dial(address)
      this.#failed.delete(peer)
      return true
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#rest(peer, failed)
      return false
    }
  }

  #rest(peer: PeerId, before: Failed | undefined): void {
    const pauseMs = Math.min((before?.pauseMs ?? FAILED_MS_MIN / 2) * 2, FAILED_MS_MAX)
    this.#failed.delete(peer)
    const [oldest] = this.#failed.keys()
    if (this.#failed.size >= PEERS_FAILED_MAX && oldest !== undefined) this.#failed.delete(oldest)
    this.#failed.set(peer, { pauseMs, untilMs: this.#ports.nowMs() + pauseMs })
  }
}

/** Fisher and Yates, in a copy. */
export function shuffled<Item>(items: readonly Item[], chance: () => number): readonly Item[] {
  const mixed = [...items]
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(chance() * (last + 1))
    const [a, b] = [mixed[last], mixed[other]]
    if (a !== undefined && b !== undefined) [mixed[last], mixed[other]] = [b, a]
  }
  return mixed
}
