/**
 * `kora sim soak`, `replay`, `shrink` and `bisect`: seeds that fail, one of them again, cut down, or
 * held against another run of it. Ctrl-C gives what was found so far.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { stringify } from 'yaml'
import { z } from 'zod'
import { type Exit, MeshError } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import {
  drawScenario,
  type Finding,
  partingOf,
  type RunPorts,
  runSeed,
  type SoakReport,
  shippedMatrix,
  shrink,
  soak
} from '#sim'
import { readBounded } from './submission.ts'

interface JsonFlag {
  readonly json: boolean
}
export interface SoakFlags extends JsonFlag {
  readonly seeds: number
  readonly from: number
  readonly twice: boolean
  readonly nodes?: number
}

/** A report of a run with a mark for each thousand of 100 million events. */
const REPORT_BYTES_MAX = 8 * 1024 * 1024
const SEED_MAX = 0xffff_ffff
const MIB = 1024 * 1024

export async function soakSeeds(flags: SoakFlags, context: CommandContext): Promise<Exit> {
  const { io, signal } = context
  const report = await soak(
    {
      from: flags.from,
      seeds: flags.seeds,
      isTwice: flags.twice,
      nodes: flags.nodes ?? null
    },
    {
      ...portsOf(signal),
      onSeed: (done, findings) => {
        const isShown = flags.nodes !== undefined || done % 10 === 0
        if (io.live && isShown) io.err(`${done} of ${flags.seeds} seeds, ${findings} fail`)
      }
    }
  )
  if (flags.json) io.out(JSON.stringify(report))
  else for (const line of soakLines(report)) io.out(line)
  return report.findings.length === 0 && !report.is_partial ? 'ok' : 'failed'
}

function soakLines(report: SoakReport): string[] {
  const { seeds, events, units, executions, findings, wall_ms: wallMs } = report
  return [
    `${seeds} seeds, ${events} events, ${units} units in ${executions} executions, ${wallMs} ms`,
    ...findings.map(findingLine),
    ...(findings.length === 0 ? ['no seed fails'] : ['next: kora sim shrink <seed>']),
    ...(report.is_partial ? [`stopped; it goes on with --from ${report.from + seeds}`] : [])
  ]
}

const findingLine = ({ seed, rule, at_ms, detail }: Finding): string =>
  `seed ${seed} breaks ${rule}${at_ms === null ? '' : ` at ${at_ms} ms`}: ${detail}`

export async function replaySeed(
  text: string,
  { json }: JsonFlag,
  { io, signal }: CommandContext
): Promise<Exit> {
  const seed = seedOf(text)
  const { report, finding } = await runSeed(seed, portsOf(signal))
  if (json) io.out(JSON.stringify({ ...report, scenario: drawScenario(seed), finding }))
  else {
    io.out(stringify(drawScenario(seed)).trimEnd())
    if (report !== null) io.out(`# ${report.events} events, trace ${report.trace_hash}`)
    io.out(finding === null ? '# no rule is broken' : `# ${findingLine(finding)}`)
  }
  return finding === null && report?.is_partial !== true ? 'ok' : 'failed'
}

export async function shrinkSeed(
  text: string,
  { json }: JsonFlag,
  { io, signal }: CommandContext
): Promise<Exit> {
  const seed = seedOf(text)
  const ports = portsOf(signal)
  const { finding } = await runSeed(seed, ports)
  if (finding === null) {
    io.err(`seed ${seed} breaks no rule`)
    return 'failed'
  }
  const { scenario, tries } = await shrink(drawScenario(seed), async (smaller) => {
    if (signal.aborted) return false
    const again = await runSeed(seed, ports, smaller)
    if (io.live) io.err(`${smaller.nodes} nodes, ${smaller.units} units`)
    return again.finding?.rule === finding.rule
  })
  if (json) io.out(JSON.stringify({ seed, rule: finding.rule, tries, scenario }))
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

function seedOf(text: string): number {
  const seed = Number(text)
  if (/^\d+$/.test(text) && seed <= SEED_MAX) return seed
  const reason = `a seed is a whole number from 0 to ${SEED_MAX}`
  throw new MeshError('input.malformed', { seed: text.slice(0, 40), reason })
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
