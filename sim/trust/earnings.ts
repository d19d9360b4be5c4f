/**
 * What a sleeper has of its lies under our policy, for each patience. A wrong result cost it no work,
 * so its gain is what it was paid for wrong results and kept for good; its loss is the right results
 * that were never paid, because escrow was taken back. What is still in escrow counts as neither.
 */
import type { ProbationSettings } from '#ledger'
import { Arena } from './arena.ts'
import type { Column } from './columns.ts'
import { type Mean, meanWithInterval, nodesOf } from './compare.ts'
import { ProbationRun } from './policies/probation.ts'

export const PATIENCES = [0, 10, 30, 100, 300, 1000, 3000, 10_000] as const
/** A small mesh: what counts is how much one node does. */
const NODES = 40
/** Executions of a node after it woke: enough for most to be found out at the lowest check rate. */
const AWAKE = 5000

export interface EarningsRow {
  readonly patience: number
  readonly sabotagePerMillion: number
  readonly seeds: readonly number[]
  readonly saboteurs: number
  readonly convicted: number
  /** Results of one saboteur, in the mean: wrong ones that are paid for good. */
  readonly paidWrong: number
  readonly lostRight: number
  readonly openWrong: number
  /** Wrong results paid for good, less right ones that were taken back; by saboteur. */
  readonly balance: Mean
}

export interface EarningsCase {
  readonly patience: number
  readonly sabotagePerMillion: number
  readonly settings: ProbationSettings
  readonly seeds: readonly number[]
}

export function earningsOf(options: EarningsCase): EarningsRow {
  const { patience, sabotagePerMillion, settings, seeds } = options
  const column: Omit<Column, 'name'> = {
    nodes: NODES,
    units: NODES * (patience + AWAKE),
    saboteursPerMille: 200,
    sabotagePerMillion,
    patience,
    faultsPerMillion: 0,
    collusion: 'each',
    cunning: 'none',
    newNames: 0
  }
  const sums = { saboteurs: 0, convicted: 0, paidWrong: 0, lostRight: 0, openWrong: 0 }
  const balances: number[] = []
  for (const seed of seeds) {
    const arena = new Arena({ ...column, seed })
    const run = new ProbationRun(arena, { settings, reopens: true })
    for (let unit = 0; unit < column.units; unit++) run.settle(unit)
    run.finish()
    let balance = 0
    const liars = nodesOf(arena).filter((node) => !arena.isHonest(node))
    for (const node of liars) {
      const { wrong, lostWrong, lostRight, openWrong } = run.earningsOf(node)
      const paidWrong = wrong - lostWrong - openWrong
      sums.paidWrong += paidWrong
      sums.lostRight += lostRight
      sums.openWrong += openWrong
      if (run.standings.convictionsOf(node) > 0) sums.convicted += 1
      balance += paidWrong - lostRight
    }
    sums.saboteurs += liars.length
    balances.push(balance / liars.length)
  }
  const each = (sum: number): number => sum / sums.saboteurs
  return {
    patience,
    sabotagePerMillion,
    seeds,
    saboteurs: sums.saboteurs,
    convicted: sums.convicted,
    paidWrong: each(sums.paidWrong),
    lostRight: each(sums.lostRight),
    openWrong: each(sums.openWrong),
    balance: meanWithInterval(balances)
  }
}
