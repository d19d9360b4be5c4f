/**
 * The rules that hold in every run, whatever goes wrong in it, looked at as things happen. Each keeps
 * its own books from what goes into the machines and comes out of them, and believes none of them.
 */
import {
  AssertionFailure,
  assert,
  type EntryContent,
  type PeerId,
  type SessionId,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import type { LedgerFold } from '#ledger'
import type { GatewayEffect, GatewayInput, GatewaySizes, GatewaySnapshot } from '#mesh-node/core'
import type { BookPorts, Broken } from '../checks/book.ts'
import { ClaimBook } from '../checks/claim-book.ts'
import { LeaseBook } from '../checks/lease-book.ts'
import { MoneyBook } from '../checks/money-book.ts'
import { RestBook } from '../checks/rest-book.ts'
import { RunBook } from '../checks/run-book.ts'
import { checkBounds, checkForgotten } from '../checks/size-rules.ts'
import { UnitBook } from '../checks/unit-book.ts'
import type { Violation } from './report.ts'
import { EPOCH_MS } from './virtual-time.ts'

/** Violations that are kept: one is enough to fail, and a flood tells no more. */
const KEPT_MAX = 100
/** A sum over all accounts, in a large mesh: not after every record. */
const ACCOUNTS_MANY = 200
const SUMMED_EVERY = 64

/** What an attempt of a unit holds of the tenant's money. */
type Hold = 'reserved' | 'accepted' | 'voided'

export interface ChecksOptions {
  /** Milliseconds of the run. */
  readonly nowMs: () => number
  /** What the control node takes the time to be: leases are counted by it. */
  readonly gatewayMs?: () => number
  /** What a write of the ledger takes. */
  readonly ledgerMs?: number
  /** The mesh has its nodes' results compared though a graph asks for one. */
  readonly checksNodes?: boolean
  /** Nothing keeps a word of a node that is linked from the gateway for long. */
  readonly isQuiet?: boolean
  readonly isHonest?: (node: PeerId) => boolean
}

export class Checks {
  readonly violations: Violation[] = []
  readonly runs: RunBook
  readonly rests: RestBook
  readonly #nowMs: () => number
  readonly #leases: LeaseBook
  readonly #claims: ClaimBook
  readonly #units: UnitBook
  readonly #money: MoneyBook
  readonly #outcomes = new Map<UnitId, UnitOutcome>()
  /** Since the control node began anew: it says each end again, and only once. */
  readonly #said = new Set<UnitId>()
  /** Another result is in the ledger, and it may be that nobody was told of it before a crash. */
  readonly #replaced = new Set<UnitId>()
  readonly #holds = new Map<string, Hold>()
  readonly #nodes = new Set<PeerId>()
  #clockSetMs = Number.NEGATIVE_INFINITY
  #folds = 0

  constructor({
    nowMs,
    gatewayMs = () => EPOCH_MS + nowMs(),
    ledgerMs = 0,
    checksNodes = false,
    isQuiet = false,
    isHonest = () => false
  }: ChecksOptions) {
    this.#nowMs = nowMs
    const ports: BookPorts = {
      wallMs: gatewayMs,
      nowMs,
      sinceClockSetMs: () => nowMs() - this.#clockSetMs,
      isQuiet,
      isHonest,
      broken: (rule, detail) => this.#broken(rule, detail),
      ledgerMs,
      checksNodes
    }
    this.#leases = new LeaseBook(ports)
    this.#claims = new ClaimBook(ports)
    this.#units = new UnitBook(ports, { leases: this.#leases, claims: this.#claims })
    this.#money = new MoneyBook(ports, this.#leases)
    this.runs = new RunBook(ports, this.#leases)
    this.rests = new RestBook(ports)
  }

  get ended(): number {
    return this.#said.size
  }
  outcomes(): Iterable<UnitOutcome> {
    return this.#outcomes.values()
  }

  /** The gateway takes this now. */
  took(input: GatewayInput): void {
    // most inputs are; the other books have no word of them
    if (input.type === 'heartbeat') {
      this.#units.took(input)
      this.rests.took(input)
      return
    }
    this.#leases.took(input)
    this.#claims.took(input)
    this.#units.took(input)
    this.#money.took(input)
    this.rests.took(input)
  }

  /** The gateway's word is carried out; what it records was recorded before. */
  performed(effect: GatewayEffect): void {
    if (effect.type === 'send') this.#leases.sent(effect.node, effect.frame)
    if (effect.type === 'drop') {
      this.#units.left(effect.node)
      this.#claims.left(effect.node)
    }
    if (effect.type === 'event') {
      this.#units.event(effect.event)
      this.#claims.event(effect.event)
    }
    if (effect.type === 'outcome') this.#outcome(effect.outcome)
    if (effect.type === 'corrected') this.#corrected(effect.outcome)
  }

  /** Each unit ends once; a control node that began anew says the same of it again. */
  #outcome(outcome: UnitOutcome): void {
    const { unitId, status, outputCid } = outcome
    const before = this.#outcomes.get(unitId)
    const isSame = before?.status === status && before.outputCid === outputCid
    if (this.#said.has(unitId)) this.#broken('one_end', unitId)
    else if (before !== undefined && !isSame && !this.#replaced.has(unitId)) {
      this.#broken('one_end', `${unitId}: ${before.status}, and ${status} after a restart`)
    }
    this.#said.add(unitId)
    this.#replaced.delete(unitId)
    this.#outcomes.set(unitId, outcome)
    this.#units.outcome(outcome)
  }

  /** Another result stands for a unit that had one. */
  #corrected(outcome: UnitOutcome): void {
    if (!this.#said.has(outcome.unitId)) this.#broken('one_end', `${outcome.unitId}: none yet`)
    this.#replaced.delete(outcome.unitId)
    this.#outcomes.set(outcome.unitId, outcome)
    this.#units.outcome(outcome)
  }

  /** Damage is told by the product before it goes on from it; null: it was not. */
  damaged(damage: string, code: string | null): void {
    if (code === null) this.#broken('damage_told', damage)
  }

  /** Some machine's clock was set. */
  clockSet(): void {
    this.#clockSetMs = this.#nowMs()
  }

  /** What is folded from the disk is what was in memory. */
  reopened(isSame: boolean): void {
    if (!isSame) this.#broken('same_from_disk', 'the disk gives another state')
    this.#said.clear()
    this.#leases.reopened()
    this.#claims.reopened()
    this.#units.reopened()
  }

  /** An attempt reserves once, and is then paid once or given back once. */
  recorded(content: EntryContent): void {
    this.#leases.recorded(content)
    this.#claims.recorded(content)
    this.#units.recorded(content)
    this.#money.recorded(content)
    switch (content.kind) {
      case 'node.registered':
        this.#nodes.add(content.body.node)
        break
      case 'units.reserved':
        for (const item of content.body.items) {
          this.#move(item, undefined, 'reserved')
          this.rests.reserved(item.node)
        }
        break
      case 'units.accepted':
        for (const item of content.body.items) this.#move(item, 'reserved', 'accepted')
        break
      case 'units.voided':
        for (const item of content.body.items) this.#move(item, 'reserved', 'voided')
        break
      case 'units.withdrawn':
        for (const { unit, stands } of content.body.items) if (!stands) this.#replaced.add(unit)
        break
      default:
        break
    }
  }

  /** Credits sum to zero, and the fold takes all that the gateway records and comes to our sums. */
  folded(fold: LedgerFold, session: SessionId): void {
    this.#folds += 1
    if (this.#nodes.size <= ACCOUNTS_MANY || this.#folds % SUMMED_EVERY === 0) this.#sums(fold)
    this.#money.folded(fold, session)
    const latest = fold.rejections().at(-1)
    if (latest !== undefined) this.#broken('fold_takes_all', JSON.stringify(latest))
  }

  /** Every honest host has every honest message in time. */
  undelivered(detail: string): void {
    this.#broken('delivered', detail)
  }

  /** At the end: every unit has ended, and nothing is held for any. */
  finished(units: number): void {
    if (this.#said.size !== units) {
      this.#broken('all_end', `${this.#said.size} of ${units} units have ended`)
    }
    let open = 0
    for (const hold of this.#holds.values()) if (hold === 'reserved') open += 1
    if (open > 0) this.#broken('nothing_held', `${open} attempts still hold credit`)
  }

  /** What the gateway keeps is within its limits, and its sums are those of the books. */
  looked(snapshot: GatewaySnapshot, sizes: GatewaySizes): void {
    const broken: Broken = (rule, detail) => this.#broken(rule, detail)
    checkBounds(sizes, broken)
    for (const session of snapshot.sessions) this.#money.booked(session)
  }

  /** What others found. */
  found(rule: string, detail: string): void {
    this.#broken(rule, detail)
  }

  /** The only session is over. */
  closed(sizes: GatewaySizes): void {
    checkForgotten(sizes, (rule, detail) => this.#broken(rule, detail))
  }

  /** Nodes that could reach the gateway for long are linked to it. */
  apart(nodes: readonly PeerId[]): void {
    const [first] = nodes
    if (first !== undefined) this.#broken('everybody_back', `${nodes.length} are not: ${first}`)
  }

  /** At the end: results for which nobody stands any more were named. */
  abandoned(nodes: { isAbandoned(unit: UnitId): boolean }): void {
    this.#units.finished(nodes)
  }

  /** At the end, of the whole state. */
  settled(fold: LedgerFold): void {
    this.runs.finished()
    if (fold.probation !== null) this.abandoned(fold.probation)
    this.#sums(fold)
    this.#money.finished(fold)
  }

  #sums(fold: LedgerFold): void {
    try {
      fold.assertBalanced()
    } catch (error) {
      if (!(error instanceof AssertionFailure)) throw error
      this.#broken('sum_zero', error.message)
    }
  }

  #move(
    item: { readonly unit: UnitId; readonly attempt: number },
    from: Hold | undefined,
    to: Hold
  ): void {
    const key = `${item.unit} ${item.attempt}`
    const was = this.#holds.get(key)
    if (was !== from) this.#broken('one_payment', `${key}: ${was ?? 'nothing'} became ${to}`)
    this.#holds.set(key, to)
  }

  #broken(rule: string, detail: string): void {
    assert(rule.length > 0, 'a rule has a name')
    if (this.violations.length >= KEPT_MAX) return
    this.violations.push({ rule, at_ms: this.#nowMs(), detail })
  }
}
