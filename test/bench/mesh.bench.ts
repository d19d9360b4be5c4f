/**
 * No-op units end to end: planned, signed, leased, run in two node processes over libp2p, attested,
 * verified, and on disk in the ledger before their outcome is told. How many a second, how long one
 * takes on a warm mesh, and whether a unit of a large graph costs as much as one of a small; BullMQ
 * with two workers takes turns with it.
 */
import { type PackedUnit, packAlike, type SessionId, type UnitSubmission } from '#contracts'
import { unitOf } from '../support/mesh-units.ts'
import { LocalMesh, type MeshSession } from './local-mesh.ts'
import { isQuick, recordResult } from './report.ts'
import {
  BULLMQ_FULL,
  type BullmqFigures,
  type BullmqStore,
  measureBullmq
} from './rivals/bullmq.ts'

const ROUNDS = isQuick ? 1 : 3
const UNITS = isQuick ? 500 : 10_000
const WARM_UP_UNITS = isQuick ? 200 : 5_000
const SINGLES = isQuick ? 20 : 300
const SIZES = isQuick ? [200, 1_000] : [1_000, 10_000, 100_000]
/** Small graphs are over in a moment: so many units are measured at each size, in several sessions. */
const SIZE_UNITS_MIN = isQuick ? 1_000 : 10_000
const STORES: readonly BullmqStore[] = isQuick
  ? ['memory']
  : ['memory', 'append-only, each second', 'append-only, each write']

/** As KORA plans a fan-out: the first unit of a task is checked, the others are alike. */
function planner(session: SessionId): (index: number) => UnitSubmission {
  let first: PackedUnit | null = null
  return (index) => {
    const parts = { index, execution_session_id: session, output_schema: { type: 'object' } }
    first ??= unitOf('noop', parts)
    const unit = index === first.unit.index ? first : packAlike({ ...first.unit, index })
    return { unit, edges: [] }
  }
}

interface Cost {
  readonly wallUs: number
  readonly cpuUs: number | null
}

/** One graph from its opening to its last word in the log; cost per unit. */
async function graph(mesh: LocalMesh, units: number): Promise<Cost> {
  const cpuBefore = mesh.cpuMs()
  const startMs = performance.now()
  const session = await mesh.session()
  await session.run(units, planner(session.id))
  await session.close()
  const wallUs = ((performance.now() - startMs) * 1_000) / units
  const cpuAfter = mesh.cpuMs()
  const isKnown = cpuBefore !== null && cpuAfter !== null
  return { wallUs, cpuUs: isKnown ? ((cpuAfter - cpuBefore) * 1_000) / units : null }
}

async function singlesMs(session: MeshSession, count: number): Promise<number[]> {
  const plan = planner(session.id)
  const tookMs: number[] = []
  for (let index = 0; index < count; index++) {
    const startMs = performance.now()
    const { status } = await session.one(plan(index))
    if (status !== 'success') throw new Error(`a unit ended as ${status}`)
    tookMs.push(performance.now() - startMs)
  }
  return tookMs
}

function quantile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}
const median = (numbers: readonly number[]): number => quantile(numbers, 0.5)

interface Round {
  readonly ours: Cost
  readonly singlesMs: readonly number[]
  readonly rival: readonly BullmqFigures[]
}

async function round(mesh: LocalMesh): Promise<Round> {
  const ours = await graph(mesh, UNITS)
  await mesh.idle()
  const session = await mesh.session()
  const tookMs = await singlesMs(session, SINGLES)
  await session.close()
  await mesh.idle()
  const options = { ...BULLMQ_FULL, jobs: isQuick ? 200 : 5_000, rounds: 1, stores: STORES }
  const report = await measureBullmq({ ...options, roundTrips: SINGLES })
  if ('missing' in report) console.log(`no rival: ${report.missing}`)
  return { ours, singlesMs: tookMs, rival: 'missing' in report ? [] : report.figures }
}

const bench = 'mesh'

