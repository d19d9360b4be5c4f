/**
 * The part of the sync machine that asks: which peer claims more of a log than is held here, which of them
 * is asked for it, and what becomes of an answer that is late. One request per log at a time, the
 * sequencer's log first. Believes no claim beyond asking for it, and takes nothing that was not asked for.
 */
import {
  hexToBytes,
  LEDGER_LOGS_MAX,
  type LogId,
  SYNC_LATE_MS,
  SYNC_WANT_TIMEOUT_MS,
  SYNC_WANTS_MAX
} from '#contracts'
import { type HeadsFrame, type HeldHeads, logOf } from './held-heads.ts'
import type { LinkNumber, SyncEffect } from './sync-steps.ts'

interface Want {
  readonly from: number
  readonly deadlineMs: number
  /** Others may be asked meanwhile; the answer is taken all the same. */
  readonly isLate: boolean
  /** The peer itself said that it holds that. */
  readonly isSaid: boolean
}

/** How far a peer holds a log: as others let hear, and as it said itself; -1: it said nothing. */
interface Claimed {
  readonly seq: number
  readonly saidSeq: number
}

interface Asked {
  /** Logs that the peer may hold further than we do, and how far. */
  readonly claims: Map<LogId, Claimed>
  readonly wants: Map<LogId, Want>
}

interface Claim {
  readonly log: LogId
  readonly seq: number
}

export interface AskingPorts {
  /** The sequencer's log: it says whose logs are welcome. */
  readonly first: LogId
  readonly held: HeldHeads
  readonly isShunned: (log: LogId) => boolean
  /** Ends a link that brought nothing; `closed` is called before it returns. */
  readonly letGo: (link: LinkNumber, nowMs: number) => void
  readonly act: (effect: SyncEffect) => void
}

export class Asking {
  readonly #ports: AskingPorts
  readonly #peers = new Map<LinkNumber, Asked>()
  /** Logs that are being asked for or stored, and the link they come by. */
  readonly #busy = new Map<LogId, LinkNumber>()

  constructor(ports: AskingPorts) {
    this.#ports = ports
  }

  opened(link: LinkNumber): void {
    this.#peers.set(link, { claims: new Map(), wants: new Map() })
  }

  /** Others are asked for what was asked of this one. */
  closed(link: LinkNumber, nowMs: number): void {
    const peer = this.#peers.get(link)
    this.#peers.delete(link)
    for (const log of peer?.wants.keys() ?? []) this.ended(link, log, nowMs)
  }

