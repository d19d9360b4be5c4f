/**
 * Runs the swarm: one drawn scenario a seed, each judged by the checkers of the mesh. A run that stops
 * at one of our own assertions is a finding like any other, with its seed; the mesh that it broke is
 * thrown away whole, and the next seed begins with a new one.
 */
import { AssertionFailure } from '#contracts'
import type { RunReport } from '../world/report.ts'
import { runScenario } from '../world/run.ts'
import type { RunPorts } from '../world/run-ports.ts'
import type { Scenario } from '../world/scenario.ts'
import { drawScenario } from './draw.ts'
import { drawLarge } from './draw-large.ts'

/** Findings that are kept: whoever has so many reads the first. */
const FINDINGS_MAX = 1_000

export interface Finding {
  readonly seed: number
  /** A rule of the checkers, `assertion`, or `repeatable` where two runs of the seed differ. */
  readonly rule: string
  readonly at_ms: number | null
  readonly detail: string
}

export interface SoakReport {
  readonly from: number
  /** Seeds that were run to their end. */
  readonly seeds: number
  readonly events: number
  readonly units: number
  readonly executions: number
  readonly findings: readonly Finding[]
  readonly wall_ms: number
  readonly is_partial: boolean
}

export interface SoakOptions {
  readonly from: number
  readonly seeds: number
  /** Each seed twice: both runs must leave one trace and one ledger. */
  readonly isTwice: boolean
  /** Meshes of so many nodes with every kind of fault, cut off early; null: the swarm's own. */
  readonly nodes?: number | null
}

export interface SeedResult {
  readonly report: RunReport | null
  readonly finding: Finding | null
}

/** What a seed draws: a mesh of the swarm, or a large one of so many nodes. */
export const seedScenario = (seed: number, nodes: number | null): Scenario =>
  nodes === null ? drawScenario(seed) : drawLarge(seed, nodes)

/** What is cut off early has units that have not ended, and credit that is held for them. */
const OF_THE_END: readonly string[] = ['all_end', 'nothing_held', 'nothing_kept']

/** One seed of the swarm, or a scenario that is drawn otherwise or cut down from it. */
export async function runSeed(
  seed: number,
  ports: RunPorts,
  scenario: Scenario = drawScenario(seed),
  /** It is a large one, which ends in the middle of its troubles. */
  isCutOff = false
): Promise<SeedResult> {
  try {
    const report = await runScenario({ name: `swarm-${seed}`, scenario, seed }, ports)
    const first = report.violations.find(({ rule }) => !isCutOff || !OF_THE_END.includes(rule))
    return { report, finding: first === undefined ? null : { seed, ...first } }
  } catch (error) {
    if (!(error instanceof AssertionFailure)) throw error
    const finding = { seed, rule: 'assertion', at_ms: null, detail: error.message }
    return { report: null, finding }
  }
}

/** What is left of a seed once it was looked at. */
export interface SeedOutcome {
  readonly seed: number
  readonly events: number
  readonly units: number
  readonly executions: number
  readonly finding: Finding | null
  /** It was stopped, and counts for nothing. */
  readonly is_partial: boolean
}

type SoakedSeed = Pick<SoakOptions, 'isTwice' | 'nodes'>

/** One seed of a soak, twice where that is asked for. */
export async function soakSeed(
  seed: number,
  { isTwice, nodes = null }: SoakedSeed,
  ports: RunPorts
): Promise<SeedOutcome> {
  const scenario = seedScenario(seed, nodes)
  const { report, finding } = await runSeed(seed, ports, scenario, nodes !== null)
  const isPartial = report?.is_partial === true
  // a run that breaks a rule must break it again
  const isAgain = isTwice && report !== null && !isPartial
  const other = isAgain ? await differs(report, scenario, ports) : null
  return {
    seed,
    events: report?.events ?? 0,
    units: report?.units.submitted ?? 0,
    executions: report?.units.executions ?? 0,
    finding: other ?? finding,
    is_partial: isPartial
  }
}

export interface SoakPorts {
  /** `soakSeed`, here or elsewhere. */
  readonly runSeed: (seed: number) => Promise<SeedOutcome>
  /** So many seeds at once. */
  readonly jobs: number
  readonly wallMs: () => number
  /** In the order of the seeds, each when all before it are done. */
  readonly onSeed: (outcome: SeedOutcome) => void
}

/** The same report however many run at once; where it is stopped, it is of the seeds before the first that was. */
export async function soak(
  { from, seeds }: Pick<SoakOptions, 'from' | 'seeds'>,
  { runSeed: run, jobs, wallMs, onSeed }: SoakPorts
): Promise<SoakReport> {
  const startMs = wallMs()
  const findings: Finding[] = []
  const counts = { seeds: 0, events: 0, units: 0, executions: 0 }
  const done = new Map<number, SeedOutcome>()
  let isPartial = false
  const book = (outcome: SeedOutcome): void => {
    counts.seeds += 1
    counts.events += outcome.events
    counts.units += outcome.units
    counts.executions += outcome.executions
    if (outcome.finding !== null && findings.length < FINDINGS_MAX) findings.push(outcome.finding)
    onSeed(outcome)
  }
  let next = from
  const work = async (): Promise<void> => {
    while (next < from + seeds && !isPartial) {
      const outcome = await run(next++)
      if (outcome.is_partial) isPartial = true
      else done.set(outcome.seed, outcome)
      for (let first = done.get(from + counts.seeds); first !== undefined; ) {
        done.delete(first.seed)
        book(first)
        first = done.get(from + counts.seeds)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, work))
  const wall_ms = Math.round(wallMs() - startMs)
  return { from, ...counts, findings, wall_ms, is_partial: isPartial }
}

/** One seed after the other, where it is called. */
export const soakHere = (
  options: SoakOptions,
  ports: RunPorts & Pick<SoakPorts, 'onSeed'>
): Promise<SoakReport> =>
  soak(options, {
    runSeed: (seed) => soakSeed(seed, options, ports),
    jobs: 1,
    wallMs: ports.wallMs,
    onSeed: ports.onSeed
  })

/** Runs the seed of a report once more. */
async function differs(
  first: RunReport,
  scenario: Scenario,
  ports: RunPorts
): Promise<Finding | null> {
  const { seed } = first
  const { report: second } = await runSeed(seed, ports, scenario)
  if (second === null || second.is_partial) return null
  const isSame =
    first.trace_hash === second.trace_hash && first.ledger_digest === second.ledger_digest
  if (isSame) return null
  const detail = `${first.trace_hash} and ${second.trace_hash}`
  return { seed, rule: 'repeatable', at_ms: null, detail }
}
