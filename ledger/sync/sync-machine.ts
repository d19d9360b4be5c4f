/**
 * The sync machine: what a peer says is compared with what is held, answered, and handed to those who
 * ask for more and who talk of forks; answers are applied by the driver, which verifies them. Believes
 * nothing a peer claims beyond asking for it, and drops peers whose claims do not hold.
 */
import {
  assertNever,
  equalBytes,
  type LogId,
  SYNC_DIGEST_INTERVAL_MS,
  SYNC_FAULTS_MAX,
  SYNC_PEERS_MAX,
  SYNC_WANT_TIMEOUT_MS,
  SYNC_WANTS_MAX,
  type SyncFrame
} from '#contracts'
import type { LogHead } from '../ledger.ts'
import { Asking } from './asking.ts'
import { ForkTalk } from './fork-talk.ts'
import { HeldHeads, logOf } from './held-heads.ts'
import { Pace } from './pace.ts'
import type { LinkNumber, SyncCloseReason, SyncEffect, SyncInput } from './sync-steps.ts'

interface Peer {
  readonly pace: Pace
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
  readonly #peers = new Map<LinkNumber, Peer>()
  readonly #held: HeldHeads
  readonly #asking: Asking
  readonly #forks: ForkTalk
  #digestsAtMs: number | null = null
  #timerAtMs: number | null = null
  #effects: SyncEffect[] = []

  constructor({ held, shunned, provable, first }: SyncStart) {
    const act = (effect: SyncEffect): void => this.#do(effect)
    const isShunned = (log: LogId): boolean => this.#forks.has(log)
    this.#forks = new ForkTalk({ shunned, provable }, act)
    this.#held = new HeldHeads(held, isShunned)
    this.#asking = new Asking({
      first,
      held: this.#held,
      isShunned,
      letGo: (link, nowMs) => this.#letGo(link, nowMs),
      act
    })
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
        this.#held.set(input.head)
        break
      case 'heard':
        this.#asking.heard(input.link, input, nowMs)
        break
      case 'served':
        this.#served(input.link)
        break
      case 'applied':
        this.#asking.ended(input.link, input.log, nowMs)
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
    this.#peers.set(link, { pace: new Pace(), serving: 0, faults: 0 })
    this.#asking.opened(link)
    this.#sendDigest(link)
    this.#forks.opened(link)
  }

  #frame(link: LinkNumber, frame: SyncFrame, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    switch (frame.t) {
      case 'digest':
        if (equalBytes(frame.digest, this.#held.digest())) this.#do({ type: 'synced', link })
        else for (const page of this.#held.pages()) this.#send(link, page)
        break
      case 'heads':
        this.#asking.claimed(link, frame, nowMs)
        break
      case 'want':
        this.#wanted(link, peer, frame, nowMs)
        break
      case 'bundle':
        this.#bundle(link, frame)
        break
      case 'none':
        this.#none(link, logOf(frame.log), nowMs)
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

  #served(link: LinkNumber): void {
    const peer = this.#peers.get(link)
    if (peer !== undefined) peer.serving -= 1
  }

  #bundle(link: LinkNumber, frame: Extract<SyncFrame, { t: 'bundle' }>): void {
    const log = logOf(frame.log)
    if (!this.#asking.answered(link, log, frame.from)) this.#close(link, 'unasked')
    else
      this.#do({
        type: 'apply',
        link,
        log,
        from: frame.from,
        head: frame.head,
        entries: frame.entries
      })
  }

  /** It has not what it said it had, or what only others were heard to have. */
  #none(link: LinkNumber, log: LogId, nowMs: number): void {
    if (!this.#asking.isAsked(link, log)) {
      this.#close(link, 'unasked')
      return
    }
    if (this.#asking.isSaid(link, log)) this.#fault(link, log, nowMs)
    else this.#asking.dropped(link, log)
    this.#asking.ended(link, log, nowMs)
  }

  #refused(
    { link, log, isPeersFault }: Extract<SyncInput, { type: 'refused' }>,
    nowMs: number
  ): void {
    if (isPeersFault) this.#fault(link, log, nowMs)
    else this.#asking.unclaimed(link, log)
    this.#asking.ended(link, log, nowMs)
  }

  /** Its author said two things; honest peers may hold either, so it is no longer compared. */
  #forked(log: LogId, isProvable: boolean): void {
    this.#forks.forked(log, isProvable)
    this.#held.shunned()
    this.#asking.shunned(log)
  }

  #fault(link: LinkNumber, log: LogId, nowMs: number): void {
    this.#asking.dropped(link, log)
    this.#blame(link, nowMs)
  }

  #blame(link: LinkNumber, nowMs: number): void {
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    peer.faults += 1
    if (peer.faults >= SYNC_FAULTS_MAX) this.#letGo(link, nowMs)
  }

  #letGo(link: LinkNumber, nowMs: number): void {
    this.#close(link, 'faults')
    this.#forget(link, nowMs)
  }

  #forget(link: LinkNumber, nowMs: number): void {
    this.#peers.delete(link)
    this.#forks.closed(link, nowMs)
    this.#asking.closed(link, nowMs)
  }

  #tick(nowMs: number): void {
    this.#asking.overdue(nowMs)
    for (const link of this.#forks.overdue(nowMs)) this.#letGo(link, nowMs)
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

  #sendDigest(link: LinkNumber): void {
    const digest = this.#held.digest()
    this.#send(link, { v: 1, t: 'digest', digest, logs: this.#held.count })
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
