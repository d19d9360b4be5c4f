/**
 * The node towards its gateways: when to dial, what the hello says, which claim stands, when to bid
 * and when a heartbeat is due. Holds no lease and no result.
 */
import {
  type AnnouncementMessage,
  type Cid,
  type LeaseId,
  MESSAGE_ITEMS_MAX,
  type NodeFrame,
  type PeerId,
  type WelcomeMessage
} from '#contracts'
import type { AgentContext, AgentMode } from './agent-context.ts'
import { type Bid, Bids } from './bids.ts'
import { GatewayBook, type GatewayEntry } from './gateway-book.ts'
import type { LeaseTable } from './lease-table.ts'
import type { ModelShelf } from './model-shelf.ts'
import { servesKind, servesTenant } from './offer-rules.ts'

/** One standing claim per gateway: a new one with the same id replaces it. */
const CLAIM_ID = 1
/** A claim is renewed when its slots are wrong by this share of the queue: not for every lease. */
const SLOTS_DRIFT_MAX = 0.25
/** Under this a node says that it is degraded: an executor alone takes 80 MB. */
const MEMORY_MB_MIN = 128

export class AgentConnections {
  readonly #context: AgentContext
  readonly #book: GatewayBook
  readonly #bids: Bids
  readonly #leases: LeaseTable
  readonly #models: ModelShelf
  #held = 0
  #freeMemoryMb: number
  /** What the claims were last held against; null: something changed since that they follow. */
  #claimed: { readonly mode: AgentMode; readonly models: readonly Cid[] } | null = null
  /** Announcements passed over because nothing in them is for this node. */
  passedOver = 0

  constructor(
    context: AgentContext,
    { leases, models }: { leases: LeaseTable; models: ModelShelf }
  ) {
    const { options } = context
    this.#context = context
    this.#leases = leases
    this.#models = models
    this.#book = new GatewayBook(options.node)
    this.#bids = new Bids(options.node)
    this.#freeMemoryMb = options.descriptor.memory_mb
    for (const { gateway, addresses } of options.gateways) {
      const entry = this.#book.open(gateway, addresses, { known: true })
      if (entry !== undefined) entry.redialAtMs = 0
    }
  }

  get gateways(): readonly GatewayEntry[] {
    return [...this.#book.all()]
  }

  get bidsWaiting(): number {
    return this.#bids.size
  }

  /** The next time that a bid, a dial or a heartbeat is due. */
  nextAtMs(): number {
    return Math.min(this.#bids.nextAtMs, this.#book.nextAtMs())
  }

  isOnline(gateway: PeerId): boolean {
    return this.#book.get(gateway)?.phase === 'online'
  }

  isAuthorized(gateway: PeerId): boolean {
    const { authorized } = this.#context.options
    return authorized === null || authorized.includes(gateway)
  }

  /** Notes that a lease of the gateway was taken (1) or has ended (−1). */
  held(gateway: PeerId, change: 1 | -1): void {
    this.#held += change
    this.#claimed = null
    const entry = this.#book.get(gateway)
    if (entry !== undefined) entry.held += change
  }

  measured(freeMemoryMb: number): void {
    this.#freeMemoryMb = Math.max(0, Math.round(freeMemoryMb))
  }

  announced(body: AnnouncementMessage): void {
    const { options } = this.#context
    const isForUs =
      this.isAuthorized(body.gateway) &&
      servesTenant(body.tenant, options) &&
      body.wants.some((want) => servesKind(want.kind, options))
    if (isForUs) this.#bids.add(body, this.#context.nowMs)
    else this.passedOver += 1
  }

  /** Bids that are due: dials gateways that are not linked; a standing claim answers for the rest. */
  dueBids(): readonly Bid[] {
    const due = this.#bids.due(this.#context.nowMs)
    if (due.length > 0) this.#claimed = null
    for (const { gateway, addresses, batch } of due) {
      const entry = this.#book.open(gateway, addresses, { known: false })
      if (entry === undefined) continue
      entry.bidBatch = batch
      if (entry.phase === 'offline') this.#dial(entry)
    }
    return due
  }

  stopBidding(): void {
    this.#bids.clear()
  }

  reachable(gateway: PeerId): void {
    const entry = this.#book.get(gateway)
    if (entry?.phase === 'offline') this.#dial(entry)
  }

  linked(gateway: PeerId): void {
    const entry = this.#book.open(gateway, [], { known: false })
    if (entry === undefined) return
    entry.phase = 'linked'
    entry.claim = null
    this.#claimed = null
    entry.redialAtMs = null
    const holding: LeaseId[] = []
    for (const lease of this.#leases.all()) {
      if (lease.gateway === gateway && holding.length < MESSAGE_ITEMS_MAX) holding.push(lease.id)
    }
    entry.named = new Set(holding)
    const { node, log, descriptor } = this.#context.options
    const models = this.#models.ready.slice(0, MESSAGE_ITEMS_MAX)
    this.#send(entry, { kind: 'hello', body: { v: 1, node, log, descriptor, holding, models } })
  }

  unlinked(gateway: PeerId): void {
    const entry = this.#book.get(gateway)
    if (entry === undefined) return
    this.#book.lost(entry, this.#context.nowMs)
    this.#claimed = null
  }

  /** The leases that the hello named, or undefined where no welcome was due. */
  welcomed(gateway: PeerId, body: WelcomeMessage): ReadonlySet<LeaseId> | undefined {
    const entry = this.#book.get(gateway)
    if (entry?.phase !== 'linked') return undefined
    this.#book.welcomed(entry, body.heartbeat_ms, this.#context.nowMs)
    this.#claimed = null
    return entry.named
  }

  tick(): void {
    const { nowMs } = this.#context
    for (const entry of this.#book.all()) {
      if (entry.redialAtMs !== null && entry.redialAtMs <= nowMs) this.#dial(entry)
      if (entry.heartbeatAtMs === null || entry.heartbeatAtMs > nowMs) continue
      entry.heartbeatAtMs = nowMs + entry.heartbeatMs
      entry.heartbeats += 1
      this.#send(entry, {
        kind: 'heartbeat',
        body: {
          v: 1,
          seq: entry.heartbeats,
          health: this.#freeMemoryMb < MEMORY_MB_MIN ? 'degraded' : 'healthy',
          running: this.#leases.count('running'),
          queued: this.#leases.count('waiting') + this.#leases.count('ready'),
          free_memory_mb: this.#freeMemoryMb
        }
      })
    }
  }

