/**
 * The policy `probation` at work in the fold: whose results were confirmed and whose refuted, what is
 * final and what must be done again, and the score that follows, with the reason for every change.
 * Integers alone; it moves no money and places no work. The scheduler reads it and works without it.
 */
import { assert, type PeerId, type UnitId } from '#contracts'
import type { ProbationSettings, Stage } from './probation.ts'
import { Standings } from './standing.ts'

/** Scores in thousandths: where a newcomer begins, where a proven node begins, and the rest between. */
const SCORE_NEW = 500
const SCORE_PROVEN = 750
const SCORE_SUSPECT = 250
const SCORE_TOP = 1000

/** Why a score changed. */
export type ProbationRule =
  | 'probation.confirmed'
  | 'probation.taken_alone'
  | 'probation.proven'
  | 'probation.due'
  | 'probation.refuted'
  | 'probation.convicted'
  | 'probation.cleared'
  | `probation.mood_${Stage}`

export interface ScoreChange {
  readonly node: PeerId
  readonly scoreMilli: number
  readonly rule: ProbationRule
}

/** What a refuted result leads to. */
export interface Refutation {
  /** Results of the convicted that were not final: their pay goes back. */
  readonly owed: readonly UnitId[]
  /** Of those, the ones for which nobody else stands. */
  readonly again: ReadonlySet<UnitId>
}

const NOTHING: Refutation = { owed: [], again: new Set() }

export interface ProbationOptions {
  readonly settings: ProbationSettings
  /** Nodes of the operator: their word is taken, and their pay is theirs at once. */
  readonly trusted: ReadonlySet<string>
  /** The unit's result is final, for all who gave it. */
  readonly onFinal: (unit: UnitId, supporters: readonly PeerId[]) => void
  /** Somebody's pay for the unit is its own for good. */
  readonly isFinal: (unit: UnitId) => boolean
}

/** What the scheduler may read. */
export type ProbationView = Pick<
  ProbationBook,
  | 'suspects'
  | 'residualPerMille'
  | 'isTrusted'
  | 'isProven'
  | 'isSuspect'
  | 'convictions'
  | 'convictionsOf'
  | 'turnOf'
  | 'needsOf'
  | 'mayCheck'
  | 'pastToCheck'
  | 'isAbandoned'
  | 'isFinal'
  | 'finalAfter'
>

export class ProbationBook {
  readonly #trusted: ReadonlySet<string>
  readonly #standings: Standings<UnitId>
  readonly #settings: ProbationSettings
  readonly #isFinal: (unit: UnitId) => boolean
  readonly #numbers = new Map<PeerId, number>()
  readonly #peers: PeerId[] = []
  /** As of the last change that was noted. */
  readonly #seen: Seen[] = []
  #changes: ScoreChange[] = []
  #executions = 0
  #units = 0
  #convictions = 0