function report(rounds: readonly Round[]): void {
  const perSecond = median(rounds.map(({ ours }) => 1_000_000 / ours.wallUs))
  const p50 = median(rounds.map(({ singlesMs: ms }) => quantile(ms, 0.5)))
  const p99 = median(rounds.map(({ singlesMs: ms }) => quantile(ms, 0.99)))
  const cpu = rounds.flatMap(({ ours }) => ours.cpuUs ?? [])
  const unit = 'units/s'
  const name = `no-op units end to end, ${UNITS} of a graph`
  recordResult({ bench, name, value: perSecond, unit })
  if (cpu.length > 0) {
    recordResult({ bench, name: 'CPU time of all processes', value: median(cpu), unit: 'us/unit' })
  }
  recordResult({ bench, name: 'one unit on a warm mesh, p50', value: p50, unit: 'ms' })
  recordResult({ bench, name: 'one unit on a warm mesh, p99', value: p99, unit: 'ms' })
  for (const store of STORES) reportBeside(store, rounds)
}

function reportBeside(store: BullmqStore, rounds: readonly Round[]): void {
  const pairs = rounds.flatMap(({ ours, singlesMs: ms, rival }) => {
    const figures = rival.find((one) => one.store === store)
    return figures === undefined ? [] : [{ ours, ms, figures }]
  })
  if (pairs.length === 0) return
  const rows = [
    ['addBulk', (of: BullmqFigures) => of.bulkJobsPerSecond],
    ['addBulk without a window', (of: BullmqFigures) => of.floodJobsPerSecond],
    ['add', (of: BullmqFigures) => of.singleJobsPerSecond]
  ] as const
  for (const [how, rate] of rows) {
    const value = median(pairs.map(({ figures }) => rate(figures)))
    const ratio = median(pairs.map(({ ours, figures }) => 1_000_000 / ours.wallUs / rate(figures)))
    const rival = `BullMQ ${how}, ${store}`
    recordResult({
      bench,
      name: 'the rival; ratio: units over jobs',
      value,
      unit: 'jobs/s',
      rival,
      ratio
    })
  }
  for (const [part, name] of [
    [0.5, 'p50'],
    [0.99, 'p99']
  ] as const) {
    const of = (figures: BullmqFigures): number =>
      part === 0.5 ? figures.roundTripP50Ms : figures.roundTripP99Ms
    const value = median(pairs.map(({ figures }) => of(figures)))
    const ratio = median(pairs.map(({ ms, figures }) => of(figures) / quantile(ms, part)))
    const rival = `BullMQ, ${store}`
    recordResult({
      bench,
      name: `the rival's round trip, ${name}`,
      value,
      unit: 'ms',
      rival,
      ratio
    })
  }
}

async function measureSizes(mesh: LocalMesh): Promise<void> {
  let base: Cost | null = null
  for (const size of SIZES) {
    const costs: Cost[] = []
    for (let done = 0; done < SIZE_UNITS_MIN; done += size) costs.push(await graph(mesh, size))
    const wallUs = median(costs.map((cost) => cost.wallUs))
    const cpu = costs.flatMap(({ cpuUs }) => cpuUs ?? [])
    const cost = {
      wallUs,
      cpuUs: cpu.length === 0 ? null : cpu.reduce((a, b) => a + b) / cpu.length
    }
    base ??= cost
    const rival = `a unit of ${SIZES[0]}`
    const unit = 'us/unit'
    const name = `cost of a unit of a graph of ${size}`
    recordResult({ bench, name, value: wallUs, unit, rival, ratio: base.wallUs / wallUs })
    if (cost.cpuUs !== null && base.cpuUs !== null) {
      const ratio = base.cpuUs / cost.cpuUs
      recordResult({ bench, name: `${name}, CPU`, value: cost.cpuUs, unit, rival, ratio })
    }
  }
}

await using mesh = await LocalMesh.open({ nodes: 2, flags: ['--queue', '1024'] })
await graph(mesh, WARM_UP_UNITS)
const rounds: Round[] = []
for (let index = 0; index < ROUNDS; index++) rounds.push(await round(mesh))
report(rounds)
await measureSizes(mesh)
