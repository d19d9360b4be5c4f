/**
 * `kora sim run` and `kora sim list`: a scenario that ships or a file of the user's, run in virtual
 * time. Progress goes to standard error, the report to standard output; Ctrl-C ends the run and gives
 * the report so far. A broken rule is its own exit code: the work did not succeed.
 */
import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { type Exit, MeshError } from '#contracts'
import { type CommandContext, table } from '#mesh-node/cli'
import {
  type RunPorts,
  type RunReport,
  readScenario,
  readWorkflow,
  runPage,
  runScenario,
  type Scenario,
  type ScenarioChanges,
  type SignerKind,
  scenarioFolder,
  shippedGeography,
  shippedMatrix
} from '#sim'
import { memoryMb } from './sim-memory.ts'
import { runOnRealStack } from './sim-real.ts'
import { bytesOf, writeReport } from './sim-report.ts'

export interface SimRunFlags {
  readonly nodes?: number
  readonly units?: number
  readonly set: ScenarioChanges
  readonly seed: number
  readonly signer: SignerKind
  readonly real: boolean
  readonly json: boolean
  readonly report?: string
  /** A file with the trace of a workflow. */
  readonly workflow?: string
  readonly faster: number
}

/** Progress is for people. */
const PROGRESS_EVERY_MS = 500
const BYTES_PER_MB = 1024 * 1024
const VIOLATIONS_SHOWN = 10

export async function simRun(
  name: string,
  flags: SimRunFlags,
  context: CommandContext
): Promise<Exit> {
  const { io } = context
  const workflow = flags.workflow === undefined ? null : readWorkflow(bytesOf(flags.workflow))
  const tasks = workflow === null ? {} : { units: workflow.tasks.length }
  const scenario = scenarioNamed(name, changesOf({ ...flags, ...tasks }))
  if (flags.real) return runOnRealStack({ ...flags, name, scenario }, context)
  const report = await runScenario(
    {
      name: basename(name, '.yaml'),
      scenario,
      seed: flags.seed,
      signer: flags.signer,
      ...(workflow === null ? {} : { workflow: { workflow, faster: flags.faster } }),
      withSeries: flags.report !== undefined
    },
    runPorts(context)
  )
  if (flags.report !== undefined) {
    const page = runPage(report, shippedGeography())
    writeReport(flags.report, { page, figures: report }, io)
  }
  if (flags.json) io.out(JSON.stringify(report))
  else for (const line of wordsOf(report)) io.out(line)
  return report.violations.length === 0 && !report.is_partial ? 'ok' : 'failed'
}

/** A run on this machine: it tells how far it is, and ends where it is told to stop. */
export function runPorts({ io, signal }: CommandContext): RunPorts {
  const startMs = performance.now()
  let toldMs = startMs
  return {
    matrixOf: shippedMatrix,
    wallMs: () => performance.now(),
    rssMb: () => process.memoryUsage.rss() / BYTES_PER_MB,
    memoryMb,
    goesOn: async ({ events, virtual_ms, ended, units }) => {
      // Ctrl-C is heard between two slices
      await turn()
      const nowMs = performance.now()
      if (io.live && nowMs - toldMs >= PROGRESS_EVERY_MS) {
        toldMs = nowMs
        const perSecond = Math.round((events / (nowMs - startMs)) * 1_000)
        io.err(
          `${seconds(virtual_ms)} virtual, ${ended} of ${units} units, ${events} events, ${perSecond}/s`
        )
      }
      return !signal.aborted
    }
  }
}

export function simList({ json }: { readonly json: boolean }, { io }: CommandContext): Exit {
  const scenarios = readdirSync(scenarioFolder())
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const name = basename(file, '.yaml')
      const { claim, nodes, units } = scenarioNamed(name)
      return { name, nodes, units, claim }
    })
  if (json) io.out(JSON.stringify({ scenarios }))
  else {
    const rows = scenarios.map(({ name, nodes, units, claim }) => [name, nodes, units, claim])
    for (const line of table(['scenario', 'nodes', 'units', 'claim'], rows)) io.out(line)
  }
  return 'ok'
}

/** One that ships, by its name; else a file. */
export function scenarioNamed(name: string, changes: ScenarioChanges = {}): Scenario {
  const isName = /^[a-z][a-z0-9-]*$/.test(name)
  const path = isName ? new URL(`${name}.yaml`, scenarioFolder()) : name
  if (isName && !existsSync(path)) throw new MeshError('scenario.unknown', { scenario: name })
  return readScenario(bytesOf(path, name), changes)
}

/** `--nodes` and `--units` are short for what is set most. */
function changesOf({ nodes, units, set }: SimRunFlags): ScenarioChanges {
  return {
    ...(nodes === undefined ? {} : { nodes: String(nodes) }),
    ...(units === undefined ? {} : { units: String(units) }),
    ...set
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

function wordsOf(report: RunReport): readonly string[] {
  const { violations } = report
  const rows: readonly (readonly (string | number)[])[] = [
    ['claim', report.claim],
    ['seed', report.seed],
    ['nodes', report.nodes],
    ...(report.units.submitted === 0 ? [] : unitWords(report)),
    ...gossipWords(report),
    ...workflowWords(report),
    ...replicaWords(report),
    ['virtual time', seconds(report.virtual_ms)],
    ['wall time', `${seconds(report.wall_ms)}, ${report.events} events, ${report.rss_mb} MB`],
    ['trace', report.trace_hash],
    ...(report.ledger_digest === '' ? [] : [['ledger', report.ledger_digest]]),
    ['violations', violations.length]
  ]
  const broken = violations.slice(0, VIOLATIONS_SHOWN).map(({ rule, at_ms, detail }) => {
    return `broken: ${rule} at ${seconds(at_ms)}: ${detail}`
  })
  const partial = report.is_partial ? ['stopped before its end'] : []
  return [...table(['', report.scenario], rows), ...broken, ...partial]
}

function unitWords({ units, bids_per_unit: bids }: RunReport): readonly (readonly string[])[] {
  const { accepted, submitted, failed, wrong_accepted: wrong, executions } = units
  return [
    ['units', `${accepted} accepted of ${submitted}, ${failed} failed`],
    ['wrong accepted', String(wrong)],
    ['executions', `${executions}, ${(executions / submitted).toFixed(3)} a unit`],
    ['bids a unit', bids.toFixed(3)]
  ]
}

function replicaWords({ replicas }: RunReport): readonly (readonly string[])[] {
  if (replicas === undefined) return []
  const { replicas: count, entries, forks_told: forks } = replicas
  return [['replicas', `${count} took ${entries} entries and told of ${forks} forks`]]
}

function gossipWords({ gossip }: RunReport): readonly (readonly string[])[] {
  const { published, delivery_p50_ms: p50, delivery_p99_ms: p99, duplicates, missed } = gossip
  const spread = `p50 ${p50} ms, p99 ${p99} ms, ${duplicates} copies more`
  if (missed === undefined) return [['gossip', spread]]
  return [
    ['gossip', `${published} messages, ${spread}`],
    ['not there in time', String(missed)]
  ]
}

function workflowWords({ workflow }: RunReport): readonly (readonly string[])[] {
  if (workflow === undefined) return []
  const { name, tasks, makespan_ms: makespan, least_ms: least, greedy_most_ms: most } = workflow
  const took = makespan === null ? 'not all have ended' : seconds(makespan)
  return [
    ['workflow', `${name}, ${tasks} tasks`],
    ['makespan', `${took}; at least ${seconds(least)}, without idling at most ${seconds(most)}`]
  ]
}
