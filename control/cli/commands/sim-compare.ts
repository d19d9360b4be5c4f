/**
 * `kora sim compare sabotage | earnings` and `kora sim sweep sabotage`: trust policies measured in the
 * arena. Ctrl-C gives what was measured so far. Nothing here runs a mesh or touches a disk.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { type Exit, MeshError } from '#contracts'
import { PROBATION_DEFAULTS } from '#ledger'
import { type CommandContext, table } from '#mesh-node/cli'
import {
  type Column,
  columnsNamed,
  compareCase,
  comparisonPage,
  type EarningsRow,
  earningsOf,
  type Mean,
  PATIENCES,
  POLICY_NAMES,
  policyNamed,
  type SabotageRow,
  type SweepPoint,
  seedsFrom,
  sweep,
  sweepPage,
  withFrontier
} from '#sim'
import { writeReport } from './sim-report.ts'

interface SimFlags {
  readonly seeds: number
  readonly from: number
  readonly json: boolean
}

export interface CompareFlags extends SimFlags {
  readonly policy: readonly string[]
  readonly column: readonly string[]
  readonly nodes?: number
  readonly units?: number
  readonly report?: string
}

export interface SweepFlags extends SimFlags {
  readonly column: string
  readonly report?: string
}

const MILLION = 1_000_000

export async function compareSabotage(flags: CompareFlags, context: CommandContext): Promise<Exit> {
  const columns = columnsNamed(flags.column).map((column) => resized(column, flags))
  const names = flags.policy.length > 0 ? flags.policy : POLICY_NAMES
  const cases = columns.flatMap((column) =>
    names.map((name) => ({ column, policy: policyNamed(name)(column) }))
  )
  const rows: SabotageRow[] = []
  for (const { column, policy } of cases) {
    if (!(await goesOn(context, `${policy.name} in ${column.name}`))) break
    rows.push(compareCase({ column, policy, seeds: seedsFrom(flags.from, flags.seeds) }))
  }
  const { io, signal } = context
  const complete = !signal.aborted
  const figures = { complete, policies: rows.map(rowJson) }
  if (flags.json) io.out(JSON.stringify(figures))
  else for (const line of table(COMPARE_HEADINGS, rows.map(rowCells))) io.out(line)
  if (flags.report !== undefined) {
    writeReport(flags.report, { page: comparisonPage(rows, complete), figures }, io)
  }
  return complete ? 'ok' : 'failed'
}

export async function compareEarnings(flags: SimFlags, context: CommandContext): Promise<Exit> {
  const rows: EarningsRow[] = []
  for (const sabotagePerMillion of [MILLION / 10, MILLION]) {
    for (const patience of PATIENCES) {
      if (!(await goesOn(context, `patience ${patience}`))) break
      const seeds = seedsFrom(flags.from, flags.seeds)
      rows.push(earningsOf({ patience, sabotagePerMillion, settings: PROBATION_DEFAULTS, seeds }))
    }
  }
  const { io, signal } = context
  const complete = !signal.aborted
  if (flags.json) io.out(JSON.stringify({ complete, earnings: rows.map(earningsJson) }))
  else for (const line of table(EARNINGS_HEADINGS, rows.map(earningsCells))) io.out(line)
  return complete ? 'ok' : 'failed'
}

export async function sweepSabotage(flags: SweepFlags, context: CommandContext): Promise<Exit> {
  const [column] = columnsNamed([flags.column])
  if (column === undefined) throw new MeshError('input.malformed', { column: flags.column })
  const points: Omit<SweepPoint, 'isFrontier'>[] = []
  for (const point of sweep(column, seedsFrom(flags.from, flags.seeds))) {
    points.push(point)
    if (!(await goesOn(context, `${points.length} points`))) break
  }
  const { io, signal } = context
  const complete = !signal.aborted
  const found = withFrontier(points)
  const figures = { complete, points: found.map(pointJson) }
  if (flags.json) io.out(JSON.stringify(figures))
  else for (const line of table(SWEEP_HEADINGS, found.map(pointCells))) io.out(line)
  if (flags.report !== undefined) {
    writeReport(flags.report, { page: sweepPage(found, complete), figures }, io)
  }
  return complete ? 'ok' : 'failed'
}

/** Says how far it is, and lets Ctrl-C in. */
async function goesOn({ io, signal }: CommandContext, what: string): Promise<boolean> {
  if (io.live) io.err(what)
  await turn()
  return !signal.aborted
}

