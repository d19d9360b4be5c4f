/**
 * Units from their submission to their end: none before what it waits for, one terminal event each and
 * nothing after it, no attempt without its pause, none beyond those that a unit may have, and an outcome
 * that the leases bear out.
 */
import {
  type EntryContent,
  ERROR_CODES,
  type EventDraft,
  type LeaseId,
  type PeerId,
  UNIT_LOSSES_MAX,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import type { GatewayInput } from '#mesh-node/core'
import type { BookPorts } from './book.ts'
import type { ClaimBook } from './claim-book.ts'
import type { LeaseBook } from './lease-book.ts'

interface BookedUnit {
  submittedMs: number
  /** By a right clock. */
  queuedMs: number
  isQueued: boolean
  hasEnded: boolean
  failures: number
  /** Of these by their time: a control node that began anew takes them for losses. */
  expiries: number
  losses: number
  isHopeless: boolean
  /** Not to be leased before. */
  notBeforeMs: number
}

const BACKOFF_MS_MAX = 30_000
/** After the control node's clock was set: what it decided before is recorded by the new time. */
const LENIENT_MS = 5_000
/** Nodes are looked at twice a second, after a write of the ledger. */
const LOOK_MS_MAX = 3_000
const TERMINAL: readonly string[] = ['workunit.completed', 'workunit.failed', 'workunit.rejected']
const GOING_ON: readonly string[] = ['workunit.dispatched', 'workunit.retried', 'workunit.deferred']

interface OtherBooks {
  readonly leases: LeaseBook
  readonly claims: ClaimBook
}

export class UnitBook {
  readonly #ports: BookPorts
  readonly #leases: LeaseBook
  readonly #claims: ClaimBook
  readonly #units = new Map<UnitId, BookedUnit>()
  /** Units with a result that stands; a control node that began anew knows of them too. */
  readonly #haveResults = new Set<UnitId>()
  /** Said to be done again, or to be in doubt. */
  readonly #reopened = new Set<UnitId>()
  readonly #linked = new Set<PeerId>()
  /** By a right clock: nobody has been there since; null while somebody is. */
  #emptySinceMs: number | null = null

  constructor(ports: BookPorts, { leases, claims }: OtherBooks) {
    this.#ports = ports
    this.#leases = leases
    this.#claims = claims
  }

  took(input: GatewayInput): void {
    this.#emptySinceMs ??= this.#linked.size === 0 ? this.#ports.nowMs() : null
    if (input.type === 'hello') this.#came(input.node)
    if (input.type === 'disconnected') this.left(input.node)
    if (input.type === 'submit') {
      // a control node that began anew, perhaps by another clock, is told of all of them again
      for (const { unit } of input.units) this.#unit(unit.id).submittedMs = this.#ports.wallMs()
    }
    if (input.type !== 'failure') return
    for (const { lease_id: id, code } of input.body.failures) {
      const lease = this.#leases.find(id)
      if (lease !== undefined && isNever(code)) this.#unit(lease.unit).isHopeless = true
    }
  }

  event({ type, work_unit_id: id, data }: EventDraft): void {
    const isSilent = type === 'node.unavailable' && data['reason'] === 'heartbeats_missed'
    if (isSilent && this.#ports.isQuiet) {
      this.#ports.broken('alive_is_heard', String(data['node']))
    }
    if (id === null) return
    const unit = this.#units.get(id)
    if (unit === undefined) return
    if (type === 'workunit.reopened' || type === 'workunit.doubted') this.#reopened.add(id)
    if (type === 'workunit.queued') {
      unit.isQueued = true
      unit.queuedMs = this.#ports.nowMs()
    } else if (TERMINAL.includes(type)) {
      if (unit.hasEnded || !unit.isQueued)
        this.#ports.broken('one_terminal_event', `${id}: ${type}`)
      unit.hasEnded = true
    } else if (unit.hasEnded && GOING_ON.includes(type) && !this.#ports.checksNodes) {
      this.#ports.broken('nothing_after_the_end', `${id}: ${type}`)
    }
  }

  recorded(content: EntryContent): void {
    if (content.kind === 'units.accepted') {
      for (const { unit, canonical } of content.body.items) {
        if (canonical) this.#haveResults.add(unit)
      }
    }
    if (content.kind === 'units.voided') {
      for (const { lease, reason } of content.body.items) this.#voided(lease, reason)
    }
    if (content.kind !== 'units.reserved') return
    for (const { unit: id } of content.body.items) {
      const unit = this.#unit(id)
      const { checksNodes } = this.#ports
      if (unit.hasEnded && !checksNodes) {
        this.#ports.broken('nothing_after_the_end', `${id} is leased`)
      }
      const packed = this.#leases.unit(id)?.unit
      const missing = packed?.dependencies.find((parent) => !this.#haveResults.has(parent))
      if (missing !== undefined) this.#ports.broken('parents_first', `${id}: before ${missing}`)
      if (packed === undefined || packed.verification.replicas > 1 || checksNodes) continue
      const earlyMs = unit.notBeforeMs - this.#ports.wallMs()
      const isClockTold = this.#ports.sinceClockSetMs() >= LENIENT_MS
      if (earlyMs > 0 && isClockTold) this.#ports.broken('backoff', `${id}: ${earlyMs} ms early`)
      if (unit.failures >= packed.retries.max_attempts) {
        this.#ports.broken('max_attempts', `${id}: after ${unit.failures} failures`)
      }
    }
  }

  outcome(outcome: UnitOutcome): void {
    const { unitId: id, status } = outcome
    if (this.#units.get(id)?.hasEnded !== true)
      this.#ports.broken('one_terminal_event', `${id}: none`)
    if (status === 'success') this.#succeeded(outcome)
    else this.#gaveUp(outcome)
  }

  /** At the end: where nobody stands for a result any more, that was said. */
  finished(nodes: { isAbandoned(unit: UnitId): boolean }): void {
    for (const unit of this.#haveResults) {
      if (this.#reopened.has(unit) || !nodes.isAbandoned(unit)) continue
      this.#ports.broken('abandoned_told', `${unit}: nobody stands for it`)
    }
  }

  /** The control node says all again, and knows no pauses. */
  reopened(): void {
    this.#linked.clear()
    this.#emptySinceMs = null
    for (const unit of this.#units.values()) {
      unit.isQueued = false
      unit.hasEnded = false
      unit.notBeforeMs = 0
      unit.losses += unit.expiries
      unit.failures -= unit.expiries
      unit.expiries = 0
    }
  }

  left(node: PeerId): void {
    this.#linked.delete(node)
    if (this.#linked.size === 0) this.#emptySinceMs ??= this.#ports.nowMs()
  }

  /** Units that nobody was there to run, for longer than they wait, have ended by now. */
  #came(node: PeerId): void {
    const sinceMs = this.#emptySinceMs
    this.#linked.add(node)
    this.#emptySinceMs = null
    if (sinceMs === null) return
    const emptyMs = this.#ports.nowMs() - sinceMs
    for (const [id, unit] of this.#units) {
      if (unit.hasEnded || !unit.isQueued || unit.queuedMs > sinceMs) continue
      const packed = this.#leases.unit(id)?.unit
      if (packed === undefined || packed.dependencies.length > 0) continue
      const isLeased = this.#leases.leasesOf(id).length > 0
      if (!isLeased && emptyMs > packed.timeouts.dispatch_ms + LOOK_MS_MAX) {
        this.#ports.broken('starved_ends', `${id}: nobody for ${emptyMs} ms`)
      }
    }
  }

  #unit(id: UnitId): BookedUnit {
    const known = this.#units.get(id)
    if (known !== undefined) return known
    const unit = {
      submittedMs: this.#ports.wallMs(),
      queuedMs: 0,
      isQueued: false,
      hasEnded: false,
      failures: 0,
      expiries: 0,
      losses: 0,
      isHopeless: false,
      notBeforeMs: 0
    }
    this.#units.set(id, unit)
    return unit
  }

  #voided(id: LeaseId, reason: string): void {
    const lease = this.#leases.find(id)
    if (lease === undefined) return
    const unit = this.#unit(lease.unit)
    const nowMs = this.#ports.wallMs()
    // a node that comes back after the end, and knows nothing of it, is heard before anybody looks
    const heardByMs = Math.max(lease.endsMs, nowMs - this.#ports.ledgerMs)
    const isKnown = lease.disownedMs > heardByMs
    const isFault = nowMs >= lease.endsMs && !this.#leases.isGone(lease.node) && isKnown
    if (reason === 'expired' && !isFault) {
      unit.losses += 1
      return
    }
    if (!['failed', 'timeout', 'rejected', 'expired'].includes(reason)) return
    if (reason === 'expired' && this.#leases.wasThere(lease)) this.#ports.broken('result_heard', id)
    unit.failures += 1
    if (reason === 'expired') unit.expiries += 1
    const backoffMs = this.#leases.unit(lease.unit)?.unit.retries.backoff_ms ?? 0
    const pauseMs = Math.min(BACKOFF_MS_MAX, backoffMs * 2 ** (unit.failures - 1))
    unit.notBeforeMs = this.#ports.wallMs() + pauseMs - this.#ports.ledgerMs
  }

  /** The output is that of results that were paid, of as many owners as the unit asks for. */
  #succeeded({ unitId, finalUnitId, outputCid }: UnitOutcome): void {
    const owners = new Set<string>()
    for (const { state, attestation, node } of this.#leases.leasesOf(finalUnitId)) {
      if (state !== 'accepted' || attestation?.output_cid !== outputCid) continue
      owners.add(this.#leases.ownerOf(node))
    }
    const { mode, replicas } = this.#leases.unit(finalUnitId)?.unit.verification ?? {
      mode: 'none',
      replicas: 1
    }
    const isEnough = mode === 'quorum' ? 2 * owners.size > replicas : owners.size > 0
    if (!isEnough) this.#ports.broken('outcome_borne_out', `${unitId}: by ${owners.size} owners`)
  }

  #gaveUp({ unitId: id, error, stopReason }: UnitOutcome): void {
    const unit = this.#units.get(id)
    const packed = this.#leases.unit(id)?.unit
    if (unit === undefined || packed === undefined) return
    // said again by a control node that began anew
    if (error?.detail === 'before the restart') return
    const { timeouts, retries, verification } = packed
    if (error?.code === 'unit.no_node') {
      const waitedMs = this.#ports.wallMs() - unit.submittedMs
      if (waitedMs < timeouts.dispatch_ms) {
        this.#ports.broken('given_up_early', `${id}: no node after ${waitedMs} ms`)
      }
      const { unableMs } = this.#claims
      if (verification.replicas === 1 && unableMs < timeouts.dispatch_ms - LOOK_MS_MAX) {
        this.#ports.broken('given_up_early', `${id}: somebody was there ${unableMs} ms ago`)
      }
    }
    if (stopReason !== 'retry_exhausted' || unit.isHopeless || verification.replicas > 1) return
    if (unit.failures < retries.max_attempts && unit.losses <= UNIT_LOSSES_MAX) {
      this.#ports.broken('given_up_early', `${id}: after ${unit.failures} failures`)
    }
  }
}

const CODES: Readonly<Record<string, { readonly retry: string }>> = ERROR_CODES
const isNever = (code: string): boolean => CODES[code]?.retry === 'never'
