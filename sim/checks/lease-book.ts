/**
 * Leases as the ledger names them, and what their nodes were heard to say: who holds what, until when,
 * what it committed to and what it gave. From it follows who may be paid and when a lease must be over.
 */
import {
  type Attestation,
  bytesToHex,
  type Cid,
  type EntryBody,
  type EntryContent,
  type GatewayFrame,
  type LeaseId,
  type PackedUnit,
  type PeerId,
  sha256,
  type UnitId
} from '#contracts'
import type { GatewayInput } from '#mesh-node/core'
import type { BookPorts } from './book.ts'

type Reserved = EntryBody<'units.reserved'>['items'][number]

export interface BookedLease {
  readonly id: LeaseId
  readonly unit: UnitId
  readonly attempt: number
  readonly node: PeerId
  readonly maxMicro: number
  readonly reservedMs: number
  endsMs: number
  /** By a right clock: its run came to its own end. */
  finishedMs: number | null
  /** By a right clock: its node counts from the receipt, whatever the gateway's clock does. */
  readonly runsUntilMs: number
  /** First word of each kind from its own node. */
  commitment: string | null
  attestation: Attestation | null
  /** Its node came back and did not name it. */
  disownedMs: number
  /** Its node was told of it: a record that waits for a slow disk is seen before what was decided first. */
  isGranted: boolean
  /** Held over a restart of the control node, which forgets commitments. */
  isRestored: boolean
  state: 'reserved' | 'accepted' | 'voided'
}

interface BookedNode {
  owner: string
  queueMax: number
  /** Since when its link is gone; infinity while it stands. */
  goneMs: number
  /** By a right clock: its last hello. */
  helloMs: number
  /** Leases that it has yet to answer. */
  readonly working: Set<BookedLease>
}

/** A link may come back within two seconds; nodes are looked at twice a second. */
const GONE_MS_MAX = 2_500
/** Timers fire in the millisecond after. */
const SLACK_MS = 2
/** After the control node's clock was set: it looks at its leases again within half a second. */
const LENIENT_MS = 5_000
/** Over a quiet network a result is heard, and asked for, within this. */
const HEARD_MS_MAX = 20_000
/** Where the mesh checks its nodes, a unit that asks for one result goes to no more than two at once. */
const CHECKED_PLACES = 2
/** So long the control node waits for nodes of before. */
const RECOVERY_MS = 15_000

export class LeaseBook {
  readonly #ports: BookPorts
  readonly #leases = new Map<LeaseId, BookedLease>()
  readonly #byUnit = new Map<UnitId, BookedLease[]>()
  readonly #nodes = new Map<PeerId, BookedNode>()
  readonly #units = new Map<UnitId, PackedUnit>()
  readonly #accepted = new Map<UnitId, Cid>()
  #isClosed = false

  constructor(ports: BookPorts) {
    this.#ports = ports
  }

