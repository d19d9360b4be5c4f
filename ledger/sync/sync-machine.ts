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
  SYNC_PEERS_MAX,
  SYNC_WANT_TIMEOUT_MS,
  SYNC_WANTS_MAX,
  type SyncFrame,
  sha256
} from '#contracts'
import type { LogHead } from '../ledger.ts'
import { ForkTalk } from './fork-talk.ts'
import type { LinkNumber, SyncCloseReason, SyncEffect, SyncInput } from './sync-steps.ts'

interface Want {
  readonly from: number
  readonly deadlineMs: number
}

interface Peer {
  /** Logs that the peer says it holds further than we do, and how far. */
  readonly claims: Map<LogId, number>
  readonly wants: Map<LogId, Want>
  serving: number
  faults: number
}

export interface SyncStart {
  readonly held: readonly LogHead[]
  /** Logs whose authors said two things, and those of them that can be shown to peers. */
  readonly shunned: readonly LogId[]
  readonly provable: readonly LogId[]
  /** The sequencer's log. */
  readonly first: LogId
}

export class SyncMachine {
  readonly #first: LogId
  readonly #held = new Map<LogId, LogHead>()
  readonly #peers = new Map<LinkNumber, Peer>()
  /** Logs that are being asked for or stored, and the link they come by. */
  readonly #busy = new Map<LogId, LinkNumber>()
  readonly #forks: ForkTalk
  #digest: Uint8Array | null = null
  #digestsAtMs: number | null = null
  #timerAtMs: number | null = null
  #effects: SyncEffect[] = []

  constructor({ held, shunned, provable, first }: SyncStart) {
    this.#first = first
    this.#forks = new ForkTalk({ shunned, provable }, (effect) => this.#do(effect))
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
        this.#ended(input.log, nowMs)
        break
      case 'refused':
        this.#refused(input, nowMs)
        break
      case 'forked':
        this.#forked(input.log, input.isProvable)
        break
      case 'shown':
        this.#forks.shown(input.link)
        break
      case 'taken':
        this.#forks.taken(input.link, input.log, nowMs)
        if (input.isPeersFault) this.#blame(input.link, nowMs)
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
    this.#peers.set(link, { claims: new Map(), wants: new Map(), serving: 0, faults: 0 })
    this.#sendDigest(link)
    this.#forks.opened(link)
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
        this.#wanted(link, peer, frame)
        break
      case 'bundle':
        this.#bundle(link, peer, frame)
        break
      case 'none':
        this.#none(link, peer, frame, nowMs)
        break
      case 'forks':
        this.#forks.named(link, frame.logs, nowMs)
        break
      case 'prove':
        this.#forks.wanted(link, frame.log)
        break
      case 'proof':
        this.#forks.proof(link, frame)
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
      if (this.#forks.has(log)) continue
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

  #wanted(link: LinkNumber, peer: Peer, frame: Extract<SyncFrame, { t: 'want' }>): void {
    if (peer.serving >= SYNC_WANTS_MAX) {
      this.#close(link, 'too_many_requests')
      return
    }
    peer.serving += 1
    this.#do({ type: 'serve', link, log: logOf(frame.log), from: frame.from })
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
    this.#ended(log, nowMs)
  }

  #bundle(link: LinkNumber, peer: Peer, frame: Extract<SyncFrame, { t: 'bundle' }>): void {
    const log = logOf(frame.log)
    const want = peer.wants.get(log)
    if (want === undefined || want.from !== frame.from) {
      this.#close(link, 'unasked')
      return
    }
    peer.wants.delete(log)
    this.#do({ type: 'apply', link, log, head: frame.head, entries: frame.entries })
  }

  #heard(
    { link, log, seq }: { readonly link: LinkNumber; readonly log: LogId; readonly seq: number },
    nowMs: number
  ): void {
    const peer = this.#peers.get(link)
    if (peer === undefined || this.#forks.has(log)) return
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
    if (this.#busy.has(log)) return
    const held = this.#held.get(log)
    if (held !== undefined && seq < held.seq) {
      peer.claims.delete(log)
      return
    }
    // a claim of our own length is of another head: asking for it brings the evidence
    const from = held === undefined ? 0 : Math.min(held.seq + 1, seq)
    this.#busy.set(log, link)
    peer.wants.set(log, { from, deadlineMs: nowMs + SYNC_WANT_TIMEOUT_MS })
    this.#send(link, { v: 1, t: 'want', log: hexToBytes(log), from })
  }

  #refused(
    { link, log, isPeersFault }: Extract<SyncInput, { type: 'refused' }>,
    nowMs: number
  ): void {
    if (isPeersFault) this.#fault(link, log, nowMs)
    else this.#peers.get(link)?.claims.delete(log)
    this.#ended(log, nowMs)
  }

  /** Its author said two things; honest peers may hold either, so it is no longer compared. */
  #forked(log: LogId, isProvable: boolean): void {
    this.#forks.forked(log, isProvable)
    this.#digest = null
    for (const peer of this.#peers.values()) peer.claims.delete(log)
  }

  /** A log is free again: whoever claims more of it is asked next. */
  #ended(log: LogId, nowMs: number): void {
    this.#busy.delete(log)
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
    this.#blame(link, nowMs)
  }

  #blame(link: LinkNumber, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    peer.faults += 1
    if (peer.faults < SYNC_FAULTS_MAX) return
    this.#close(link, 'faults')
    this.#forget(link, nowMs)
  }

  #forget(link: LinkNumber, nowMs: number): void {
    const peer = this.#peers.get(link)
    this.#peers.delete(link)
    this.#forks.closed(link, nowMs)
    for (const log of peer?.wants.keys() ?? []) this.#ended(log, nowMs)
  }

  #tick(nowMs: number): void {
    for (const [link, peer] of this.#peers) {
      for (const [log, { deadlineMs }] of peer.wants) {
        if (deadlineMs > nowMs) continue
        this.#fault(link, log, nowMs)
        this.#ended(log, nowMs)
      }
    }
    for (const link of this.#forks.late(nowMs)) this.#blame(link, nowMs)
    this.#timerAtMs = null
    this.#digestsAtMs ??= nowMs
    if (nowMs < this.#digestsAtMs) return
    this.#digestsAtMs = nowMs + SYNC_DIGEST_INTERVAL_MS
    for (const link of this.#peers.keys()) this.#sendDigest(link)
    this.#forks.remind()
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
      [...this.#held.values()].filter(({ log }) => !this.#forks.has(log))
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