  /** Makes every gateway's claim say what holds now; silent where it does already. */
  refreshClaims(): void {
    const { mode } = this.#context
    const models = this.#models.ready
    if (this.#claimed?.mode === mode && this.#claimed.models === models) return
    this.#claimed = { mode, models }
    const isServing = mode === 'serving'
    for (const entry of this.#book.all()) {
      if (entry.phase !== 'online') continue
      if (isServing) this.#claim(entry)
      else this.#withdraw(entry)
    }
  }

  #claim(entry: GatewayEntry): void {
    const { options } = this.#context
    const { queue_max, kinds } = options.descriptor
    const slots = Math.max(0, queue_max - (this.#held - entry.held))
    const models = this.#models.ready
    const { claim } = entry
    if (claim !== null && claim.models === models) {
      const isClose = Math.abs(slots - claim.slots) < queue_max * SLOTS_DRIFT_MAX
      if (isClose && (slots === 0) === (claim.slots === 0)) return
    }
    entry.claim = { slots, models }
    const body = {
      v: 1,
      claim: CLAIM_ID,
      batch: entry.bidBatch,
      kinds: kinds.filter((kind) => servesKind(kind, options)),
      models: models.slice(0, MESSAGE_ITEMS_MAX),
      slots,
      standing: true
    } as const
    entry.bidBatch = null
    this.#send(entry, { kind: 'claim', body })
  }

  #withdraw(entry: GatewayEntry): void {
    if (entry.claim === null) return
    entry.claim = null
    const isOver = this.#context.mode === 'draining' || this.#context.mode === 'drained'
    const reason = isOver ? 'draining' : 'paused'
    this.#send(entry, { kind: 'withdraw', body: { v: 1, claim: CLAIM_ID, reason } })
  }

  #dial(entry: GatewayEntry): void {
    // also where nothing is dialled any more: a time that has passed would wake the node without end
    entry.redialAtMs = null
    if (this.#context.mode === 'draining') return
    entry.phase = 'dialing'
    const { gateway, addresses } = entry
    this.#context.out.push({ type: 'dial', gateway, addresses })
  }

  #send(entry: GatewayEntry, frame: Exclude<NodeFrame, { kind: 'result' }>): void {
    this.#context.out.push({ type: 'send', gateway: entry.gateway, frame })
  }
}
