/**
 * Standing: what each node's record is worth, folded from results that were accepted and results
 * that were refuted, in their order. Says which nodes still lack checks, who is suspect, which
 * results are final and which must be done again. Integers alone, no clock and no chance: two
 * replicas that fold the same outcomes agree. It places no work and bans nobody for good.
 */
import { assert } from '#contracts'
import {
  CONVICTION_ALARM,
  type ProbationSettings,
  type ProbationStage,
  type Stage
} from './probation.ts'

/** Results looked at for one that nobody else gave; most are such. */
const PAST_TRIES = 8
/** A sleeper's latest results are the ones to look at. */
const PAST_LATEST = 16
/** Of a suspect there is more to look at: it was believed then, and cheated if it reads its standing. */
const PAST_LATEST_OF_SUSPECT = 32
/**
 * In a mesh of few nodes a share of the work is too little to prove anybody. So many extra executions
 * may always be spent for each: what the longest calm proof takes where only one of two needs it.
 */
const FEW_EXTRAS_EACH = 40
/** From 25 nodes on it is less with each, until the share of the work is enough. */
const FEW_EXTRAS_TAPER = { from: 2_000, each: 40 }
/** Convictions that make a node's next proof longer; more make it no longer still. */
const LONGER_PROOFS_MAX = 3

interface Row {
  passes: number
  /** Results that were taken on its word alone. */
  alone: number
  evidence: number
  suspect: boolean
  /** Passes that it had when it became a suspect. */
  record: number
  convictions: number
  passesEver: number
  lacks: number
}

/** A result that is not final. */
interface OpenUnit {
  supporters: readonly number[]
  /** Nobody but the one supporter gave its value. */
  alone: boolean
  /** Paid for good already: somebody who needs no checks said the same. */
  sure: boolean
}

interface Owed<Unit> {
  readonly unit: Unit
  /** Passes of its node when it was accepted. */
  readonly since: number
}

export class Standings<Unit> {
  readonly #settings: ProbationSettings
  readonly #rows: Row[] = []
  readonly #open = new Map<Unit, OpenUnit>()
  readonly #owed: Owed<Unit>[][] = []
  #stage: Stage = 'calm'
  #passes = 0
  #alarm = 0
  #alarmOfLong = 0
  #alarmEnds = 0
  #suspects = 0
  readonly #onFinal: (unit: Unit, supporters: readonly number[]) => void

  /** `onFinal`: the unit's result is final, for all who gave it. */
  constructor(
    settings: ProbationSettings,
    onFinal: (unit: Unit, supporters: readonly number[]) => void = () => {}
  ) {
    this.#settings = settings
    this.#onFinal = onFinal
  }

  /** A node that nobody knows: its number. */
  add(): number {
    const row: Row = {
      passes: 0,
      alone: 0,
      evidence: 0,
      suspect: false,
      record: 0,
      convictions: 0,
      passesEver: 0,
      lacks: 0
    }
    this.#rows.push(row)
    this.#owed.push([])
    this.#recount(row)
    return this.#rows.length - 1
  }

  get nodes(): number {
    return this.#rows.length
  }

  get stage(): Stage {
    return this.#stage
  }

  /** Suspects without a conviction: their tests go before all others and past the budget. */
  get suspects(): number {
    return this.#suspects
  }

  /** Whether the node's word alone is taken. */
  isProven(node: number): boolean {
    const row = this.#row(node)
    return row.lacks <= 0 && !row.suspect
  }

  /** Whose turn it is to be checked, the lowest first; meaningless for proven nodes. */
  turnOf(node: number): number {
    const { suspect, convictions, lacks } = this.#row(node)
    if (suspect && convictions === 0) return -1
    return lacks + convictions * 10_000
  }

  isSuspect(node: number): boolean {
    const { suspect, convictions } = this.#row(node)
    return suspect && convictions === 0
  }

  convictionsOf(node: number): number {
    return this.#row(node).convictions
  }

  /** Results of the node that are not final. */
  owedTo(node: number): readonly Unit[] {
    const owed = this.#owed[node] ?? []
    return owed.map(({ unit }) => unit).filter((unit) => this.supports(node, unit))
  }