function resized(column: Column, { nodes, units }: CompareFlags): Column {
  return { ...column, nodes: nodes ?? column.nodes, units: units ?? column.units }
}

const COMPARE_HEADINGS = [
  'policy',
  'column',
  'f',
  's',
  'patience',
  'executions/unit',
  'wrong accepted',
  'wrong at first',
  'unsettled',
  'honest banned',
  'honest believed'
]

function rowCells(row: SabotageRow): readonly (string | number)[] {
  const { column } = row
  return [
    row.policy,
    column.name,
    column.saboteursPerMille / 1000,
    column.sabotagePerMillion / MILLION,
    column.patience,
    fixed(row.executionsPerUnit, 3),
    tiny(row.wrongAccepted),
    tiny(row.wrongAtFirst),
    row.unsettled.mean.toFixed(2),
    row.honestBanned.mean.toFixed(1),
    `${Math.round(row.honestBelieved.mean * 100)} %`
  ]
}

/** The 95 % interval beside the mean; of one seed there is none. */
const fixed = ({ mean, half }: Mean, digits: number): string =>
  half === 0 ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`
const tiny = ({ mean, half }: Mean): string =>
  half === 0 ? mean.toExponential(1) : `${mean.toExponential(1)} ± ${half.toExponential(0)}`

function rowJson(row: SabotageRow) {
  const { column } = row
  return {
    name: row.policy,
    column: column.name,
    f: column.saboteursPerMille / 1000,
    s: column.sabotagePerMillion / MILLION,
    patience: column.patience,
    faults: column.faultsPerMillion / MILLION,
    nodes: column.nodes,
    units: column.units,
    seeds: row.seeds,
    executions_per_unit: row.executionsPerUnit.mean,
    executions_per_unit_ci95: row.executionsPerUnit.half,
    wrong_accepted: row.wrongAccepted.mean,
    wrong_accepted_ci95: row.wrongAccepted.half,
    wrong_at_first: row.wrongAtFirst.mean,
    unsettled: row.unsettled.mean,
    honest_banned: row.honestBanned.mean,
    honest_believed: row.honestBelieved.mean
  }
}

const EARNINGS_HEADINGS = [
  's',
  'patience',
  'convicted',
  'wrong paid',
  'right lost',
  'wrong in escrow',
  'balance'
]

function earningsCells(row: EarningsRow): readonly (string | number)[] {
  return [
    row.sabotagePerMillion / MILLION,
    row.patience,
    `${row.convicted} of ${row.saboteurs}`,
    row.paidWrong.toFixed(2),
    row.lostRight.toFixed(1),
    row.openWrong.toFixed(1),
    fixed(row.balance, 1)
  ]
}

function earningsJson(row: EarningsRow) {
  return {
    name: 'probation',
    s: row.sabotagePerMillion / MILLION,
    patience: row.patience,
    seeds: row.seeds,
    saboteurs: row.saboteurs,
    convicted: row.convicted,
    wrong_paid: row.paidWrong,
    right_lost: row.lostRight,
    wrong_in_escrow: row.openWrong,
    balance: row.balance.mean,
    balance_ci95: row.balance.half
  }
}

const SWEEP_HEADINGS = [
  'passes first',
  'extras per mille',
  'executions/unit',
  'wrong accepted',
  'honest believed',
  'frontier'
]

function pointCells({ passesFirst, extrasPerMille, row, isFrontier }: SweepPoint) {
  return [
    passesFirst,
    extrasPerMille,
    fixed(row.executionsPerUnit, 3),
    tiny(row.wrongAccepted),
    `${Math.round(row.honestBelieved.mean * 100)} %`,
    isFrontier ? 'yes' : ''
  ]
}

function pointJson({ passesFirst, extrasPerMille, row, isFrontier }: SweepPoint) {
  const settings = { passes_first: passesFirst, extras_per_mille: extrasPerMille }
  return { ...settings, ...rowJson(row), frontier: isFrontier }
}
