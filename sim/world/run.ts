/**
 * Runs a scenario to its end, or until it is told to stop, and says what it found. Everything but the
 * time and memory of the machine that runs it follows from scenario and seed.
 */
import type { MatrixOf } from './places.ts'
import type { RunReport } from './report.ts'
import type { Scenario } from './scenario.ts'
import { SimulatedMesh } from './simulated-mesh.ts'
import { rightAnswer } from './work.ts'

/** Events between two looks at whether to stop. */
const SLICE = 20_000
/** After the last unit has ended: what is still under way settles, and credit is given back. */
const SETTLE_MS = 120_000

export interface RunProgress {
  readonly events: number
  readonly virtual_ms: number
  readonly ended: number
  readonly units: number
}

export interface RunPorts {
  /** Between slices: shows how far it is; false ends the run. */
  readonly goesOn: (progress: RunProgress) => Promise<boolean>
  /** Measured round trips, where a scenario asks for them. */
  readonly matrixOf: MatrixOf
  /** Of the machine, for speed alone. */
  readonly wallMs: () => number
  readonly rssMb: () => number
}

export interface RunOptions {
  readonly name: string
  readonly scenario: Scenario
  readonly seed: number
}

export async function runScenario(
  { name, scenario, seed }: RunOptions,
  ports: RunPorts
): Promise<RunReport> {
  const startMs = ports.wallMs()
  const mesh = new SimulatedMesh(scenario, seed, ports.matrixOf)
  const { time, checks } = mesh
  let untilUs = scenario.until_ms * 1_000
  let isPartial = false
  let endedMs: number | null = null
  for (let turn = 1; time.step(untilUs); turn++) {
    if (mesh.reading !== null) await mesh.reading
    if (endedMs === null && checks.ended === scenario.units) {
      endedMs = time.nowMs
      untilUs = Math.min(untilUs, time.nowUs + SETTLE_MS * 1_000)
    }
    if (turn % SLICE !== 0) continue
    const progress = {
      events: time.trace.events,
      virtual_ms: time.nowMs,
      ended: checks.ended,
      units: scenario.units
    }
    if (!(await ports.goesOn(progress))) {
      isPartial = true
      break
    }
  }
  if (!isPartial) checks.finished(scenario.units)
  return reportOf(mesh, {
    name,
    scenario,
    seed,
    isPartial,
    endedMs,
    wallMs: ports.wallMs() - startMs,
    rssMb: ports.rssMb()
  })
}

interface Ended extends RunOptions {
  readonly isPartial: boolean
  readonly endedMs: number | null
  readonly wallMs: number
  readonly rssMb: number
}

function reportOf(mesh: SimulatedMesh, ended: Ended): RunReport {
  const { time, checks, gossip, sequencer, executions, bids } = mesh
  const { scenario } = ended
  const { p50Ms, p99Ms, duplicates } = gossip.figures()
  const counts = { accepted: 0, wrong: 0, failed: 0 }
  for (const { status, outputCid, finalUnitId } of checks.outcomes()) {
    if (status !== 'success') counts.failed += 1
    else counts.accepted += 1
    if (status === 'success' && outputCid !== rightAnswer(finalUnitId)) counts.wrong += 1
  }
  return {
    scenario: ended.name,
    claim: scenario.claim,
    fidelity: 'model',
    seed: ended.seed,
    nodes: scenario.nodes,
    events: time.trace.events,
    virtual_ms: time.nowMs,
    ended_ms: ended.endedMs,
    wall_ms: Math.round(ended.wallMs),
    rss_mb: Math.round(ended.rssMb),
    trace_hash: time.trace.hash(),
    trace_marks: time.trace.marks,
    violations: checks.violations,
    units: {
      submitted: scenario.units,
      accepted: counts.accepted,
      wrong_accepted: counts.wrong,
      failed: counts.failed,
      executions
    },
    gossip: {
      published: gossip.published,
      delivery_p50_ms: p50Ms,
      delivery_p99_ms: p99Ms,
      duplicates: Math.round(duplicates * 1_000) / 1_000
    },
    bids_per_unit: bids / scenario.units,
    ledger_digest: sequencer.fold.digest(),
    is_partial: ended.isPartial
  }
}
