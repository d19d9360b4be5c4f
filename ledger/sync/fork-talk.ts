/**
 * The part of the sync machine that is about authors who said two things: of whom it is known here, whom
 * that was told, and who is asked to show it of others. Says nothing where nobody forked. Believes no
 * peer: what it shows is checked by the driver, and a log is shunned only after that.
 */
import {
  hexToBytes,
  type LogId,
  SYNC_FORKS_PER_FRAME,
  SYNC_LATE_MS,
  SYNC_WANT_TIMEOUT_MS,
  SYNC_WANTS_MAX,
  type SyncFrame
} from '#contracts'
import { logOf } from './held-heads.ts'
import type { LinkNumber, SyncEffect } from './sync-steps.ts'

interface Asked {
  readonly log: LogId
  readonly deadlineMs: number
  /** Others may be asked meanwhile; the answer is taken all the same. */
  readonly isLate: boolean
}

interface Hearer {
  /** Logs that the peer knows of as well. */
  readonly knows: Set<LogId>
  /** Logs that it can show something of that is not known here. */
  readonly offers: Set<LogId>
  /** What it was asked to show: one after another. */
  asked: Asked | null
  /** What it asked us to show and did not get yet. */
  showing: number
}

export class ForkTalk {
  readonly #do: (effect: SyncEffect) => void
  /** All logs of which nothing more is taken, and those of them that can be shown to peers. */
  readonly #shunned: Set<LogId>
  readonly #provable: Set<LogId>
  readonly #hearers = new Map<LinkNumber, Hearer>()

  constructor(
    { shunned, provable }: { shunned: readonly LogId[]; provable: readonly LogId[] },
    act: (effect: SyncEffect) => void
  ) {
    this.#shunned = new Set(shunned)
    this.#provable = new Set(provable)
    this.#do = act
  }

  has(log: LogId): boolean {
    return this.#shunned.has(log)
  }

  opened(link: LinkNumber): void {
    this.#hearers.set(link, { knows: new Set(), offers: new Set(), asked: null, showing: 0 })
    this.#tell(link, [...this.#provable])
  }

  /** Others are asked for what this one was to show. */
  closed(link: LinkNumber, nowMs: number): void {
    if (this.#hearers.delete(link)) this.#ask(nowMs)
  }

  /** Known from here on. */
  forked(log: LogId, isProvable: boolean): void {
    this.#shunned.add(log)
    for (const hearer of this.#hearers.values()) {
      if (hearer.offers.delete(log)) hearer.knows.add(log)
    }
    if (!isProvable) return
    this.#provable.add(log)
    for (const link of this.#hearers.keys()) this.#tell(link, [log])
  }

  /** A peer names logs; those that are nobody's here were left out. */
  named(link: LinkNumber, logs: readonly Uint8Array[], nowMs: number): void {
    const hearer = this.#hearers.get(link)
    if (hearer === undefined) return
    for (const bytes of logs) {
      const log = logOf(bytes)
      if (this.#shunned.has(log)) hearer.knows.add(log)
      else hearer.offers.add(log)
    }
    this.#ask(nowMs)
  }

  /** A peer wants to see it. */
  wanted(link: LinkNumber, bytes: Uint8Array): void {
    const hearer = this.#hearers.get(link)
    const log = logOf(bytes)
    if (hearer === undefined) return
    if (!this.#provable.has(log)) {
      this.#do({ type: 'close', link, reason: 'unasked' })
    } else if (hearer.showing >= SYNC_WANTS_MAX) {
      this.#do({ type: 'close', link, reason: 'too_many_requests' })
    } else {
      hearer.showing += 1
      this.#do({ type: 'show', link, log })
    }
  }

  /** It was sent. */
  shown(link: LinkNumber): void {
    const hearer = this.#hearers.get(link)
    if (hearer !== undefined) hearer.showing -= 1
  }

  /** A peer shows it. */
  proof(link: LinkNumber, { log: bytes, proof }: Extract<SyncFrame, { t: 'proof' }>): void {
    const hearer = this.#hearers.get(link)
    const log = logOf(bytes)
    if (hearer?.asked?.log !== log) {
      this.#do({ type: 'close', link, reason: 'unasked' })
      return
    }
    // it has come; the store may take its time
    hearer.asked = { log, deadlineMs: Number.POSITIVE_INFINITY, isLate: false }
    this.#do({ type: 'take', link, log, proof })
  }

  /** It was looked at; where it was true, `forked` came before. */
  taken(link: LinkNumber, log: LogId, nowMs: number): void {
    const hearer = this.#hearers.get(link)
    if (hearer !== undefined) {
      hearer.asked = null
      hearer.offers.delete(log)
    }
    this.#ask(nowMs)
  }

  /**
   * Whoever is slow to show it is asked nothing more meanwhile, and others are; what comes late is taken.
   * Gives the peers that did not show it late either.
   */
  overdue(nowMs: number): readonly LinkNumber[] {
    const over: LinkNumber[] = []
    for (const [link, hearer] of this.#hearers) {
      const { asked } = hearer
      if (asked === null || asked.deadlineMs > nowMs) continue
      if (asked.isLate) over.push(link)
      else hearer.asked = { ...asked, deadlineMs: nowMs + SYNC_LATE_MS, isLate: true }
    }
    this.#ask(nowMs)
    return over
  }

  /** Who has not said that it knows may have had no use for it yet. */
  remind(): void {
    for (const [link, { knows }] of this.#hearers) {
      this.#tell(
        link,
        [...this.#provable].filter((log) => !knows.has(log))
      )
    }
  }

  #tell(link: LinkNumber, logs: readonly LogId[]): void {
    for (let at = 0; at < logs.length; at += SYNC_FORKS_PER_FRAME) {
      const page = logs.slice(at, at + SYNC_FORKS_PER_FRAME).map(hexToBytes)
      this.#do({ type: 'send', link, frame: { v: 1, t: 'forks', logs: page } })
    }
  }

  /** Nobody is asked for what another was asked for and may still show in time. */
  #ask(nowMs: number): void {
    const asked = new Set<LogId>()
    for (const hearer of this.#hearers.values()) {
      if (hearer.asked !== null && !hearer.asked.isLate) asked.add(hearer.asked.log)
    }
    for (const [link, hearer] of this.#hearers) {
      if (hearer.asked !== null) continue
      const log = [...hearer.offers].find((one) => !asked.has(one))
      if (log === undefined) continue
      asked.add(log)
      hearer.asked = { log, deadlineMs: nowMs + SYNC_WANT_TIMEOUT_MS, isLate: false }
      this.#do({ type: 'send', link, frame: { v: 1, t: 'prove', log: hexToBytes(log) } })
    }
  }
}