  /** Checks that the node must still pass: for its record, and to be cleared where it is a suspect. */
  needsOf(node: number): number {
    const { lacks, suspect, evidence } = this.#row(node)
    return Math.max(0, lacks, suspect ? evidence + this.#settings.clearAt : 0)
  }

  /** Checks that it must pass until the first of its results is final, and until all of them are. */
  finalAfter(node: number): { readonly first: number; readonly all: number } | null {
    const isHeld = ({ unit }: Owed<Unit>): boolean =>
      this.supports(node, unit) && this.#open.get(unit)?.sure === false
    const owed = (this.#owed[node] ?? []).filter(isHeld)
    const [first] = owed
    const last = owed.at(-1)
    if (first === undefined || last === undefined) return null
    const { passesEver } = this.#row(node)
    const after = ({ since }: Owed<Unit>): number =>
      Math.max(1, since + this.#now.clearAfter - passesEver)
    return { first: after(first), all: after(last) }
  }

  /** Its supporters were convicted or refuted, and nobody else stands for it. */
  isAbandoned(unit: Unit): boolean {
    return this.#open.get(unit)?.supporters.length === 0
  }

  recordOf(node: number): Pick<Row, 'passes' | 'lacks' | 'suspect' | 'convictions'> {
    return this.#row(node)
  }

  /** Those whose result stands for the unit, and is not final. */
  supportersOf(unit: Unit): readonly number[] {
    return this.#open.get(unit)?.supporters ?? []
  }

  /** Everything but which results are open: that follows from the log. */
  state(): { readonly rows: readonly (readonly unknown[])[]; readonly mood: readonly unknown[] } {
    const rows = this.#rows.map((row) => [
      ...[row.passes, row.alone, row.evidence, row.suspect],
      ...[row.record, row.convictions, row.passesEver]
    ])
    const alarms = [this.#alarm, this.#alarmOfLong, this.#alarmEnds]
    return { rows, mood: [this.#stage, this.#passes, ...alarms, this.#open.size] }
  }

  /**
   * A result that was taken on the node's word, to be done by another: an unforeseeable check.
   * `allowed`: the unit can still be done again.
   */
  pastToCheck(
    node: number,
    draw: number,
    allowed: (unit: Unit) => boolean = () => true
  ): Unit | null {
    const owed = this.#owed[node] ?? []
    const { suspect } = this.#row(node)
    const latest = Math.min(suspect ? PAST_LATEST_OF_SUSPECT : PAST_LATEST, owed.length)
    for (let step = 0; step < Math.min(PAST_TRIES, latest); step++) {
      const unit = owed[owed.length - 1 - ((draw + step) % latest)]?.unit
      if (unit === undefined) continue
      const open = this.#open.get(unit)
      if (open?.alone && open.supporters.includes(node) && allowed(unit)) return unit
    }
    return null
  }

  /** Whether one more execution may be spent on checks. */
  mayCheck(extras: number, units: number): boolean {
    if (extras < this.#forFew()) return true
    const calm = this.#budget(this.#settings.calm, units)
    const hostile = this.#budget(this.#settings.hostile, units)
    if (this.#stage === 'calm') return extras < Math.min(calm, hostile)
    return extras < this.#budget(this.#settings[this.#stage], units)
  }

  /** Whether a proven node's result is checked all the same; `draw` is from 0 to 999, keyed. */
  isDrawn(draw: number): boolean {
    return draw < this.#now.residualPerMille
  }

  /** The value that stands for the unit is the node's too. */
  accepted(node: number, unit: Unit): void {
    const known = this.#open.get(unit)
    const supporters = [...(known?.supporters ?? []), node]
    assert(new Set(supporters).size === supporters.length, 'a node supports a unit once')
    this.#open.set(unit, { supporters, alone: known === undefined, sure: known?.sure ?? false })
    this.#owed[node]?.push({ unit, since: this.#row(node).passesEver })
    if (known === undefined) {
      const row = this.#row(node)
      row.alone += 1
      this.#recount(row)
      return
    }
    const [first] = known.supporters
    if (known.alone && first !== undefined) {
      this.#row(first).alone -= 1
      this.#passed(first)
    }
    this.#passed(node)
  }

  /** Somebody who needs no checks stands for the unit: it is final for all who gave the same, now. */
  confirm(unit: Unit): void {
    const open = this.#open.get(unit)
    if (open === undefined) return
    open.sure = true
    this.#onFinal(unit, open.supporters)
  }

  /** Another value stands than the node's. Returns the units that must be done again. */
  refuted(node: number, unit: Unit): readonly Unit[] {
    const row = this.#row(node)
    this.#withdraw(node, unit)
    const { faultWeight } = this.#settings
    if (!row.suspect) {
      row.suspect = true
      row.record = row.passes
      if (row.convictions === 0) this.#suspects += 1
    }
    row.evidence += faultWeight
    return row.evidence >= this.#now.convictAt ? this.#convict(node, row) : []
  }

  #passed(node: number): void {
    const row = this.#row(node)
    row.passes += 1
    row.passesEver += 1
    row.evidence = Math.max(-this.#settings.faultWeight, row.evidence - 1)
    if (row.suspect && row.evidence <= -this.#settings.clearAt) this.#clear(row)
    this.#recount(row)
    this.#finalise(node, row)
    this.#passes += 1
    if (this.#stage !== 'calm' && this.#passes >= this.#alarmEnds) this.#enter('calm')
  }

  #clear(row: Row): void {
    this.#endSuspicion(row)
    this.#alarm = Math.max(0, this.#alarm - 1)
    if (this.#isLong(row)) this.#alarmOfLong = Math.max(0, this.#alarmOfLong - 1)
  }

  #endSuspicion(row: Row): void {
    row.suspect = false
    if (row.convictions === 0) this.#suspects -= 1
    assert(this.#suspects >= 0, 'suspects are counted once')
  }

  #finalise(node: number, { passesEver }: Row): void {
    const owed = this.#owed[node]
    assert(owed !== undefined, 'a node has its owed results')
    const last = passesEver - this.#now.clearAfter
    let final = 0
    for (const { unit, since } of owed) {
      if (since > last) break
      final += 1
      if (!this.supports(node, unit)) continue
      const supporters = this.supportersOf(unit)
      this.#open.delete(unit)
      this.#onFinal(unit, supporters)
    }
    if (final > 0) owed.splice(0, final)
  }

  #convict(node: number, row: Row): readonly Unit[] {
    const wasLong = this.#isLong(row)
    this.#endSuspicion(row)
    const { convictions, passesEver } = row
    Object.assign(row, { passes: 0, alone: 0, evidence: 0, record: 0, passesEver })
    row.convictions = convictions + 1
    this.#recount(row)
    this.#raise(wasLong)
    return this.#reopen(node)
  }

  /** What nobody but the convicted stands for. */
  #reopen(node: number): readonly Unit[] {
    const owed = this.#owed[node] ?? []
    this.#owed[node] = []
    return owed.filter(({ unit }) => this.#withdraw(node, unit)).map(({ unit }) => unit)
  }

  /** True where nobody stands for the unit any more. */
  #withdraw(node: number, unit: Unit): boolean {
    const open = this.#open.get(unit)
    if (!open?.supporters.includes(node)) return false
    open.supporters = open.supporters.filter((one) => one !== node)
    open.alone = false
    return open.supporters.length === 0
  }

  #raise(wasLong: boolean): void {
    const { hostileAt, infiltratedAt, keptPerMille, alarmPasses } = this.#settings
    this.#alarm = Math.min(hostileAt, this.#alarm + CONVICTION_ALARM)
    if (wasLong) {
      this.#alarmOfLong = Math.min(infiltratedAt, this.#alarmOfLong + CONVICTION_ALARM)
    }
    const isInfiltrated = this.#alarmOfLong >= infiltratedAt
    if (!isInfiltrated && this.#alarm < hostileAt) return
    this.#alarmEnds = this.#passes + alarmPasses
    if (isInfiltrated && this.#stage !== 'infiltrated') {
      for (const row of this.#rows) row.passes = Math.floor((row.passes * keptPerMille) / 1000)
      this.#enter('infiltrated')
    } else if (this.#stage === 'calm') this.#enter('hostile')
  }

  #enter(stage: Stage): void {
    this.#stage = stage
    for (const row of this.#rows) this.#recount(row)
  }

  #recount(row: Row): void {
    const { passesFirst, passesPerMille, passesMax } = this.#now
    const grown = passesFirst + Math.floor((row.alone * passesPerMille) / 1000)
    const proofs = 1 + Math.min(LONGER_PROOFS_MAX, row.convictions)
    row.lacks = Math.min(grown, passesMax) * proofs - row.passes
  }

  #isLong({ record }: Row): boolean {
    return record >= this.#settings.longRecord
  }

  /** Whether the node's result stands for the unit, and is not final. */
  supports(node: number, unit: Unit): boolean {
    return this.#open.get(unit)?.supporters.includes(node) ?? false
  }

  #forFew(): number {
    const nodes = Math.max(1, this.#rows.length)
    const { from, each } = FEW_EXTRAS_TAPER
    return Math.min(FEW_EXTRAS_EACH * nodes, Math.max(0, from - each * nodes))
  }

  #budget({ extrasPerNode, extrasPerMille }: ProbationStage, units: number): number {
    return extrasPerNode * this.#rows.length + Math.floor((extrasPerMille * units) / 1000)
  }

  get #now(): ProbationStage {
    return this.#settings[this.#stage]
  }

  #row(node: number): Row {
    const row = this.#rows[node]
    assert(row !== undefined, 'a node was added before it is spoken of')
    return row
  }
}
