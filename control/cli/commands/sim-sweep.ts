/**
 * `kora sim sweep nodes`: one scenario with meshes of several sizes, so that what grows with the mesh is
 * seen beside what does not. Ctrl-C gives the sizes that were run to their end.
 */
import { basename } from 'node:path'
import { type Exit, MeshError } from '#contracts'
import { type CommandContext, table } from '#mesh-node/cli'
import { type RunReport, runScenario, type ScenarioChanges } from '#sim'
import { runPorts, scenarioNamed } from './sim-run.ts'

export interface SweepNodesFlags {
  readonly nodes: readonly number[]
  readonly unitsPerNode: number
  readonly set: ScenarioChanges
  readonly seed: number
  readonly json: boolean
}

interface SizeRow {
  readonly nodes: number
  readonly units: number
  readonly bids_per_unit: number
  readonly executions_per_unit: number
  /** Messages that were published, whatever the number of those who hear them. */
  readonly published: number
  readonly delivery_p50_ms: number
  readonly delivery_p99_ms: number
  readonly duplicates: number
  /** From the first submission to the last end; null: not all have ended. */
  readonly makespan_ms: number | null
  readonly events: number
  readonly wall_ms: number
  readonly rss_mb: number
  readonly violations: number
}

const SIZES = [10, 100, 1_000, 10_000]

export async function sweepNodes(
  name: string,
  { nodes, unitsPerNode, set, seed, json }: SweepNodesFlags,
  context: CommandContext
): Promise<Exit> {
  const { io, signal } = context
  const scenario = scenarioNamed(name, set)
  if (scenario.units === 0) throw new MeshError('cli.usage', { scenario: name, units: 0 })
  const rows: SizeRow[] = []
  for (const size of nodes.length > 0 ? nodes : SIZES) {
    if (io.live) io.err(`${size} nodes …`)
    const sized = { ...scenario, nodes: size, units: size * unitsPerNode }
    const options = { name: basename(name, '.yaml'), scenario: sized, seed }
    const report = await runScenario(options, runPorts(context))
    if (signal.aborted) break
    rows.push(rowOf(report))
  }
  if (json) io.out(JSON.stringify({ scenario: basename(name, '.yaml'), seed, sizes: rows }))
  else for (const line of wordsOf(rows)) io.out(line)
  return !signal.aborted && rows.every(({ violations }) => violations === 0) ? 'ok' : 'failed'
}

function rowOf({ units, gossip, ...report }: RunReport): SizeRow {
  return {
    nodes: report.nodes,
    units: units.submitted,
    bids_per_unit: report.bids_per_unit,
    executions_per_unit: units.executions / units.submitted,
    published: gossip.published,
    delivery_p50_ms: gossip.delivery_p50_ms,
    delivery_p99_ms: gossip.delivery_p99_ms,
    duplicates: gossip.duplicates,
    makespan_ms: report.ended_ms,
    events: report.events,
    wall_ms: report.wall_ms,
    rss_mb: report.rss_mb,
    violations: report.violations.length
  }
}

function wordsOf(rows: readonly SizeRow[]): readonly string[] {
  const head = [
    'nodes',
    'units',
    'bids a unit',
    'executions a unit',
    'gossip p50 ms',
    'p99 ms',
    'copies more',
    'makespan s',
    'events/s',
    'MB',
    'violations'
  ]
  return table(
    head,
    rows.map((row) => [
      row.nodes,
      row.units,
      row.bids_per_unit.toFixed(3),
      row.executions_per_unit.toFixed(3),
      row.delivery_p50_ms,
      row.delivery_p99_ms,
      row.duplicates,
      row.makespan_ms === null ? 'not all ended' : (row.makespan_ms / 1_000).toFixed(1),
      Math.round((row.events * 1_000) / Math.max(1, row.wall_ms)),
      row.rss_mb,
      row.violations
    ])
  )
}
