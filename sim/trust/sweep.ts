/**
 * The frontier of our policy: a grid of settings, each measured on the same seeds, and which of them
 * no other beats in both cost and wrong results. It chooses nothing.
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
  /** No other point costs as little and accepts as few wrong results. */
  readonly isFrontier: boolean
}

const SWEEP_PASSES = [10, 20, 30, 40, 50, 60] as const
const SWEEP_EXTRAS = [63, 103, 143, 183, 223] as const

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
  return cost <= 0 && wrong <= 0 && (cost < 0 || wrong < 0)
}
