/**
 * Pay that is held until checks clear it: who earned what, what becomes final, and what goes back when
 * a node is convicted. Says which units have nobody left who stands for them; runs nothing again.
 */
import { assert, type Genesis, type PeerId, type SessionId, type UnitId } from '#contracts'
import { ATTEMPT } from './attempts.ts'
import type { Money } from './money.ts'
import { PROBATION_DEFAULTS, probationSettingsOf } from './probation.ts'
import { ProbationBook } from './probation-book.ts'
import type { SessionRow, Sessions } from './sessions.ts'
import type { TrustFold, TrustOutcome } from './trust.ts'

const DISAGREED: TrustOutcome = { type: 'faulted', fault: 'disagreed' }

/** A unit for whose result nobody stands any more: its node was convicted. */
export interface Reopening {
  readonly seq: number
  readonly session: SessionId
  readonly unit: UnitId
  /** The convicted. */
  readonly node: PeerId
  /** The session was open: the unit can be done again. Else its output was delivered, and is in doubt. */
  readonly isOpen: boolean
}

/** Pay of an accepted attempt that went back to its tenant. */
export interface ReturnedPay {
  readonly session: SessionId
  readonly unit: UnitId
  readonly attempt: number
}

interface Owed {
  readonly seq: number
  readonly node: PeerId
  readonly unit: UnitId
  readonly row: number
  readonly isAgain: boolean
}

export class Escrow {
  readonly book: ProbationBook
  readonly #trust: TrustFold
  readonly #reopenings: Reopening[] = []
  readonly #returned: ReturnedPay[] = []
  #held: { readonly money: Money; readonly sessions: Sessions } | null = null

  constructor({ policies, zones }: Genesis, trust: TrustFold) {
    const { trust_settings: told } = policies
    this.#trust = trust
    this.book = new ProbationBook({
      settings: told === undefined ? PROBATION_DEFAULTS : probationSettingsOf(told),
      trusted: new Set(zones['trusted'] ?? []),
      onFinal: (unit, nodes) => this.#final(unit, nodes),
      isFinal: (unit) => this.#isFinal(unit)
    })
  }

  /** Where the pay is. */
  watch(money: Money, sessions: Sessions): void {
    this.#held = { money, sessions }
  }

  /** Whether the node's pay waits here. */
  holds(node: PeerId): boolean {
    return !this.book.isTrusted(node)
  }

  /** Units whose results lost their last support, from that count on. */
  reopenings(from: number): readonly Reopening[] {
    return from >= this.#reopenings.length ? NONE : this.#reopenings.slice(from)
  }

  /** Pay that went back, from that count on. */
  returned(from: number): readonly ReturnedPay[] {
    return from >= this.#returned.length ? NONE : this.#returned.slice(from)
  }

  accepted(
    seq: number,
    node: PeerId,
    { unit, canonical }: { readonly unit: UnitId; readonly canonical: boolean }
  ): void {
    this.book.accepted(node, unit, canonical)
    this.#noteScores(seq)
  }

  /** Other results refute what was accepted in this row, and is not final. */
  withdrawn(seq: number, session: SessionRow, row: number, stands: boolean): void {
    const { money } = this.#books
    const { attempts } = money
    const unit = attempts.units[row]
    assert(unit !== undefined, 'every row has its unit')
    const node = money.nodeOf(row)
    const isHeld = attempts.state(row) === ATTEMPT.held
    const didStand = attempts.isCanonical(unit, row)
    if (isHeld) this.#payBack(session, unit, row)
    if (!stands) {
      attempts.withdraw(unit, row)
      if (didStand) this.book.reopened()
    }
    // what went back before was its node's conviction already
    if (!isHeld) return
    this.#trust.record(node, DISAGREED, seq)
    this.refuted(seq, node, unit, true)
  }

  /** A conviction takes back what is not final; what nobody else stands for is open again. */
  refuted(seq: number, node: PeerId, unit: UnitId, wasAccepted: boolean): void {
    const { money } = this.#books
    const { owed, again } = this.book.refuted(node, unit, wasAccepted)
    for (const unit of owed) {
      for (const { row } of money.heldRowsOf(unit).filter((held) => held.node === node)) {
        this.#takeBack({ seq, node, unit, row, isAgain: again.has(unit) })
      }
    }
    this.#noteScores(seq)
  }

  #takeBack({ seq, node, unit, row, isAgain }: Owed): void {
    const { money, sessions } = this.#books
    const session = sessions.at(money.attempts.session(row))
    this.#payBack(session, unit, row)
    // the last who stood for it need not be the one whose result is the unit's
    if (!isAgain || !money.attempts.hasCanonical(unit)) return
    if (this.#isFinal(unit)) return
    const isOpen = session.state === 'running'
    this.#reopenings.push({ seq, session: session.body.session, unit, node, isOpen })
  }

  #payBack(session: SessionRow, unit: UnitId, row: number): void {
    const { money } = this.#books
    money.takeBack(session, row)
    const attempt = money.attempts.attempt(row)
    this.#returned.push({ session: session.body.session, unit, attempt })
  }

  #isFinal(unit: UnitId): boolean {
    const { attempts } = this.#books.money
    return attempts.rowsOf(unit).some((row) => attempts.state(row) === ATTEMPT.posted)
  }

  #final(unit: UnitId, nodes: readonly PeerId[]): void {
    const { money } = this.#books
    for (const { row, node } of money.heldRowsOf(unit)) {
      if (nodes.includes(node)) money.release(row)
    }
  }

  #noteScores(seq: number): void {
    for (const { node, scoreMilli, rule } of this.book.takeChanges()) {
      this.#trust.setScore(node, scoreMilli, rule, seq)
    }
  }

  get #books(): { readonly money: Money; readonly sessions: Sessions } {
    assert(this.#held !== null, 'pay is held somewhere before anything is accepted')
    return this.#held
  }
}

const NONE: readonly never[] = []
