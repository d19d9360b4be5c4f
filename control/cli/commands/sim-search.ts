/**
 * `kora sim soak`, `replay`, `shrink` and `bisect`: seeds that fail, one of them again, cut down, or
 * held against another run of it. Ctrl-C gives what was found so far.
 */
import { availableParallelism } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { stringify } from 'yaml'
import { z } from 'zod'
import { type Exit, MeshError } from '#contracts'
import type { CommandContext, Io } from '#mesh-node/cli'
import {
  type Finding,
  partingOf,
  type RunPorts,
  runSeed,
  type Scenario,
  type SeedOutcome,
  type SeedResult,
  type SoakReport,
  SoakThreads,
  seedScenario,
  shippedMatrix,
  shrink,
  soak
} from '#sim'
import { readBounded } from './submission.ts'

interface JsonFlag {
  readonly json: boolean
}
/** `nodes`: the seed is one of the large meshes. */
interface SeedFlags extends JsonFlag {
  readonly nodes?: number
}
export interface SoakFlags extends SeedFlags {
  /** Seeds at once; absent: as many as the machine has cores. */
  readonly jobs?: number
  readonly seeds: number
  readonly from: number
  readonly twice: boolean
}

/** A report of a run with a mark for each thousand of 100 million events. */
const REPORT_BYTES_MAX = 8 * 1024 * 1024
const MIB = 1024 * 1024
const WATCHED_EVERY_MS = 1_000
const LOGGED_EVERY_MS = 60_000

export async function soakSeeds(flags: SoakFlags, context: CommandContext): Promise<Exit> {
  const { io } = context
  const report = await soakOverThreads(flags, context)
  if (flags.json) io.out(JSON.stringify(report))
  else for (const line of soakLines(report, flags)) io.out(line)
  return report.findings.length === 0 && !report.is_partial ? 'ok' : 'failed'
}

async function soakOverThreads(
  flags: SoakFlags,
  { io, signal }: CommandContext
): Promise<SoakReport> {
  const jobs = Math.min(flags.jobs ?? availableParallelism(), flags.seeds)
  const threads = new SoakThreads(jobs, { isTwice: flags.twice, nodes: flags.nodes ?? null })
  const stop = (): void => threads.stop()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const shown = new SoakProgress(flags, io)
  try {
    return await soak(flags, {
      runSeed: (seed) => threads.run(seed),
      jobs,
      wallMs: () => performance.now(),
      onSeed: (outcome) => shown.add(outcome)
    })
  } finally {
    signal.removeEventListener('abort', stop)
    await threads.end()
  }
}

/** A line for each seed that fails, as soon as it does; and how far it is, often where somebody watches. */
class SoakProgress {
  readonly #flags: SoakFlags
  readonly #io: Io
  readonly #everyMs: number
  readonly #startMs = performance.now()
  #shownMs = this.#startMs
  #done = 0
  #events = 0
  #findings = 0

  constructor(flags: SoakFlags, io: Io) {
    this.#flags = flags
    this.#io = io
    this.#everyMs = io.live ? WATCHED_EVERY_MS : LOGGED_EVERY_MS
  }

