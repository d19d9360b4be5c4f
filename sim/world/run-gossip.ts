/**
 * Runs a scenario that is gossip alone to its end, or until it is told to stop. The report has the
 * shape of every other: without work, what is said of units is nothing.
 */
import { GossipOnly } from './gossip-only.ts'
import type { RunReport } from './report.ts'
import type { RunOptions, RunPorts } from './run-ports.ts'

/** Events between two looks at whether to stop. */
const SLICE = 20_000
/** What is still under way after the last message had its time. */
const SETTLE_MS = 1_000

export async function runGossipOnly(options: RunOptions, ports: RunPorts): Promise<RunReport> {
  const { scenario, seed } = options
  const startMs = ports.wallMs()
  const run = new GossipOnly(scenario, { seed, matrixOf: ports.matrixOf })
  const { time } = run
  const { until_ms: lastMs = 0, within_ms: withinMs = 0 } = scenario.messages ?? {}
  const untilUs = Math.min(scenario.until_ms, lastMs + withinMs + SETTLE_MS) * 1_000
  let isPartial = false
  for (let turn = 1; time.step(untilUs); turn++) {
    if (turn % SLICE !== 0) continue
    const progress = { events: time.trace.events, virtual_ms: time.nowMs, ended: 0, units: 0 }
    if (await ports.goesOn(progress)) continue
    isPartial = true
    break
  }
  const wallMs = ports.wallMs() - startMs
  return {
    ...reportOf(run, options),
    wall_ms: Math.round(wallMs),
    ...machine(ports),
    is_partial: isPartial
  }
}

const machine = ({ rssMb }: RunPorts): Pick<RunReport, 'rss_mb'> => ({
  rss_mb: Math.round(rssMb())
})

type OfMachine = 'wall_ms' | 'rss_mb' | 'is_partial'

function reportOf(
  { time, checks, gossip, missed }: GossipOnly,
  { name, scenario, seed }: RunOptions
): Omit<RunReport, OfMachine> {
  return {
    scenario: name,
    claim: scenario.claim,
    fidelity: 'model',
    seed,
    nodes: scenario.nodes,
    events: time.trace.events,
    virtual_ms: time.nowMs,
    ended_ms: null,
    trace_hash: time.trace.hash(),
    trace_marks: time.trace.marks,
    violations: checks.violations,
    units: { submitted: 0, accepted: 0, wrong_accepted: 0, failed: 0, executions: 0 },
    gossip: { ...gossip.report(), missed },
    bids_per_unit: 0,
    roles: [],
    ledger_digest: ''
  }
}
