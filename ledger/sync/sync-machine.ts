/**
 * The sync machine: from what peers say they hold to what is asked of whom. One request per log at a
 * time, the sequencer's log first; answers are applied by the driver, which verifies them. Believes
 * nothing a peer claims beyond asking for it, and drops peers whose claims do not hold.
 */
import {
  assertNever,
  bytesToHex,
  encodeCanonical,
  equalBytes,
  hexToBytes,
  LEDGER_LOGS_MAX,
  type LogId,
  parseLogId,
  SYNC_DIGEST_INTERVAL_MS,
  SYNC_FAULTS_MAX,
  SYNC_HEADS_PER_FRAME,
  SYNC_LATE_MS,
  SYNC_PEERS_MAX,
  SYNC_WANT_TIMEOUT_MS,
  SYNC_WANTS_MAX,
  type SyncFrame,
  sha256
} from '#contracts'
import type { LogHead } from '../ledger.ts'
import { Pace } from './pace.ts'
import type { LinkNumber, SyncCloseReason, SyncEffect, SyncInput } from './sync-steps.ts'

interface Want {
  readonly from: number
  readonly deadlineMs: number
  /** Others may be asked meanwhile; the answer is taken all the same. */
  readonly isLate: boolean
}

interface Peer {
  /** Logs that the peer says it holds further than we do, and how far. */
  readonly claims: Map<LogId, number>
  readonly wants: Map<LogId, Want>
  readonly pace: Pace
  serving: number
  faults: number
}

export interface SyncStart {
  readonly held: readonly LogHead[]
  /** Logs that were found to be in conflict. */
  readonly shunned: readonly LogId[]
  /** The sequencer's log. */
  readonly first: LogId
}

export class SyncMachine {
  readonly #first: LogId
  readonly #held = new Map<LogId, LogHead>()
  readonly #peers = new Map<LinkNumber, Peer>()
  /** Logs that are being asked for or stored, and the link they come by. */
  readonly #busy = new Map<LogId, LinkNumber>()
  readonly #shunned: Set<LogId>
  #digest: Uint8Array | null = null
  #digestsAtMs: number | null = null
  #timerAtMs: number | null = null
  #effects: SyncEffect[] = []

  constructor({ held, shunned, first }: SyncStart) {
    this.#first = first
    this.#shunned = new Set(shunned)
    for (const head of held) this.#held.set(head.log, head)
  }

  step(input: SyncInput): readonly SyncEffect[] {
    this.#effects = []
    this.#take(input)
    this.#wakeUp(input.nowMs)
    return this.#effects
  }

