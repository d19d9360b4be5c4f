/**
 * The reference table: 200 nodes, 20,000 units, full collusion, nothing re-opened, means of 5 seeds.
 * Each figure has the deviation of one seed as the arena measured it over 40 seeds, so that a
 * reproduction is held against the errors of both means. It says nothing of our own policy.
 */
import { assert } from '#contracts'
import { REFERENCE_COLUMNS } from './columns.ts'
import type { SabotageRow } from './compare.ts'

interface ReferenceFigure {
  readonly mean: number
  /** Half a unit of the last digit that is printed; for `<5e-5`, those 5e-5 above 0. */
  readonly rounding: number
  /** Standard deviation of one seed. */
  readonly deviation: number
}

interface ReferenceCell {
  readonly executions: ReferenceFigure
  readonly wrong: ReferenceFigure
}

type Figure = readonly [mean: number, rounding: number, deviation: number]

function cell(executions: Figure, wrong: Figure): ReferenceCell {
  return { executions: figure(executions), wrong: figure(wrong) }
}
const figure = ([mean, rounding, deviation]: Figure): ReferenceFigure => ({
  mean,
  rounding,
  deviation
})

/** By policy, in the order of the columns. */
export const REFERENCE: Readonly<Record<string, readonly ReferenceCell[]>> = {
  none: [
    cell([1, 0.005, 0], [5.0e-2, 0.0005, 0.00125]),
    cell([1, 0.005, 0], [2.0e-1, 0.005, 0.00296]),
    cell([1, 0.005, 0], [2.0e-2, 0.0005, 0.00101]),
    cell([1, 0.005, 0], [9.9e-3, 5e-5, 0.0007]),
    cell([1, 0.005, 0], [3.5e-2, 0.0005, 0.00116])
  ],
  '2-first': [
    cell([2.1, 0.005, 0.00212], [6.7e-3, 5e-5, 0.000551]),
    cell([2.32, 0.005, 0.00341], [1.0e-1, 0.005, 0.00243]),
    cell([2.04, 0.005, 0.00127], [1.3e-3, 5e-5, 0.000204]),
    cell([2.03, 0.005, 0.00113], [9.4e-4, 5e-6, 0.000215]),
    cell([2.07, 0.005, 0.00168], [3.7e-3, 5e-5, 0.000444])
  ],
  'boinc-adaptive': [
    cell([1.22, 0.005, 0.00403], [4.6e-3, 5e-5, 0.000412]),
    cell([1.68, 0.005, 0.0101], [8.2e-2, 0.0005, 0.00222]),
    cell([1.16, 0.005, 0.00568], [1.3e-2, 0.0005, 0.000942]),
    cell([1.13, 0.005, 0.00508], [9.3e-3, 5e-5, 0.00071]),
    cell([1.21, 0.005, 0.0104], [2.5e-2, 0.0005, 0.00123])
  ],
  'poco-100': [
    cell([2.3, 0.005, 0.00264], [0, 5e-5, 0]),
    cell([2.74, 0.005, 0.00706], [0, 5e-5, 2.32e-5]),
    cell([2.31, 0.005, 0.00574], [7e-5, 5e-6, 5.04e-5]),
    cell([2.25, 0.005, 0.00472], [1.2e-4, 5e-6, 6.83e-5]),
    cell([2.44, 0.005, 0.00839], [2.6e-4, 5e-6, 0.000105])
  ],
  sarmenta: [
    cell([1.24, 0.005, 0.00644], [6e-5, 5e-6, 5.13e-5]),
    cell([1.61, 0.005, 0.0131], [1e-5, 5e-6, 1.92e-5]),
    cell([1.67, 0.005, 0.013], [2.4e-3, 5e-5, 0.000901]),
    cell([1.7, 0.005, 0.0107], [4.0e-3, 5e-5, 0.00112]),
    cell([2.04, 0.005, 0.0212], [7.3e-4, 5e-6, 0.000638])
  ]
}

const REFERENCE_SEEDS = 5
/** In standard errors: 50 figures, of which one strays so far by chance in 300 reproductions. */
const ERRORS_MAX = 4

export interface Deviation {
  readonly figure: 'executions' | 'wrong'
  readonly policy: string
  readonly column: string
  readonly measured: number
  readonly reference: number
  readonly tolerance: number
}

/** Every figure of the row beside the reference's, each with its own tolerance. */
export function besideReference(row: SabotageRow): readonly Deviation[] {
  const index = REFERENCE_COLUMNS.findIndex(({ name }) => name === row.column.name)
  const known = REFERENCE[row.policy]?.[index]
  assert(known !== undefined, 'the reference table has the cell')
  const beside = (name: Deviation['figure'], measured: number): Deviation => {
    const { mean, rounding, deviation } = known[name]
    const error = deviation * Math.sqrt(1 / row.seeds.length + 1 / REFERENCE_SEEDS)
    return {
      figure: name,
      policy: row.policy,
      column: row.column.name,
      measured,
      reference: mean,
      tolerance: rounding + ERRORS_MAX * error
    }
  }
  return [beside('executions', row.executionsPerUnit.mean), beside('wrong', row.wrongAccepted.mean)]
}

export const isReproduced = ({ measured, reference, tolerance }: Deviation): boolean =>
  Math.abs(measured - reference) <= tolerance
