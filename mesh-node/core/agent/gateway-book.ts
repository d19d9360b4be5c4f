/**
 * The gateways that a node serves: whether there is a link, when to dial again, when the next
 * heartbeat is due, and what was last claimed. Decides no work.
 */
import { AGENT_GATEWAYS_MAX, type Cid, type LeaseId, type PeerId, sha256 } from '#contracts'

/** First and longest pause between two dials. */
const REDIAL_MIN_MS = 500
const REDIAL_MAX_MS = 30_000
/**
 * The longest while leases of that gateway are held. One that starts again waits 15 s for them
 * (RECOVERY_GRACE_MS), and what is finished here must not be run again for a pause: with the jitter and
 * a dial that takes five seconds this is within it.
 */
const REDIAL_HOLDING_MAX_MS = 8_000
/** Up to a fifth more, so that nodes which lost one gateway together do not return together. */
const REDIAL_JITTER = 0.2
/** A gateway that was only announced, and cannot be reached this often, is forgotten. */
const STRANGER_DIALS_MAX = 8

/** `linked`: hello is sent; `online`: the gateway has welcomed the node. */
export type GatewayPhase = 'offline' | 'dialing' | 'linked' | 'online'

export interface GatewayEntry {
  readonly gateway: PeerId
  /** Given by the operator or the genesis: never forgotten. */
  readonly known: boolean
  addresses: readonly string[]
  phase: GatewayPhase
  failures: number
  redialAtMs: number | null
  heartbeatMs: number
  heartbeatAtMs: number | null
  heartbeats: number
  /** Leases of this gateway in the table. */
  held: number
  /** What the standing claim says, or null where none stands. */
  claim: { readonly slots: number; readonly models: readonly Cid[] } | null
  /** The announced batch that the next claim answers. */
  bidBatch: string | null
  /** Leases named in the last hello: those that a welcome may drop. */
  named: ReadonlySet<LeaseId>
}

export class GatewayBook {
  readonly #entries = new Map<PeerId, GatewayEntry>()
  /** The same, in their order: each step goes through them. */
  #all: readonly GatewayEntry[] = []
  readonly #node: PeerId

  constructor(node: PeerId) {
    this.#node = node
  }

  get(gateway: PeerId): GatewayEntry | undefined {
    return this.#entries.get(gateway)
  }

  all(): readonly GatewayEntry[] {
    return this.#all
  }

  /** The entry of a gateway, made where there is room; undefined where there is none. */
  open(
    gateway: PeerId,
    addresses: readonly string[],
    options: { readonly known: boolean }
  ): GatewayEntry | undefined {
    const held = this.#entries.get(gateway)
    if (held !== undefined) {
      if (addresses.length > 0) held.addresses = addresses
      return held
    }
    if (this.#entries.size >= AGENT_GATEWAYS_MAX && !this.#makeRoom()) return undefined
    const entry: GatewayEntry = {
      gateway,
      known: options.known,
      addresses,
      phase: 'offline',
      failures: 0,
      redialAtMs: null,
      heartbeatMs: 0,
      heartbeatAtMs: null,
      heartbeats: 0,
      held: 0,
      claim: null,
      bidBatch: null,
      named: new Set()
    }
    this.#entries.set(gateway, entry)
    this.#all = [...this.#entries.values()]
    return entry
  }

  /** The link is gone: sets when to dial again, or forgets a stranger that is never there. */
  lost(entry: GatewayEntry, nowMs: number): void {
    entry.phase = 'offline'
    entry.claim = null
    entry.heartbeatAtMs = null
    entry.failures += 1
    if (!entry.known && entry.held === 0 && entry.failures >= STRANGER_DIALS_MAX) {
      this.#forget(entry)
      return
    }
    entry.redialAtMs = nowMs + this.#pauseMs(entry)
  }

  welcomed(entry: GatewayEntry, heartbeatMs: number, nowMs: number): void {
    entry.phase = 'online'
    entry.failures = 0
    entry.redialAtMs = null
    entry.heartbeatMs = heartbeatMs
    entry.heartbeatAtMs = nowMs + heartbeatMs
  }

  /** The next time that any gateway needs something, or infinity. */
  nextAtMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { redialAtMs, heartbeatAtMs } of this.#all) {
      if (redialAtMs !== null && redialAtMs < next) next = redialAtMs
      if (heartbeatAtMs !== null && heartbeatAtMs < next) next = heartbeatAtMs
    }
    return next
  }

  #pauseMs(entry: GatewayEntry): number {
    const doublings = Math.min(entry.failures - 1, 16)
    const longestMs = entry.held > 0 ? REDIAL_HOLDING_MAX_MS : REDIAL_MAX_MS
    const pauseMs = Math.min(longestMs, REDIAL_MIN_MS * 2 ** doublings)
    return Math.round(pauseMs * (1 + REDIAL_JITTER * this.#share(entry)))
  }

  /** A number in [0, 1) from the hash of who dials whom for which time: chance that replays. */
  #share({ gateway, failures }: GatewayEntry): number {
    const text = `kora/redial/v1\0${this.#node}\0${gateway}\0${failures}`
    const digest = sha256(new TextEncoder().encode(text))
    return new DataView(digest.buffer, digest.byteOffset, 4).getUint32(0) / 2 ** 32
  }

  #makeRoom(): boolean {
    for (const entry of this.#all) {
      if (!entry.known && entry.held === 0 && entry.phase === 'offline') {
        this.#forget(entry)
        return true
      }
    }
    return false
  }

  #forget({ gateway }: GatewayEntry): void {
    this.#entries.delete(gateway)
    this.#all = [...this.#entries.values()]
  }
}
