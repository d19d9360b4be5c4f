/**
 * Runs policies over columns and seeds, all policies on the same populations, and gives means with
 * 95 % intervals. It measures; what is good enough is for tests and people to say.
 */
import { assert } from '#contracts'
import { RIGHT, UNSETTLED } from './actors.ts'
import { Arena } from './arena.ts'
import type { Column } from './columns.ts'
import type { SabotagePolicy } from './policy.ts'

export interface Mean {
  readonly mean: number
  /** Standard deviation of one seed. */
  readonly deviation: number
  /** Half the width of the 95 % interval of the mean. */
  readonly half: number
}

export interface SabotageRow {
  readonly policy: string
  readonly column: Column
  readonly seeds: readonly number[]
  /** Executions, checks and re-executions included, for each unit. */
  readonly executionsPerUnit: Mean
  /** Share of the units whose value is wrong in the end. */
  readonly wrongAccepted: Mean
  /** Share of the units whose first accepted value was wrong, mended or not. */
  readonly wrongAtFirst: Mean
  /** Share of the units that nobody was left to do. */
  readonly unsettled: Mean
  /** Honest nodes that can never work again. */
  readonly honestBanned: Mean
  /** Share of the honest nodes whose word alone is taken in the end. */
  readonly honestBelieved: Mean
}

export interface CompareCase {
  readonly column: Column
  readonly policy: SabotagePolicy
  readonly seeds: readonly number[]
}

export function compareCase({ column, policy, seeds }: CompareCase): SabotageRow {
  const runs = seeds.map((seed) => runOnce(column, policy, seed))
  const meanOf = (pick: (run: OneRun) => number): Mean => meanWithInterval(runs.map(pick))
  return {
    policy: policy.name,
    column,
    seeds,
    executionsPerUnit: meanOf((run) => run.executions / column.units),
    wrongAccepted: meanOf((run) => run.wrong / column.units),
    wrongAtFirst: meanOf((run) => run.wrongAtFirst / column.units),
    unsettled: meanOf((run) => run.unsettled / column.units),
    honestBanned: meanOf((run) => run.honestBanned),
    honestBelieved: meanOf((run) => run.honestBelieved / run.honest)
  }
}

interface OneRun {
  readonly executions: number
  readonly wrong: number
  readonly wrongAtFirst: number
  readonly unsettled: number
  readonly honest: number
  readonly honestBanned: number
  readonly honestBelieved: number
}

function runOnce(column: Column, policy: SabotagePolicy, seed: number): OneRun {
  const arena = new Arena({ ...column, seed })
  const run = policy.start(arena)
  arena.showStanding((node) => run.believes(node))
  let wrongAtFirst = 0
  for (let unit = 0; unit < column.units; unit++) {
    if (isWrong(run.settle(unit))) wrongAtFirst += 1
  }
  const values = run.finish()
  assert(values.length === column.units, 'every unit has a value')
  const wrong = values.filter(isWrong).length
  const honest = nodesOf(arena).filter((node) => arena.isHonest(node))
  return {
    executions: arena.executions,
    wrong,
    wrongAtFirst,
    unsettled: values.filter((value) => value === UNSETTLED).length,
    honest: honest.length,
    honestBanned: honest.filter((node) => run.isBanned(node)).length,
    honestBelieved: honest.filter((node) => run.believes(node)).length
  }
}

const isWrong = (value: number): boolean => value !== RIGHT && value !== UNSETTLED

export const nodesOf = (arena: Arena): readonly number[] =>
  Array.from({ length: arena.nodes }, (_, node) => node)

/** Student's t at 97.5 %, by degrees of freedom from 1; beyond the table the normal's. */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042
] as const
const NORMAL = 1.96

export function meanWithInterval(values: readonly number[]): Mean {
  assert(values.length > 0, 'a mean has values')
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const freedom = values.length - 1
  if (freedom === 0) return { mean, deviation: 0, half: 0 }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const deviation = Math.sqrt(squares / freedom)
  const student = STUDENT[freedom - 1] ?? NORMAL
  return { mean, deviation, half: (student * deviation) / Math.sqrt(values.length) }
}

/** Seeds that no run shares with another of its kind: so many, one after another. */
export const seedsFrom = (first: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first + index)