  /** A peer says how far it holds each log. */
  claimed(link: LinkNumber, { heads, more }: HeadsFrame, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    for (const [logBytes, seq, hash] of heads) {
      const log = logOf(logBytes)
      if (this.#ports.isShunned(log) || !this.#ports.held.lacks({ log, seq, hash })) continue
      if (peer.claims.size >= LEDGER_LOGS_MAX) {
        this.#ports.act({ type: 'close', link, reason: 'faults' })
        return
      }
      peer.claims.set(log, { seq, saidSeq: seq })
    }
    this.#ask(link, peer, nowMs)
    if (!more) this.#syncedIfDone(link, peer)
  }

  /** A log is heard to go on up to there: what the peer says itself is another matter. */
  heard(link: LinkNumber, { log, seq }: Claim, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined || this.#ports.isShunned(log)) return
    if (seq <= (this.#ports.held.seq(log) ?? -1)) return
    if (peer.claims.size >= LEDGER_LOGS_MAX) return
    const before = peer.claims.get(log) ?? { seq: 0, saidSeq: -1 }
    peer.claims.set(log, { ...before, seq: Math.max(seq, before.seq) })
    this.#ask(link, peer, nowMs)
  }

  isAsked(link: LinkNumber, log: LogId): boolean {
    return this.#peers.get(link)?.wants.has(log) === true
  }

  /** Whether the peer was asked for what it said it has: then not to have it is its fault. */
  isSaid(link: LinkNumber, log: LogId): boolean {
    return this.#peers.get(link)?.wants.get(log)?.isSaid === true
  }

  /** A peer sends entries; false: they were not asked for. */
  answered(link: LinkNumber, log: LogId, from: number): boolean {
    const wants = this.#peers.get(link)?.wants
    if (wants?.get(log)?.from !== from) return false
    wants.delete(log)
    // a late one is stored before its peer is asked for more
    if (!this.#busy.has(log)) this.#busy.set(log, link)
    return true
  }

  /** What the peer claimed of that log is worth nothing. */
  unclaimed(link: LinkNumber, log: LogId): void {
    this.#peers.get(link)?.claims.delete(log)
  }

  /** Nor does what was asked of it come. */
  dropped(link: LinkNumber, log: LogId): void {
    this.unclaimed(link, log)
    this.#peers.get(link)?.wants.delete(log)
  }

  /** Its author said two things: nobody is asked for more of it. */
  shunned(log: LogId): void {
    for (const peer of this.#peers.values()) peer.claims.delete(log)
  }

  /** What was asked of that link has ended: where nobody else is, whoever claims more is asked next. */
  ended(by: LinkNumber, log: LogId, nowMs: number): void {
    if (this.#busy.get(log) === by) this.#busy.delete(log)
    const held = this.#ports.held.seq(log) ?? -1
    for (const [link, peer] of this.#peers) {
      const claimed = peer.claims.get(log)
      if (claimed === undefined) {
        // what else it claims may have waited for this
        if (link === by || log === this.#ports.first) this.#ask(link, peer, nowMs)
        continue
      }
      if (claimed.seq <= held) peer.claims.delete(log)
      this.#ask(link, peer, nowMs)
      this.#syncedIfDone(link, peer)
    }
  }

  /**
   * A stream loses nothing: asked again, a slow link would carry the same once more, behind the first,
   * for ever. So others are asked, and what comes late is taken; what never comes ends the link.
   */
  overdue(nowMs: number): void {
    for (const [link, peer] of this.#peers) this.#overdue(link, peer, nowMs)
  }

  #overdue(link: LinkNumber, peer: Asked, nowMs: number): void {
    for (const [log, want] of peer.wants) {
      if (want.deadlineMs > nowMs) continue
      if (want.isLate) {
        this.#ports.letGo(link, nowMs)
        return
      }
      peer.wants.set(log, { ...want, deadlineMs: nowMs + SYNC_LATE_MS, isLate: true })
      this.ended(link, log, nowMs)
    }
  }

  /** Asks for what is missing, the sequencer's log before all. */
  #ask(link: LinkNumber, peer: Asked, nowMs: number): void {
    const { first } = this.#ports
    const claimed = peer.claims.get(first)
    if (claimed !== undefined) this.#askFor(link, peer, { log: first, ...claimed }, nowMs)
    if (peer.claims.has(first) && this.#busy.has(first)) return
    for (const [log, other] of peer.claims) {
      if (peer.wants.size >= SYNC_WANTS_MAX) return
      this.#askFor(link, peer, { log, ...other }, nowMs)
    }
  }

  #askFor(link: LinkNumber, peer: Asked, claim: Claim & Claimed, nowMs: number): void {
    const { log, seq, saidSeq } = claim
    if (this.#busy.has(log) || peer.wants.has(log)) return
    if (peer.wants.size >= SYNC_WANTS_MAX) return
    const held = this.#ports.held.seq(log)
    if (held !== undefined && seq < held) {
      peer.claims.delete(log)
      return
    }
    // a claim of our own length is of another head: asking for it brings the evidence
    const from = held === undefined ? 0 : Math.min(held + 1, seq)
    this.#busy.set(log, link)
    const deadlineMs = nowMs + SYNC_WANT_TIMEOUT_MS
    peer.wants.set(log, { from, deadlineMs, isLate: false, isSaid: saidSeq >= from })
    const frame = { v: 1, t: 'want', log: hexToBytes(log), from } as const
    this.#ports.act({ type: 'send', link, frame })
  }

  #syncedIfDone(link: LinkNumber, peer: Asked): void {
    if (peer.claims.size === 0 && peer.wants.size === 0) this.#ports.act({ type: 'synced', link })
  }
}