  find(lease: LeaseId): BookedLease | undefined {
    return this.#leases.get(lease)
  }
  unit(id: UnitId): PackedUnit | undefined {
    return this.#units.get(id)
  }
  leasesOf(unit: UnitId): readonly BookedLease[] {
    return this.#byUnit.get(unit) ?? []
  }
  ownerOf(node: PeerId): string {
    return this.#nodes.get(node)?.owner ?? node
  }
  /** It had its result, and a link to tell it over, for long. */
  wasThere({ finishedMs, node }: BookedLease): boolean {
    const { isQuiet, isHonest, nowMs } = this.#ports
    const sinceMs = Math.max(finishedMs ?? Number.POSITIVE_INFINITY, this.#node(node).helloMs)
    return isQuiet && isHonest(node) && nowMs() - sinceMs > HEARD_MS_MAX
  }
  isGone(node: PeerId): boolean {
    return (this.#nodes.get(node)?.goneMs ?? 0) <= this.#ports.wallMs()
  }

  took(input: GatewayInput): void {
    switch (input.type) {
      case 'submit':
        for (const { unit } of input.units) this.#units.set(unit.id, unit)
        return
      case 'hello':
        this.#hello(input.node, input.body)
        return
      case 'disconnected': {
        // one that has not said hello since a restart was gone before
        const node = this.#node(input.node)
        if (node.goneMs === Number.POSITIVE_INFINITY) node.goneMs = input.nowMs
        return
      }
      case 'commit':
        for (const { lease_id: id, commitment } of input.body.commitments) {
          const lease = this.#ownLease(id, input.node)
          if (lease === undefined) continue
          lease.commitment ??= bytesToHex(commitment)
          this.#node(input.node).working.delete(lease)
        }
        return
      case 'result':
        for (const attestation of input.results.attestations) this.#result(input.node, attestation)
        return
      default:
        return
    }
  }

  recorded(content: EntryContent): void {
    switch (content.kind) {
      case 'node.registered':
        this.#node(content.body.node).owner = content.body.owner
        return
      case 'units.reserved':
        for (const item of content.body.items) this.#reserved(item)
        return
      case 'units.accepted':
        for (const { lease, canonical } of content.body.items) this.#paid(lease, canonical)
        return
      case 'session.closed':
        this.#isClosed = true
        return
      case 'units.voided':
        for (const { lease: id, fault } of content.body.items) {
          const lease = this.#leases.get(id)
          if (lease === undefined) continue
          this.#ended(lease, 'voided')
          const isBlamed = fault !== 'none' && fault !== 'disagreed'
          if (isBlamed && this.#ports.isHonest(lease.node))
            this.#ports.broken('honest_not_blamed', `${id}: ${fault}`)
        }
        return
      default:
        return
    }
  }

  /** Nothing is said of a lease that is not in the ledger, or no more; nobody is asked too early. */
  sent(node: PeerId, frame: GatewayFrame): void {
    if (frame.kind === 'grant') {
      for (const { lease_id: id } of frame.body.leases) {
        const lease = this.#leases.get(id)
        if (lease?.node !== node) this.#ports.broken('write_ahead', `${id} is granted unrecorded`)
        else lease.isGranted = true
      }
    }
    if (frame.kind === 'reveal') for (const id of frame.body.leases) this.#revealed(id)
    if (frame.kind !== 'ack') return
    for (const { lease_id: id, verdict } of frame.body.verdicts) {
      // of a session that has ended, the control node knows no leases any more
      if (this.#isClosed) return
      const lease = this.#leases.get(id)
      // whoever speaks of another's lease is told nothing of it
      const state = lease?.node === node ? lease.state : undefined
      if ((verdict === 'accepted') !== (state === 'accepted')) {
        this.#ports.broken('told_as_booked', `${id} is ${state ?? 'unknown'}, told ${verdict}`)
      }
    }
  }

  /** The control node began anew: it knows nobody, and waits for them. */
  reopened(): void {
    const nowMs = this.#ports.wallMs()
    for (const node of this.#nodes.values()) node.goneMs = nowMs + RECOVERY_MS
    for (const lease of this.#leases.values()) {
      if (lease.state !== 'reserved') continue
      lease.isRestored = true
      lease.disownedMs = Number.POSITIVE_INFINITY
      lease.endsMs = Math.max(lease.endsMs, nowMs + RECOVERY_MS)
    }
  }

  #node(id: PeerId): BookedNode {
    const known = this.#nodes.get(id)
    if (known !== undefined) return known
    const node = {
      owner: id,
      queueMax: 0,
      goneMs: Number.NEGATIVE_INFINITY,
      helloMs: Number.NEGATIVE_INFINITY,
      working: new Set<BookedLease>()
    }
    this.#nodes.set(id, node)
    return node
  }

  #hello(id: PeerId, body: Extract<GatewayInput, { type: 'hello' }>['body']): void {
    if (body.node !== id) return
    const node = this.#node(id)
    node.goneMs = Number.POSITIVE_INFINITY
    node.helloMs = this.#ports.nowMs()
    node.queueMax = body.descriptor.queue_max
    const holding = new Set<LeaseId>(body.holding)
    const nowMs = this.#ports.wallMs()
    for (const lease of node.working) if (!holding.has(lease.id)) lease.disownedMs = nowMs
  }

  #ownLease(id: LeaseId, node: PeerId): BookedLease | undefined {
    const lease = this.#leases.get(id)
    return lease?.node === node && this.#ports.wallMs() < lease.endsMs ? lease : undefined
  }

  #result(node: PeerId, attestation: Attestation): void {
    const { lease_id: id, work_unit_id: unit, attempt } = attestation
    const lease = this.#leases.get(id)
    if (lease?.node !== node || lease.unit !== unit || lease.attempt !== attempt) return
    const isLate = this.#ports.wallMs() >= lease.endsMs && lease.commitment === null
    if (isLate || lease.state !== 'reserved') return
    lease.attestation ??= attestation
    this.#node(node).working.delete(lease)
  }

  #reserved(item: Reserved): void {
    const { broken } = this.#ports
    const { unit, attempt, lease: id, node: peer } = item
    const node = this.#node(peer)
    const lease: BookedLease = {
      id,
      unit,
      attempt,
      node: peer,
      maxMicro: item.max_micro,
      reservedMs: this.#ports.wallMs(),
      endsMs: item.expires_at_ms,
      finishedMs: null,
      runsUntilMs: this.#ports.nowMs() + this.#ttlMs(item),
      commitment: null,
      attestation: null,
      disownedMs: Number.POSITIVE_INFINITY,
      isGranted: false,
      isRestored: false,
      state: 'reserved'
    }
    if (this.#leases.has(id)) broken('one_holder', `lease ${id} is granted twice`)
    const others = this.#byUnit.get(unit) ?? []
    const { mode, replicas } = this.#units.get(unit)?.unit.verification ?? {
      mode: 'none',
      replicas: 1
    }
    const live = others.filter(({ state }) => state !== 'voided')
    const { checksNodes } = this.#ports
    const isQuorum = mode === 'quorum'
    const isShared = checksNodes && mode === 'schema'
    const isCompared = isQuorum || isShared
    const open = isCompared ? live.filter((one) => one.attestation === null) : live
    const places = isQuorum ? replicas : isShared ? CHECKED_PLACES : 1
    if (open.length >= places) broken('one_holder', `${unit} ${attempt}`)
    const owner = this.ownerOf(peer)
    if (isCompared && live.some((one) => this.ownerOf(one.node) === owner)) {
      broken('distinct_owners', `${unit}: ${owner} twice`)
    }
    if (node.queueMax > 0 && node.working.size >= node.queueMax) {
      broken('node_not_overfilled', `${peer} has ${node.working.size} leases`)
    }
    this.#leases.set(id, lease)
    this.#byUnit.set(unit, [...others, lease])
    node.working.add(lease)
  }

