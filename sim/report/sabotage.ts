/**
 * The comparison of trust policies, and the frontier of ours, as pages: a table and a plot for each
 * population. It shows means with their intervals as they were measured, and prefers none.
 */
import type { Column } from '../trust/columns.ts'
import type { Mean, SabotageRow } from '../trust/compare.ts'
import type { SweepPoint } from '../trust/sweep.ts'
import type { Page, Section } from './page.ts'
import type { Plot } from './plot.ts'

const PLOT_AXES = {
  x: { label: 'executions for each unit' },
  y: { label: 'share of units wrong in the end', scale: 'log' }
} as const

/** Where none was wrong, the plot says: fewer than one in all that ran. */
function shownWrong({ wrongAccepted, column, seeds }: SabotageRow): number {
  return Math.max(wrongAccepted.mean, 1 / (column.units * seeds.length))
}

export function comparisonPage(rows: readonly SabotageRow[], isComplete: boolean): Page {
  const columns = [...new Set(rows.map(({ column }) => column))]
  return {
    title: 'Trust policies under sabotage',
    facts: factsOf(rows, isComplete),
    sections: columns.map((column) =>
      columnSection(
        column,
        rows.filter((row) => row.column === column)
      )
    )
  }
}

function columnSection(column: Column, rows: readonly SabotageRow[]): Section {
  return {
    title: column.name,
    words: [wordsOf(column)],
    table: {
      head: [
        'policy',
        'executions for each unit',
        'wrong in the end',
        'wrong at first',
        'honest banned'
      ],
      rows: rows.map((row) => [
        row.policy,
        interval(row.executionsPerUnit, (value) => value.toFixed(3)),
        interval(row.wrongAccepted, tiny),
        tiny(row.wrongAtFirst.mean),
        row.honestBanned.mean.toFixed(1)
      ])
    },
    plots: [
      {
        ...PLOT_AXES,
        title: `${column.name}: what checking costs, and what it misses`,
        draw: 'dots',
        series: rows.map((row) => ({
          name: row.policy,
          points: [[row.executionsPerUnit.mean, shownWrong(row)]]
        }))
      }
    ]
  }
}

export function sweepPage(points: readonly SweepPoint[], isComplete: boolean): Page {
  const [first] = points
  const plots = first === undefined ? [] : [sweepPlot(points)]
  const words = first === undefined ? [] : [wordsOf(first.row.column)]
  const table = {
    head: [
      'confirmed results first',
      'extras in a thousand',
      'executions for each unit',
      'wrong in the end',
      'on the frontier'
    ],
    rows: points.map(({ passesFirst, extrasPerMille, row, isFrontier }) => [
      String(passesFirst),
      String(extrasPerMille),
      interval(row.executionsPerUnit, (value) => value.toFixed(3)),
      interval(row.wrongAccepted, tiny),
      isFrontier ? 'yes' : ''
    ])
  }
  return {
    title: 'The frontier of the probation policy',
    facts: factsOf(
      points.map(({ row }) => row),
      isComplete
    ),
    sections: [{ title: first?.row.column.name ?? 'nothing was measured', words, table, plots }]
  }
}

function sweepPlot(points: readonly SweepPoint[]): Plot {
  const place = ({ row }: SweepPoint) => [row.executionsPerUnit.mean, shownWrong(row)] as const
  const frontier = points.filter(({ isFrontier }) => isFrontier).map(place)
  const byExtras = [...new Set(points.map(({ extrasPerMille }) => extrasPerMille))]
  return {
    ...PLOT_AXES,
    title: 'Settings by what they cost and what they miss; the frontier first',
    draw: 'lines',
    series: [
      { name: 'frontier', points: frontier.sort(([a], [b]) => a - b) },
      ...byExtras.map((extras) => ({
        name: `${extras} extras in a thousand`,
        points: points.filter(({ extrasPerMille }) => extrasPerMille === extras).map(place)
      }))
    ]
  }
}

function wordsOf({ nodes, units, ...column }: Column): string {
  const per = (count: number, of: number): string => `${(100 * count) / of} %`
  const parts = [
    `${nodes} nodes and ${units} units.`,
    `${per(column.saboteursPerMille, 1_000)} of the nodes are saboteurs, wrong in ${per(column.sabotagePerMillion, 1_000_000)} of their results`,
    column.patience > 0 ? `after ${column.patience} right ones.` : 'from the first.'
  ]
  if (column.faultsPerMillion > 0) {
    parts.push(`Honest nodes are wrong by accident in ${per(column.faultsPerMillion, 1_000_000)}.`)
  }
  return parts.join(' ')
}

function factsOf(rows: readonly SabotageRow[], isComplete: boolean): Page['facts'] {
  const seeds = rows[0]?.seeds ?? []
  return [
    ['seeds', seeds.join(', ')],
    ['cases', String(rows.length)],
    ['intervals', '95 % of the mean, Student'],
    ['measured', isComplete ? 'to the end' : 'in part: it was stopped']
  ]
}

/** Of one seed there is no interval. */
const interval = ({ mean, half }: Mean, write: (value: number) => string): string =>
  half === 0 ? write(mean) : `${write(mean)} ± ${write(half)}`

const tiny = (value: number): string => (value === 0 ? '0' : value.toExponential(1))