  constructor({ settings, trusted, onFinal, isFinal }: ProbationOptions) {
    this.#settings = settings
    this.#isFinal = isFinal
    this.#trusted = trusted
    this.#standings = new Standings(settings, (unit, supporters) => {
      onFinal(
        unit,
        supporters.map((number) => this.#peer(number))
      )
    })
  }

  get stage(): Stage {
    return this.#standings.stage
  }

  /** Suspects are tested past the budget. */
  get suspects(): number {
    return this.#standings.suspects
  }

  /** Of a thousand results of proven nodes, so many are checked all the same. */
  get residualPerMille(): number {
    return this.#settings[this.stage].residualPerMille
  }

  /** A node of the operator's own. */
  isTrusted(node: PeerId): boolean {
    return this.#trusted.has(node)
  }

  /** Whether the node's word alone is taken; false of nodes that nobody knows. */
  isProven(node: PeerId): boolean {
    const number = this.#numbers.get(node)
    return this.isTrusted(node) || (number !== undefined && this.#standings.isProven(number))
  }

  isSuspect(node: PeerId): boolean {
    const number = this.#numbers.get(node)
    return number !== undefined && this.#standings.isSuspect(number)
  }

  /** Of all nodes together. */
  get convictions(): number {
    return this.#convictions
  }

  convictionsOf(node: PeerId): number {
    const number = this.#numbers.get(node)
    return number === undefined ? 0 : this.#standings.convictionsOf(number)
  }

  /** Whose turn it is to be checked, the lowest first. */
  turnOf(node: PeerId): number {
    const number = this.#numbers.get(node)
    return number === undefined
      ? this.#settings[this.stage].passesFirst
      : this.#standings.turnOf(number)
  }

  /** Checks that it must still pass before its word is taken. */
  needsOf(node: PeerId): number {
    const number = this.#numbers.get(node)
    return number === undefined
      ? this.#settings[this.stage].passesFirst
      : this.#standings.needsOf(number)
  }

  /** Checks that it must pass until its first held result is final, and until all are; null: none is held. */
  finalAfter(node: PeerId): { readonly first: number; readonly all: number } | null {
    const number = this.#numbers.get(node)
    return number === undefined || this.isTrusted(node) ? null : this.#standings.finalAfter(number)
  }

  /** Whether one more execution may be spent on checks; `open` are those that the ledger has not seen. */
  mayCheck(open: { readonly extras: number; readonly units: number }): boolean {
    const units = this.#units + open.units
    return this.#standings.mayCheck(this.#executions - this.#units + open.extras, units)
  }

  /** A result taken on the node's word, for which `allowed` holds, to be done by another. */
  pastToCheck(node: PeerId, draw: number, allowed: (unit: UnitId) => boolean): UnitId | null {
    const number = this.#numbers.get(node)
    return number === undefined ? null : this.#standings.pastToCheck(number, draw, allowed)
  }

  /** Whether a result of the node stands for the unit, and is not final. */
  supports(node: PeerId, unit: UnitId): boolean {
    const number = this.#numbers.get(node)
    return number !== undefined && this.#standings.supports(number, unit)
  }

  /** Nobody stands for the unit's result any more; what is final needs nobody. */
  isAbandoned(unit: UnitId): boolean {
    return this.#standings.isAbandoned(unit) && !this.isFinal(unit)
  }

  /** The unit's result was paid for good: it can be withdrawn no more. */
  isFinal(unit: UnitId): boolean {
    return this.#isFinal(unit)
  }

  accepted(node: PeerId, unit: UnitId, isCanonical: boolean): void {
    this.#executions += 1
    if (isCanonical) this.#units += 1
    const number = this.#number(node)
    if (this.#standings.supports(number, unit)) return
    const others = this.#standings.supportersOf(unit)
    const { stage } = this
    this.#standings.accepted(number, unit)
    const isSure = [number, ...others].some((one) => this.isTrusted(this.#peer(one)))
    if (isSure) this.#standings.confirm(unit)
    this.#look([number, ...others], stage)
  }

  /** A result that was accepted, or was about to be, is not what stands. */
  refuted(node: PeerId, unit: UnitId, wasAccepted: boolean): Refutation {
    if (!wasAccepted) this.#executions += 1
    if (this.isTrusted(node)) return NOTHING
    const number = this.#number(node)
    const convictions = this.#standings.convictionsOf(number)
    const owed = this.#standings.owedTo(number).filter((one) => one !== unit)
    const { stage } = this
    const again = this.#standings.refuted(number, unit)
    this.#look([number], stage)
    if (this.#standings.convictionsOf(number) === convictions) return NOTHING
    this.#convictions += 1
    return { owed, again: new Set(again) }
  }

  /** The unit has no result that stands. */
  reopened(): void {
    this.#units -= 1
  }

  /** Score changes since the last call. */
  takeChanges(): readonly ScoreChange[] {
    if (this.#changes.length === 0) return NO_CHANGES
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  /** Everything that later decisions follow from, in canonical form. */
  state(): unknown {
    const { rows, mood } = this.#standings.state()
    return {
      counts: [this.#executions, this.#units],
      mood,
      nodes: rows.map((row, number) => [this.#peer(number), ...row]).sort(byFirst)
    }
  }

  /** Notes whose score moved and why: of these nodes, and of all where the mood is another. */
  #look(touched: readonly number[], before: Stage): void {
    const { stage } = this
    for (const number of new Set(touched)) this.#note(number, null)
    if (stage === before) return
    for (const number of this.#peers.keys()) this.#note(number, `probation.mood_${stage}`)
  }

  #note(number: number, mood: ProbationRule | null): void {
    const was = this.#seen[number]
    assert(was !== undefined, 'a node is seen when it is added')
    const now = this.#see(number)
    if (now.scoreMilli === was.scoreMilli && now.isProven === was.isProven) return
    this.#seen[number] = now
    const rule = mood ?? ruleOf(was, now)
    this.#changes.push({ node: this.#peer(number), scoreMilli: now.scoreMilli, rule })
  }

  #see(number: number): Seen {
    const { passes, lacks, suspect, convictions } = this.#standings.recordOf(number)
    const isProven = this.#standings.isProven(number)
    const { passesMax } = this.#settings[this.stage]
    const begins = convictions === 0 ? SCORE_NEW : 0
    const wanted = Math.max(1, passes + Math.max(0, lacks))
    const scoreMilli = suspect
      ? SCORE_SUSPECT
      : isProven
        ? SCORE_PROVEN + share(SCORE_TOP - SCORE_PROVEN, passes, Math.max(1, passesMax))
        : begins + share(SCORE_PROVEN - SCORE_NEW - 1, passes, wanted)
    return { scoreMilli, isProven, isSuspect: suspect, convictions }
  }

  #number(node: PeerId): number {
    const known = this.#numbers.get(node)
    if (known !== undefined) return known
    const number = this.#standings.add()
    this.#numbers.set(node, number)
    this.#peers[number] = node
    this.#seen[number] = this.#see(number)
    return number
  }

  #peer(number: number): PeerId {
    const peer = this.#peers[number]
    assert(peer !== undefined, 'a node was added before it is spoken of')
    return peer
  }
}

const NO_CHANGES: readonly ScoreChange[] = []

interface Seen {
  readonly scoreMilli: number
  readonly isProven: boolean
  readonly isSuspect: boolean
  readonly convictions: number
}

function ruleOf(was: Seen, now: Seen): ProbationRule {
  if (now.convictions > was.convictions) return 'probation.convicted'
  if (now.isSuspect && !was.isSuspect) return 'probation.refuted'
  if (was.isSuspect && !now.isSuspect) return 'probation.cleared'
  if (now.isProven !== was.isProven) return now.isProven ? 'probation.proven' : 'probation.due'
  return now.scoreMilli > was.scoreMilli ? 'probation.confirmed' : 'probation.taken_alone'
}

/** `part / whole` of the points, rounded down; all of them at most. */
const share = (points: number, part: number, whole: number): number =>
  Math.min(points, Math.floor((points * part) / whole))

const byFirst = (a: readonly unknown[], b: readonly unknown[]): number =>
  String(a[0]) < String(b[0]) ? -1 : 1
