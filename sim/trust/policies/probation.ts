/**
 * Ours: the ledger's own standing of nodes, driven over the arena. Nodes that lack checks are given
 * one real unit in twos, so that one extra execution checks both; differences are settled with
 * proven nodes; what a convicted node did that nobody else stands for is done again.
 */
import { assert } from '#contracts'
import { PROBATION_DEFAULTS, type ProbationSettings, Standings } from '#ledger'
import { RIGHT } from '../actors.ts'
import type { Arena } from '../arena.ts'
import type { Chance } from '../chance.ts'
import type { PolicyRun, SabotagePolicy } from '../policy.ts'

const PROVEN_TRIES = 200
/** Nodes looked at for the second place of a check: enough to find one, too few to be foreseen. */
const PARTNER_TRIES = 12
const VOTES_MAX = 40
const LEAD = 2
/** As the gateway has it: fewer believed nodes do not decide, unless they are most of a small mesh. */
const JURY = 8
/** Where no more are believed than these, most of them must say so, or four. */
const FEW_BELIEVED = 16
const FEW_VOICES = 4

export interface ProbationOptions {
  readonly settings: ProbationSettings
  /** False only to show what it is good for: what the convicted did then stays as it is. */
  readonly reopens: boolean
}

const DEFAULTS: ProbationOptions = { settings: PROBATION_DEFAULTS, reopens: true }

export function probation(options: ProbationOptions = DEFAULTS): SabotagePolicy {
  const name = options.reopens ? 'probation' : 'probation-no-reopening'
  return { name, start: (arena) => new ProbationRun(arena, options) }
}

/** What became of a node's results, by their pay. */
export interface Earnings {
  /** Accepted, whatever became of them later. */
  right: number
  wrong: number
  /** Taken back when the node was convicted. */
  lostRight: number
  lostWrong: number
}

type Votes = Map<number, number>
type Allowed = (node: number) => boolean

export class ProbationRun implements PolicyRun {
  readonly standings: Standings<number>
  readonly #arena: Arena
  readonly #chance: Chance
  readonly #accepted: Int32Array
  readonly #again: number[] = []
  readonly #reopens: boolean
  readonly #earned: Earnings[] = []
  #settled = 0

  constructor(arena: Arena, { settings, reopens }: ProbationOptions) {
    this.#arena = arena
    this.#reopens = reopens
    this.#chance = arena.chance('probation')
    this.#accepted = new Int32Array(arena.units)
    this.standings = new Standings(settings)
    this.#register()
  }

  /** Nobody is: a convicted node's turn comes when nobody else lacks checks. */
  isBanned(): boolean {
    return false
  }

  believes(node: number): boolean {
    return this.standings.isProven(node)
  }

  /** What the node was credited with and what it lost again; what it still may lose is of both. */
  earningsOf(node: number): Earnings & { readonly openRight: number; readonly openWrong: number } {
    const owed = this.standings.owedTo(node)
    const openRight = owed.filter((unit) => this.#accepted[unit] === RIGHT).length
    return { ...this.#earnedBy(node), openRight, openWrong: owed.length - openRight }
  }

  #earnedBy(node: number): Earnings {
    const earned = this.#earned[node]
    assert(earned !== undefined, 'every name has its earnings')
    return earned
  }

  settle(unit: number): number {
    const first = this.#proven(() => true) === null ? this.#next() : this.#toCheck()
    const past = first === null ? null : this.#pastOf(first)
    if (first !== null && past === null) this.#pair(unit, first, this.#arena.execute(first, unit))
    else {
      if (first !== null && past !== null) this.#recheck(past, first)
      this.#settleAlone(unit)
    }
    this.#settled += 1
    const value = this.#accepted[unit] ?? 0
    this.#redo()
    return value
  }

  /** A proven node does the unit; now and then another does it too. */
  #settleAlone(unit: number): void {
    const node = this.#proven(() => true) ?? this.#next()
    assert(node !== null, 'there are nodes')
    const value = this.#arena.execute(node, unit)
    const isTaken =
      this.standings.isProven(node) && !this.standings.isDrawn(this.#chance.below(1000))
    if (isTaken) this.#accept(unit, value, [node])
    else this.#pair(unit, node, value)
  }

  /**
   * Has another do what the node did on its word. Every other time it is one whose word is taken too:
   * nobody can read from its own standing whether it is being checked.
   */
  #recheck(past: number, first: number): void {
    const value = this.#accepted[past] ?? RIGHT
    const isBlind = this.#chance.below(2) === 0
    const believed = isBlind ? this.#proven((node) => node !== first) : null
    const second = believed ?? this.#partner(first)
    this.#judge(
      past,
      new Map([
        [first, value],
        [second, this.#arena.execute(second, past)]
      ])
    )
  }

