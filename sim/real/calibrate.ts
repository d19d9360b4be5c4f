/**
 * Calibration: gossip of the real fidelity beside a model's, on the same nodes, latencies and dials,
 * seed by seed. Measures and compares; which model is asked is the caller's affair.
 */
import { dialsOf } from './dials.ts'
import { DEFAULT_REAL_OPTIONS, type RealOptions } from './options.ts'
import type { RealReport } from './report.ts'
import { runReal } from './run-driver.ts'
import { latenciesUs } from './wire.ts'

/** Half of gossipsub's D: each node dials as many, and is dialled as often. */
const DIALS = 4
/** What a model may be off by. */
export const CALIBRATION_TARGETS = {
  delivery_p50: 0.1,
  delivery_p99: 0.2,
  duplicates: 0.15
} as const

export interface GossipFigures {
  readonly delivery_p50_ms: number
  readonly delivery_p99_ms: number
  readonly duplicates: number
}

/** One run, as a model must see it to speak of the same. */
export interface CalibrationCase {
  readonly options: RealOptions
  /** One way, by row from and column to. */
  readonly latencyUs: readonly Uint32Array[]
  /** Whom each node dialled. */
  readonly dials: readonly (readonly number[])[]
}

export type GossipModel = (one: CalibrationCase) => GossipFigures

export interface CalibrationRow {
  readonly nodes: number
  readonly seeds: number
  /** Means over the seeds. */
  readonly real: GossipFigures
  readonly model: GossipFigures | null
  /** How far the model is off, as a share of the real figure, with its sign. */
  readonly off: Readonly<Record<keyof typeof CALIBRATION_TARGETS, number>> | null
  readonly within_targets: boolean | null
  /** Messages of the real runs that did not reach a node. */
  readonly missed: number
}

export interface CalibrationOptions {
  readonly nodes: readonly number[]
  readonly seeds: number
  /** Of each message; the real fidelity's own where it is left out. */
  readonly messageBytes?: number | undefined
  /** Null: the real side alone. */
  readonly model: GossipModel | null
  readonly signal: AbortSignal
  readonly onRun: (done: { readonly nodes: number; readonly seed: number }) => void
}

/** A row for each number of nodes, as far as it came before it was stopped. */
export async function calibrate(options: CalibrationOptions): Promise<readonly CalibrationRow[]> {
  const rows: CalibrationRow[] = []
  for (const nodes of options.nodes) {
    const reports: RealReport[] = []
    const modelled: GossipFigures[] = []
    for (let seed = 1; seed <= options.seeds && !options.signal.aborted; seed++) {
      options.onRun({ nodes, seed })
      const one = optionsOf(nodes, seed, options.messageBytes)
      const report = await runReal(one, { signal: options.signal })
      if (report.is_partial) break
      reports.push(report)
      const asked = { options: one, latencyUs: latenciesUs(one), dials: dialsOf(one) }
      if (options.model !== null) modelled.push(options.model(asked))
    }
    if (reports.length > 0) rows.push(rowOf(nodes, reports, modelled))
  }
  return rows
}

function optionsOf(nodes: number, seed: number, messageBytes: number | undefined): RealOptions {
  const { gossip } = DEFAULT_REAL_OPTIONS
  const asked = messageBytes === undefined ? gossip : { ...gossip, messageBytes }
  return { ...DEFAULT_REAL_OPTIONS, nodes, seed, dials: Math.min(DIALS, nodes - 1), gossip: asked }
}

function rowOf(
  nodes: number,
  reports: readonly RealReport[],
  modelled: readonly GossipFigures[]
): CalibrationRow {
  const real = meanOf(reports.map(({ gossip }) => gossip))
  const model = modelled.length === 0 ? null : meanOf(modelled)
  const off = model === null ? null : offBy(real, model)
  return {
    nodes,
    seeds: reports.length,
    real,
    model,
    off,
    within_targets: off === null ? null : isWithin(off),
    missed: reports.reduce((sum, { gossip }) => sum + gossip.missed, 0)
  }
}

function meanOf(figures: readonly GossipFigures[]): GossipFigures {
  const mean = (name: keyof GossipFigures): number =>
    figures.reduce((sum, one) => sum + one[name], 0) / figures.length
  return {
    delivery_p50_ms: mean('delivery_p50_ms'),
    delivery_p99_ms: mean('delivery_p99_ms'),
    duplicates: mean('duplicates')
  }
}

type Off = NonNullable<CalibrationRow['off']>

const offBy = (real: GossipFigures, model: GossipFigures): Off => ({
  delivery_p50: model.delivery_p50_ms / real.delivery_p50_ms - 1,
  delivery_p99: model.delivery_p99_ms / real.delivery_p99_ms - 1,
  duplicates: model.duplicates / real.duplicates - 1
})

const isWithin = (off: Off): boolean =>
  Math.abs(off.delivery_p50) <= CALIBRATION_TARGETS.delivery_p50 &&
  Math.abs(off.delivery_p99) <= CALIBRATION_TARGETS.delivery_p99 &&
  Math.abs(off.duplicates) <= CALIBRATION_TARGETS.duplicates