  add({ events, finding }: SeedOutcome): void {
    this.#done += 1
    this.#events += events
    if (finding !== null) {
      this.#findings += 1
      this.#io.err(findingLine(finding))
    }
    const nowMs = performance.now()
    if (nowMs - this.#shownMs < this.#everyMs) return
    this.#shownMs = nowMs
    const { seeds } = this.#flags
    const elapsedS = (nowMs - this.#startMs) / 1_000
    const leftMinutes = Math.ceil((elapsedS * (seeds / this.#done - 1)) / 60)
    const speed = Math.round(this.#events / elapsedS)
    this.#io.err(
      `${this.#done} of ${seeds} seeds, ${this.#findings} fail, ${speed} events/s, ${leftMinutes} min left`
    )
  }
}

function soakLines(report: SoakReport, { nodes }: SeedFlags): string[] {
  const { seeds, events, units, executions, findings, wall_ms: wallMs } = report
  return [
    `${seeds} seeds, ${events} events, ${units} units in ${executions} executions, ${wallMs} ms`,
    ...findings.map(findingLine),
    ...(findings.length === 0
      ? ['no seed fails']
      : [`next: kora sim shrink <seed>${drawnWith(nodes)}`]),
    ...(report.is_partial ? [`stopped; it goes on with --from ${report.from + seeds}`] : [])
  ]
}

const drawnWith = (nodes: number | undefined): string =>
  nodes === undefined ? '' : ` --nodes ${nodes}`

const findingLine = ({ seed, rule, at_ms, detail }: Finding): string =>
  `seed ${seed} breaks ${rule}${at_ms === null ? '' : ` at ${at_ms} ms`}: ${detail}`

export async function replaySeed(
  seed: number,
  flags: SeedFlags,
  { io, signal }: CommandContext
): Promise<Exit> {
  const { scenario, run } = drawn(seed, flags, portsOf(signal))
  const { report, finding } = await run(scenario)
  if (flags.json) io.out(JSON.stringify({ ...report, scenario, finding }))
  else {
    io.out(stringify(scenario).trimEnd())
    if (report !== null) io.out(`# ${report.events} events, trace ${report.trace_hash}`)
    io.out(finding === null ? '# no rule is broken' : `# ${findingLine(finding)}`)
  }
  return finding === null && report?.is_partial !== true ? 'ok' : 'failed'
}

export async function shrinkSeed(
  seed: number,
  flags: SeedFlags,
  { io, signal }: CommandContext
): Promise<Exit> {
  const { scenario: whole, run } = drawn(seed, flags, portsOf(signal))
  const { finding } = await run(whole)
  if (finding === null) {
    io.err(`seed ${seed} breaks no rule`)
    return 'failed'
  }
  const { scenario, tries } = await shrink(whole, async (smaller) => {
    if (signal.aborted) return false
    const again = await run(smaller)
    if (io.live) io.err(`${smaller.nodes} nodes, ${smaller.units} units`)
    return again.finding?.rule === finding.rule
  })
  if (flags.json) io.out(JSON.stringify({ seed, rule: finding.rule, tries, scenario }))
  else {
    io.out(`# ${findingLine(finding)}; ${tries} tries`)
    io.out(stringify(scenario).trimEnd())
  }
  return signal.aborted ? 'failed' : 'ok'
}

/** A run of the real fidelity has more events than are in its trace. */
const Traced = z
  .object({
    trace_hash: z.string(),
    trace_marks: z.array(z.string()),
    events: z.int().min(0),
    trace_events: z.int().min(0).optional()
  })
  .transform(({ trace_events, ...run }) => ({ ...run, events: trace_events ?? run.events }))

export async function bisectReports(
  paths: readonly [string, string],
  { json }: JsonFlag,
  { io }: CommandContext
): Promise<Exit> {
  const [one, other] = paths.map(readTraced)
  if (one === undefined || other === undefined) throw new MeshError('input.malformed')
  const parting = partingOf(one, other)
  if (json) io.out(JSON.stringify({ same: parting === null, parting }))
  else if (parting === null) io.out('the same trace')
  else {
    io.out(`the same up to event ${parting.same_until_event}`)
    io.out(`different by event ${parting.differs_by_event}`)
  }
  return parting === null ? 'ok' : 'failed'
}

function readTraced(path: string): z.infer<typeof Traced> {
  const text = new TextDecoder().decode(readBounded(path, REPORT_BYTES_MAX))
  try {
    return Traced.parse(JSON.parse(text))
  } catch (cause) {
    const reason = 'is no report of kora sim'
    throw new MeshError('input.malformed', { file: path, reason }, { cause })
  }
}

interface DrawnSeed {
  readonly scenario: Scenario
  /** What the seed drew, or what is left of it. */
  readonly run: (scenario: Scenario) => Promise<SeedResult>
}

function drawn(
  seed: number,
  { nodes = null }: { nodes?: number | null },
  ports: RunPorts
): DrawnSeed {
  const run = (scenario: Scenario) => runSeed(seed, ports, scenario, nodes !== null)
  return { scenario: seedScenario(seed, nodes), run }
}

const portsOf = (signal: AbortSignal): RunPorts => ({
  matrixOf: shippedMatrix,
  goesOn: async () => {
    await turn()
    return !signal.aborted
  },
  wallMs: () => performance.now(),
  rssMb: () => process.memoryUsage.rss() / MIB
})
