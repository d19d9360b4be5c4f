/**
 * `kora sim run --real`: a scenario with the product's own drivers on the real network stack, in
 * virtual time. Progress goes to standard error; Ctrl-C gives the report so far.
 */
import { basename } from 'node:path'
import type { Exit } from '#contracts'
import { type CommandContext, table } from '#mesh-node/cli'
import { checkMemory, type RealReport, realOptionsOf, runReal, type Scenario } from '#sim'
import { memoryMb } from './sim-memory.ts'

interface RealRun {
  readonly name: string
  readonly scenario: Scenario
  readonly seed: number
  readonly json: boolean
}

export async function runOnRealStack(
  { name, scenario, seed, json }: RealRun,
  { io, signal }: CommandContext
): Promise<Exit> {
  checkMemory(scenario, memoryMb(), 'real')
  const found = await runReal(realOptionsOf(scenario, seed), {
    signal,
    onProgress: ({ virtual_ms, events }) => {
      if (io.live) io.err(`${(virtual_ms / 1_000).toFixed(1)} s virtual, ${events} events`)
    }
  })
  const report = { ...found, scenario: basename(name, '.yaml'), claim: scenario.claim }
  if (json) io.out(JSON.stringify(report))
  else for (const line of table(['', `${report.scenario}, real`], rowsOf(report))) io.out(line)
  return report.violations.length === 0 && !report.is_partial ? 'ok' : 'failed'
}

function rowsOf(report: RealReport): readonly (readonly (string | number)[])[] {
  const { units, gossip } = report
  return [
    ['seed', report.seed],
    ['nodes', report.nodes],
    ['connections', report.connections],
    ['units accepted', units.accepted],
    ['wrong accepted', units.wrong_accepted],
    ['executions', units.executions],
    ['bids per unit', report.bids_per_unit.toFixed(2)],
    ['gossip p50', `${gossip.delivery_p50_ms.toFixed(1)} ms`],
    ['gossip p99', `${gossip.delivery_p99_ms.toFixed(1)} ms`],
    ['copies more', gossip.duplicates.toFixed(2)],
    ['virtual time', `${(report.virtual_ms / 1_000).toFixed(1)} s`],
    ['wall time', `${(report.wall_ms / 1_000).toFixed(1)} s, ${report.rss_mb} MB`],
    ['trace', report.trace_hash],
    ['ledger', report.ledger_digest ?? ''],
    ['violations', report.violations.join('; ')]
  ]
}