  #pastOf(node: number): number | null {
    return this.standings.pastToCheck(node, this.#chance.word())
  }

  finish(): Int32Array {
    this.#redo()
    return this.#accepted
  }

  #accept(unit: number, value: number, supporters: readonly number[]): void {
    this.#accepted[unit] = value
    for (const node of supporters) {
      if (this.standings.supports(node, unit)) continue
      this.standings.accepted(node, unit)
      const earned = this.#earnedBy(node)
      if (value === RIGHT) earned.right += 1
      else earned.wrong += 1
    }
  }

  /** A node whose word is taken, by lot. */
  #proven(allowed: Allowed): number | null {
    const { nodes } = this.#arena
    for (let tries = 0; tries < PROVEN_TRIES; tries++) {
      const node = this.#chance.below(nodes)
      if (this.#arena.isHere(node) && this.standings.isProven(node) && allowed(node)) return node
    }
    return null
  }

  /** Of those that lack checks, the one whose turn it is. */
  #next(allowed: Allowed = () => true): number | null {
    const { nodes } = this.#arena
    const start = this.#chance.below(nodes)
    let best: number | null = null
    let turn = 0
    for (let step = 0; step < nodes; step++) {
      const node = (start + step) % nodes
      if (!this.#arena.isHere(node) || this.standings.isProven(node) || !allowed(node)) continue
      const its = this.standings.turnOf(node)
      if (best !== null && its >= turn) continue
      best = node
      turn = its
    }
    return best
  }

  #toCheck(): number | null {
    const extras = this.#arena.executions - this.#settled
    if (this.standings.mayCheck(extras, this.#settled)) return this.#next()
    if (this.standings.suspects === 0) return null
    return this.#next((node) => this.standings.isSuspect(node))
  }

  #partner(first: number): number {
    let best: number | null = null
    for (let tries = 0; tries < PARTNER_TRIES; tries++) {
      const node = this.#chance.below(this.#arena.nodes)
      if (node === first || !this.#arena.isHere(node) || this.standings.isProven(node)) continue
      if (this.standings.convictionsOf(node) > 0) continue
      if (best === null || this.standings.turnOf(node) < this.standings.turnOf(best)) best = node
    }
    const partner =
      best ?? this.#proven((node) => node !== first) ?? this.#next((one) => one !== first)
    assert(partner !== null, 'there are two nodes')
    return partner
  }

  #pair(unit: number, first: number, value: number): void {
    const second = this.#partner(first)
    this.#judge(
      unit,
      new Map([
        [first, value],
        [second, this.#arena.execute(second, unit)]
      ])
    )
  }

  #judge(unit: number, votes: Votes): void {
    const value = this.#agreed(votes) ?? this.#settleDifference(unit, votes)
    const right = [...votes].filter(([, said]) => said === value).map(([node]) => node)
    this.#accept(unit, value, right)
    for (const [node, said] of votes) {
      if (said !== value) this.#refute(node, unit)
    }
  }

  #refute(node: number, unit: number): void {
    const before = this.standings.convictionsOf(node)
    const owed = this.standings.owedTo(node)
    const again = this.standings.refuted(node, unit)
    if (this.standings.convictionsOf(node) === before) return
    if (this.#reopens) for (const unit of again) this.#again.push(unit)
    const earned = this.#earnedBy(node)
    for (const unit of owed) {
      if (this.#accepted[unit] === RIGHT) earned.lostRight += 1
      else earned.lostWrong += 1
    }
    this.#arena.convicted(node)
    this.#register()
  }

  /** Names that are new get their standing. */
  #register(): void {
    while (this.standings.nodes < this.#arena.nodes) {
      this.standings.add()
      this.#earned.push({ right: 0, wrong: 0, lostRight: 0, lostWrong: 0 })
    }
  }

  #agreed(votes: Votes): number | null {
    const [value, ...others] = new Set(votes.values())
    return value === undefined || others.length > 0 ? null : value
  }

  /** Asks proven nodes; where there are too few, others, until one value leads by two or has most nodes. */
  #settleDifference(unit: number, votes: Votes): number {
    for (;;) {
      const settled = this.#settledBy(votes)
      if (settled !== null) return settled
      const fresh: Allowed = (node) => !votes.has(node)
      const judge = this.#proven(fresh) ?? this.#arena.pick(fresh)
      if (judge === null) return this.#likeliest(votes)
      votes.set(judge, this.#arena.execute(judge, unit))
    }
  }

  #settledBy(votes: Votes): number | null {
    const all = new Map<number, number>()
    const proven = new Map<number, number>()
    let provenVotes = 0
    for (const [node, value] of votes) {
      all.set(value, (all.get(value) ?? 0) + 1)
      if (!this.standings.isProven(node)) continue
      proven.set(value, (proven.get(value) ?? 0) + 1)
      provenVotes += 1
    }
    const { here, believed } = this.#electorate()
    const isJury = believed >= Math.min(JURY, Math.floor(here / 2) + 1)
    for (const [value, count] of isJury ? proven : []) {
      const isEnough = (all.get(value) ?? 0) >= LEAD && count >= voicesNeeded(believed)
      if (isEnough && count * 2 > provenVotes) return value
    }
    const [top, second] = [...all].sort((a, b) => b[1] - a[1])
    assert(top !== undefined, 'there are votes')
    const leads = top[1] - (second?.[1] ?? 0) >= LEAD || top[1] * 2 > here
    const isUpToAll = !isJury || provenVotes === 0
    return (isUpToAll && leads) || votes.size >= VOTES_MAX ? top[0] : null
  }

  #electorate(): { readonly here: number; readonly believed: number } {
    let here = 0
    let believed = 0
    for (let node = 0; node < this.#arena.nodes; node++) {
      if (!this.#arena.isHere(node)) continue
      here += 1
      if (this.standings.isProven(node)) believed += 1
    }
    return { here, believed }
  }

  /** Everybody was asked, and nobody can tell. */
  #likeliest(votes: Votes): number {
    const weights = new Map<number, number>()
    for (const [node, value] of votes) {
      const weight = this.standings.isProven(node) ? 1 + VOTES_MAX : 1
      weights.set(value, (weights.get(value) ?? 0) + weight)
    }
    const [top] = [...weights].sort((a, b) => b[1] - a[1])
    assert(top !== undefined, 'there are votes')
    return top[0]
  }

  /** What convicted nodes alone stood for: done again by others, unmarked, as a check of them. */
  #redo(): void {
    for (let unit = this.#again.pop(); unit !== undefined; unit = this.#again.pop()) {
      const old = this.#accepted[unit] ?? 0
      const fresh: Allowed = (node) => this.standings.convictionsOf(node) === 0
      const node = this.#next(fresh) ?? this.#proven(() => true) ?? this.#arena.pick(() => true)
      assert(node !== null, 'there are nodes')
      const value = this.#arena.execute(node, unit)
      if (value === old) this.#accept(unit, value, [node])
      else this.#pair(unit, node, value)
    }
  }
}

/** Two who were believed early must not decide in a mesh of few. */
const voicesNeeded = (believed: number): number =>
  believed > FEW_BELIEVED ? 1 : Math.min(FEW_VOICES, Math.floor(believed / 2) + 1)
