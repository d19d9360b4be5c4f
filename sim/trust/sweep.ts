/**
 * The frontier of our policy: a grid of settings, each measured on the same seeds, and which of them
 * no other beats in cost, wrong results and honest nodes that may work alone: the third pays for the
 * first two where one does not look. It chooses nothing.
 */
import { PROBATION_DEFAULTS, type ProbationSettings } from '#ledger'
import type { Column } from './columns.ts'
import { compareCase, type SabotageRow } from './compare.ts'
import { probation } from './policies/probation.ts'

export interface SweepPoint {
  /** Confirmed results that a hostile mesh asks for first. */
  readonly passesFirst: number
  /** Extra executions that it may spend, per thousand units. */
  readonly extrasPerMille: number
  readonly row: SabotageRow
  /** No other point is as good in all three and better in one. */
  readonly isFrontier: boolean
}

const SWEEP_PASSES = [10, 20, 30, 40, 50, 60] as const
const SWEEP_EXTRAS = [66, 106, 146, 186, 226] as const

function sweepSettings(passesFirst: number, extrasPerMille: number): ProbationSettings {
  const { hostile } = PROBATION_DEFAULTS
  return { ...PROBATION_DEFAULTS, hostile: { ...hostile, passesFirst, extrasPerMille } }
}

/** One point at a time, so that whoever asks can show how far it is, or stop. */
export function* sweep(
  column: Column,
  seeds: readonly number[]
): Generator<Omit<SweepPoint, 'isFrontier'>> {
  for (const extrasPerMille of SWEEP_EXTRAS) {
    for (const passesFirst of SWEEP_PASSES) {
      const settings = sweepSettings(passesFirst, extrasPerMille)
      const policy = probation({ settings, reopens: true })
      yield { passesFirst, extrasPerMille, row: compareCase({ column, policy, seeds }) }
    }
  }
}

export function withFrontier(
  points: readonly Omit<SweepPoint, 'isFrontier'>[]
): readonly SweepPoint[] {
  return points.map((point) => ({
    ...point,
    isFrontier: !points.some((other) => beats(other.row, point.row))
  }))
}

function beats(a: SabotageRow, b: SabotageRow): boolean {
  const cost = a.executionsPerUnit.mean - b.executionsPerUnit.mean
  const wrong = a.wrongAccepted.mean - b.wrongAccepted.mean
  const believed = b.honestBelieved.mean - a.honestBelieved.mean
  const worst = Math.max(cost, wrong, believed)
  return worst <= 0 && Math.min(cost, wrong, believed) < 0
}