  /** What the unit asks for: while a record is written, the clock that says when it ends may be set. */
  #ttlMs({ unit, expires_at_ms: endsMs }: Reserved): number {
    const timeouts = this.#units.get(unit)?.unit.timeouts
    if (timeouts === undefined) return endsMs - this.#ports.wallMs()
    return timeouts.dispatch_ms + timeouts.run_ms
  }

  #paid(id: LeaseId, isCanonical: boolean): void {
    const { broken } = this.#ports
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    this.#ended(lease, 'accepted')
    const { attestation, unit } = lease
    if (attestation === null) {
      broken('paid_for_a_result', `${id}: none came from its node in time`)
      return
    }
    const output = attestation.output_cid
    if (this.#units.get(unit)?.unit.verification.mode === 'quorum') this.#kept(lease, attestation)
    if (isCanonical) this.#accepted.set(unit, output)
    else if ((this.#accepted.get(unit) ?? output) !== output) {
      broken('paid_for_agreeing', `${id} gave another output`)
    }
  }

  /**
   * The result is what its node committed to before it knew any other. Over a restart of the control
   * node, which forgets commitments, it may name another: see DECISIONS 93.
   */
  #kept(
    { id, node, commitment, isRestored }: BookedLease,
    { output_cid: output, commit }: Attestation
  ): void {
    const again = isRestored && commit !== undefined ? bytesToHex(commit) : null
    const bytes = new TextEncoder().encode(`kora/commitment/v1\0${output}\0${node}`)
    const kept = bytesToHex(sha256(bytes))
    if (commitment !== kept && again !== kept) this.#ports.broken('commitment_kept', id)
  }

  #ended(lease: BookedLease, state: 'accepted' | 'voided'): void {
    if (lease.state !== 'reserved') return
    lease.state = state
    const node = this.#node(lease.node)
    node.working.delete(lease)
    const lateMs = this.#ports.wallMs() - this.#dueMs(lease, node) - 2 * this.#ports.ledgerMs
    if (lateMs > SLACK_MS && this.#ports.sinceClockSetMs() >= LENIENT_MS)
      this.#ports.broken('lease_ends_in_time', `${lease.id}: ${lateMs} ms late`)
  }

  /** By when a lease of which nothing was heard must be over. */
  #dueMs(
    { endsMs, commitment, attestation, reservedMs, disownedMs }: BookedLease,
    node: BookedNode
  ): number {
    if (attestation !== null) return Number.POSITIVE_INFINITY
    const byTimeMs = commitment === null ? endsMs : Number.POSITIVE_INFINITY
    const byLinkMs =
      node.goneMs >= reservedMs ? node.goneMs + GONE_MS_MAX : Number.POSITIVE_INFINITY
    return Math.min(byTimeMs, byLinkMs, disownedMs)
  }

  #revealed(id: LeaseId): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    const hidden = this.leasesOf(lease.unit).find(
      ({ state, isGranted, commitment, attestation }) =>
        state === 'reserved' && isGranted && commitment === null && attestation === null
    )
    if (hidden !== undefined && !lease.isRestored) {
      this.#ports.broken('revealed_together', `${id} before ${hidden.id} has committed`)
    }
  }
}
