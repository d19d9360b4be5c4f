/**
 * Runs a scenario to its end, or until it is told to stop, and says what it found. Everything but the
 * time and memory of the machine that runs it follows from scenario and seed.
 */

import { Chance } from '../kernel/chance.ts'
import { rightAnswer } from '../nodes/answers.ts'
import { criticalPathUs, makespanBounds } from '../workload/workflow.ts'
import type { RunSeries } from './chronicle.ts'
import { lastFaultMs } from './faults.ts'
import { proveLedger } from './ledger-proofs.ts'
import type { RunReport, WorkflowReport } from './report.ts'
import { runGossipOnly } from './run-gossip.ts'
import { checkMemory } from './run-memory.ts'
import type { RunOptions, RunPorts } from './run-ports.ts'
import type { Scenario } from './scenario.ts'
import { SimulatedMesh } from './simulated-mesh.ts'
import { NODE_SLOTS } from './simulated-node.ts'
import { type PacedWorkflow, plainWork, workflowWork } from './workload.ts'

/** Events between two looks at whether to stop. */
const SLICE = 20_000
/** Events between two looks at what the gateway of a small mesh keeps. */
const LOOK_EVERY = 500
const LOOKED_AT_MAX = 200
/** After the last unit has ended: what is still under way settles, and credit is given back. */
const SETTLE_MS = 120_000
/** Then whoever can reach the control node has so long, to the end, to do it: pauses are half as long. */
const HEALED_MS = 25_000
/** The last words, on a slow disk too. */
const CLOSE_MS = 5_000

export async function runScenario(options: RunOptions, ports: RunPorts): Promise<RunReport> {
  if (ports.memoryMb !== undefined) checkMemory(options.scenario, ports.memoryMb())
  return options.scenario.units === 0 ? runGossipOnly(options, ports) : runMesh(options, ports)
}

async function runMesh(
  { name, scenario, seed, workflow, signer = 'hash', withSeries = false }: RunOptions,
  ports: RunPorts
): Promise<RunReport> {
  const startMs = ports.wallMs()
  const workload = workflow === undefined ? plainWork(scenario) : workflowWork(workflow, scenario)
  const mesh = new SimulatedMesh(scenario, {
    seed,
    matrixOf: ports.matrixOf,
    workload,
    signer,
    withSeries
  })
  const { time, checks } = mesh
  let untilUs = scenario.until_ms * 1_000
  let isPartial = false
  let endedMs: number | null = null
  let isMarked = false
  const healedMs = lastFaultMs(scenario)
  for (let turn = 1; time.step(untilUs); turn++) {
    while (mesh.reading !== null) await mesh.reading
    if (endedMs === null && checks.ended === scenario.units) {
      endedMs = time.nowMs
      // where nodes are checked, units that have ended may be under way once more
      if (scenario.trust === 'probation') mesh.close()
      untilUs = Math.min(untilUs, time.nowUs + SETTLE_MS * 1_000)
    }
    const isHealed = endedMs !== null && endedMs >= healedMs && time.nowMs - endedMs > HEALED_MS
    if (isHealed && !isMarked) {
      isMarked = true
      mesh.markApart()
    }
    if (turn % LOOK_EVERY === 0 && scenario.nodes <= LOOKED_AT_MAX) mesh.look()
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
  if (!isPartial) {
    checks.finished(scenario.units)
    mesh.close()
    await pass(mesh, time.nowUs + CLOSE_MS * 1_000)
    if (isMarked) mesh.lookAtEnd()
    checks.settled(mesh.sequencer.fold)
    await mesh.replicas?.follow((endUs) => pass(mesh, endUs), healedMs)
    await proveLedger(mesh.sequencer, {
      chance: new Chance(seed, 'proofs'),
      broken: (rule, detail) => checks.found(rule, detail)
    })
  }
  return reportOf(mesh, {
    name,
    scenario,
    seed,
    withSeries,
    ...(workflow === undefined ? {} : { workflow }),
    isPartial,
    endedMs,
    wallMs: ports.wallMs() - startMs,
    rssMb: ports.rssMb()
  })
}

async function pass(mesh: SimulatedMesh, endUs: number): Promise<void> {
  while (mesh.time.step(endUs)) {
    while (mesh.reading !== null) await mesh.reading
  }
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
    gossip: gossip.report(),
    bids_per_unit: bids / scenario.units,
    roles: mesh.roles.report(),
    ...(mesh.replicas === null ? {} : { replicas: mesh.replicas.figures }),
    ledger_digest: sequencer.fold.digest(),
    ...(ended.workflow === undefined
      ? {}
      : { workflow: workflowReport(ended.workflow, ended.endedMs, scenario) }),
    ...(ended.withSeries === true ? { series: seriesOf(mesh, scenario) } : {}),
    is_partial: ended.isPartial
  }
}

function seriesOf({ chronicle, placeTallies }: SimulatedMesh, { latency }: Scenario): RunSeries {
  const matrix = typeof latency === 'string' ? latency : null
  return chronicle.series({ matrix, places: placeTallies })
}

function workflowReport(
  { workflow, faster }: PacedWorkflow,
  endedMs: number | null,
  { nodes }: Scenario
): WorkflowReport {
  const bounds = makespanBounds(workflow, nodes * NODE_SLOTS)
  const ms = (us: number): number => Math.round(us / 1_000 / faster)
  return {
    name: workflow.name,
    tasks: workflow.tasks.length,
    faster,
    critical_path_ms: ms(criticalPathUs(workflow)),
    least_ms: ms(bounds.leastUs),
    greedy_most_ms: ms(bounds.greedyMostUs),
    makespan_ms: endedMs
  }
}