  #take(input: SyncInput): void {
    const { nowMs } = input
    switch (input.type) {
      case 'opened':
        this.#opened(input.link)
        break
      case 'closed':
        this.#forget(input.link, nowMs)
        break
      case 'frame':
        this.#frame(input.link, input.frame, nowMs)
        break
      case 'held':
        this.#held.set(input.head.log, input.head)
        this.#digest = null
        return
      case 'heard':
        this.#heard(input, nowMs)
        break
      case 'served':
        this.#served(input.link)
        break
      case 'applied':
        this.#ended(input.link, input.log, nowMs)
        break
      case 'refused':
        this.#refused(input, nowMs)
        break
      case 'tick':
        this.#tick(nowMs)
        break
      default:
        assertNever(input)
    }
  }

  #opened(link: LinkNumber): void {
    if (this.#peers.size >= SYNC_PEERS_MAX) {
      this.#close(link, 'too_many_peers')
      return
    }
    this.#peers.set(link, {
      claims: new Map(),
      wants: new Map(),
      pace: new Pace(),
      serving: 0,
      faults: 0
    })
    this.#sendDigest(link)
  }

  #frame(link: LinkNumber, frame: SyncFrame, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    switch (frame.t) {
      case 'digest':
        if (equalBytes(frame.digest, this.#ownDigest())) this.#do({ type: 'synced', link })
        else this.#sendHeads(link)
        return
      case 'heads':
        this.#heads(link, peer, frame, nowMs)
        break
      case 'want':
        this.#wanted(link, peer, frame, nowMs)
        break
      case 'bundle':
        this.#bundle(link, peer, frame)
        break
      case 'none':
        this.#none(link, peer, frame, nowMs)
        break
      default:
        assertNever(frame)
    }
  }

  #heads(
    link: LinkNumber,
    peer: Peer,
    frame: Extract<SyncFrame, { t: 'heads' }>,
    nowMs: number
  ): void {
    for (const [logBytes, seq, hash] of frame.heads) {
      const log = logOf(logBytes)
      if (this.#shunned.has(log)) continue
      const held = this.#held.get(log)
      const isOther = held?.seq === seq && !equalBytes(held.hash, hash)
      if (held !== undefined && seq <= held.seq && !isOther) continue
      if (peer.claims.size >= LEDGER_LOGS_MAX) {
        this.#close(link, 'faults')
        return
      }
      peer.claims.set(log, seq)
    }
    this.#ask(link, peer, nowMs)
    if (!frame.more) this.#syncedIfDone(link, peer)
  }

  #wanted(
    link: LinkNumber,
    peer: Peer,
    frame: Extract<SyncFrame, { t: 'want' }>,
    nowMs: number
  ): void {
    if (peer.serving >= SYNC_WANTS_MAX) {
      this.#close(link, 'too_many_requests')
      return
    }
    peer.serving += 1
    const asked = { log: logOf(frame.log), from: frame.from }
    const bytesMax = peer.pace.asked({ ...asked, atMs: nowMs })
    this.#do({ type: 'serve', link, ...asked, bytesMax })
  }

  #none(
    link: LinkNumber,
    peer: Peer,
    frame: Extract<SyncFrame, { t: 'none' }>,
    nowMs: number
  ): void {
    const log = logOf(frame.log)
    if (!peer.wants.has(log)) {
      this.#close(link, 'unasked')
      return
    }
    this.#fault(link, log, nowMs)
    this.#ended(link, log, nowMs)
  }

  #bundle(link: LinkNumber, peer: Peer, frame: Extract<SyncFrame, { t: 'bundle' }>): void {
    const log = logOf(frame.log)
    const want = peer.wants.get(log)
    if (want === undefined || want.from !== frame.from) {
      this.#close(link, 'unasked')
      return
    }
    peer.wants.delete(log)
    // a late one is stored before its peer is asked for more
    if (!this.#busy.has(log)) this.#busy.set(log, link)
    this.#do({ type: 'apply', link, log, head: frame.head, entries: frame.entries })
  }

  #heard(
    { link, log, seq }: { readonly link: LinkNumber; readonly log: LogId; readonly seq: number },
    nowMs: number
  ): void {
    const peer = this.#peers.get(link)
    if (peer === undefined || this.#shunned.has(log)) return
    if (seq <= (this.#held.get(log)?.seq ?? -1)) return
    if (peer.claims.size >= LEDGER_LOGS_MAX) return
    peer.claims.set(log, Math.max(seq, peer.claims.get(log) ?? 0))
    this.#ask(link, peer, nowMs)
  }

  #served(link: LinkNumber): void {
    const peer = this.#peers.get(link)
    if (peer !== undefined) peer.serving -= 1
  }

  /** Asks for what is missing, the sequencer's log before all: it says whose logs are welcome. */
  #ask(link: LinkNumber, peer: Peer, nowMs: number): void {
    const first = peer.claims.get(this.#first)
    if (first !== undefined) this.#askFor(link, peer, { log: this.#first, seq: first }, nowMs)
    if (peer.claims.has(this.#first) && this.#busy.has(this.#first)) return
    for (const [log, seq] of peer.claims) {
      if (peer.wants.size >= SYNC_WANTS_MAX) return
      this.#askFor(link, peer, { log, seq }, nowMs)
    }
  }

  #askFor(
    link: LinkNumber,
    peer: Peer,
    { log, seq }: { readonly log: LogId; readonly seq: number },
    nowMs: number
  ): void {
    if (this.#busy.has(log) || peer.wants.has(log)) return
    if (peer.wants.size >= SYNC_WANTS_MAX) return
    const held = this.#held.get(log)
    if (held !== undefined && seq < held.seq) {
      peer.claims.delete(log)
      return
    }
    // a claim of our own length is of another head: asking for it brings the evidence
    const from = held === undefined ? 0 : Math.min(held.seq + 1, seq)
    this.#busy.set(log, link)
    peer.wants.set(log, { from, deadlineMs: nowMs + SYNC_WANT_TIMEOUT_MS, isLate: false })
    this.#send(link, { v: 1, t: 'want', log: hexToBytes(log), from })
  }

  #refused({ link, log, blame }: Extract<SyncInput, { type: 'refused' }>, nowMs: number): void {
    if (blame === 'author') this.#shun(log)
    else if (blame === 'peer') this.#fault(link, log, nowMs)
    else this.#peers.get(link)?.claims.delete(log)
    this.#ended(link, log, nowMs)
  }

  /** Its author said two things; honest peers may hold either, so it is no longer compared. */
  #shun(log: LogId): void {
    this.#shunned.add(log)
    this.#digest = null
    for (const peer of this.#peers.values()) peer.claims.delete(log)
  }

  /** What was asked of that link has ended: where nobody else is, whoever claims more is asked next. */
  #ended(by: LinkNumber, log: LogId, nowMs: number): void {
    if (this.#busy.get(log) === by) this.#busy.delete(log)
    const held = this.#held.get(log)?.seq ?? -1
    for (const [link, peer] of this.#peers) {
      const claimed = peer.claims.get(log)
      if (claimed === undefined) continue
      if (claimed <= held) peer.claims.delete(log)
      this.#ask(link, peer, nowMs)
      this.#syncedIfDone(link, peer)
    }
  }

  #fault(link: LinkNumber, log: LogId, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    peer.claims.delete(log)
    peer.wants.delete(log)
    peer.faults += 1
    if (peer.faults < SYNC_FAULTS_MAX) return
    this.#close(link, 'faults')
    this.#forget(link, nowMs)
  }

  #forget(link: LinkNumber, nowMs: number): void {
    const peer = this.#peers.get(link)
    this.#peers.delete(link)
    for (const log of peer?.wants.keys() ?? []) this.#ended(link, log, nowMs)
  }

  #tick(nowMs: number): void {
    for (const [link, peer] of this.#peers) this.#overdue(link, peer, nowMs)
    this.#timerAtMs = null
    this.#digestsAtMs ??= nowMs
    if (nowMs < this.#digestsAtMs) return
    this.#digestsAtMs = nowMs + SYNC_DIGEST_INTERVAL_MS
    for (const link of this.#peers.keys()) this.#sendDigest(link)
  }

  /**
   * A stream loses nothing: asked again, a slow link would carry the same once more, behind the first,
   * for ever. So others are asked, and what comes late is taken; what never comes ends the link.
   */
  #overdue(link: LinkNumber, peer: Peer, nowMs: number): void {
    for (const [log, want] of peer.wants) {
      if (want.deadlineMs > nowMs) continue
      if (want.isLate) {
        this.#close(link, 'faults')
        this.#forget(link, nowMs)
        return
      }
      peer.wants.set(log, { ...want, deadlineMs: nowMs + SYNC_LATE_MS, isLate: true })
      this.#ended(link, log, nowMs)
    }
  }

  /** One timer at a time, as fine as a request's patience. */
  #wakeUp(nowMs: number): void {
    if (this.#peers.size === 0 || this.#timerAtMs !== null) return
    this.#digestsAtMs ??= nowMs + SYNC_DIGEST_INTERVAL_MS
    this.#timerAtMs = nowMs + SYNC_WANT_TIMEOUT_MS
    this.#do({ type: 'timer', atMs: this.#timerAtMs })
  }

  #syncedIfDone(link: LinkNumber, peer: Peer): void {
    if (peer.claims.size === 0 && peer.wants.size === 0) this.#do({ type: 'synced', link })
  }

  #sendDigest(link: LinkNumber): void {
    this.#send(link, { v: 1, t: 'digest', digest: this.#ownDigest(), logs: this.#held.size })
  }

  #sendHeads(link: LinkNumber): void {
    const heads = [...this.#held.values()].map(
      ({ log, seq, hash }): [Uint8Array, number, Uint8Array] => [hexToBytes(log), seq, hash]
    )
    for (let at = 0; at === 0 || at < heads.length; at += SYNC_HEADS_PER_FRAME) {
      const page = heads.slice(at, at + SYNC_HEADS_PER_FRAME)
      const more = at + SYNC_HEADS_PER_FRAME < heads.length
      this.#send(link, { v: 1, t: 'heads', heads: page, more })
    }
  }

  #ownDigest(): Uint8Array {
    this.#digest ??= digestOfHeads(
      [...this.#held.values()].filter(({ log }) => !this.#shunned.has(log))
    )
    return this.#digest
  }

  #send(link: LinkNumber, frame: SyncFrame): void {
    this.#do({ type: 'send', link, frame })
  }

  #close(link: LinkNumber, reason: SyncCloseReason): void {
    this.#do({ type: 'close', link, reason })
  }

  #do(effect: SyncEffect): void {
    this.#effects.push(effect)
  }
}

const logOf = (bytes: Uint8Array): LogId => parseLogId(bytesToHex(bytes))

/** SHA-256 over all heads by log: equal exactly where both hold the same. */
function digestOfHeads(heads: readonly LogHead[]): Uint8Array {
  const sorted = heads.toSorted((a, b) => (a.log < b.log ? -1 : 1))
  return sha256(encodeCanonical(sorted.map(({ log, seq, hash }) => [log, seq, hash])))
}
