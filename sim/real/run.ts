/**
 * One run in this process, whose time and chance are virtual already: opens the world, lets it do what
 * the options say, and reports. Wall time and memory are told beside the trace, never in it.
 */
import { GOSSIP_MESH, GossipWatch, runGossip } from './gossip-run.ts'
import { genesisOf } from './mesh-parts.ts'
import { runMesh } from './mesh-run.ts'
import type { RealOptions } from './options.ts'
import type { RealProgress, RealReport, RealUnits } from './report.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { openWorld } from './world.ts'

/** Virtual time between two words on how far the run is. */
const PROGRESS_US = 500_000
const MB = 1024 * 1024
const NO_UNITS: RealUnits = {
  submitted: 0,
  accepted: 0,
  wrong_accepted: 0,
  failed: 0,
  executions: 0
}

export interface RunPorts {
  readonly clock: VirtualClock
  readonly onProgress: (progress: RealProgress) => void
}

export async function runScenario(options: RealOptions, ports: RunPorts): Promise<RealReport> {
  const { clock } = ports
  const startedNs = process.hrtime.bigint()
  tellProgress(ports)
  const { work } = options
  const genesis = genesisOf(options)
  const mesh = work === null ? GOSSIP_MESH : genesis.id
  const world = await openWorld(options, { clock, mesh, isStar: work !== null })
  const watch = new GossipWatch(world)
  const found = work === null ? null : await runMesh(world, watch, { genesis, work })
  if (work === null) await runGossip(world, watch)
  return {
    scenario: work === null ? 'gossip' : 'work',
    fidelity: 'real',
    seed: options.seed,
    nodes: options.nodes,
    connections: world.connections(),
    events: clock.happened,
    virtual_ms: clock.nowUs / 1_000,
    wall_ms: Number((process.hrtime.bigint() - startedNs) / 1_000_000n),
    rss_mb: Math.round(process.memoryUsage().rss / MB),
    trace_hash: world.trace.end(),
    trace_events: world.trace.events,
    trace_marks: world.trace.marks,
    violations: found?.violations ?? [],
    units: found?.units ?? NO_UNITS,
    bids_per_unit: found === null ? 0 : found.bids / found.units.submitted,
    gossip: watch.figures(),
    ledger_digest: found?.ledgerDigest ?? null,
    is_partial: clock.isStopped
  }
}

function tellProgress({ clock, onProgress }: RunPorts): void {
  clock.after(PROGRESS_US, () => {
    onProgress({ virtual_ms: clock.nowUs / 1_000, events: clock.happened })
    tellProgress({ clock, onProgress })
  })
}
