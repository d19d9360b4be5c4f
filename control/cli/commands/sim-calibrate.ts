/**
 * `kora sim calibrate`: gossip of the real stack beside the model's, on the same nodes and latencies.
 * Progress goes to standard error; Ctrl-C gives the rows so far. A target that is missed is shown.
 */
import type { Exit } from '#contracts'
import { type CommandContext, table } from '#mesh-node/cli'
import { CALIBRATION_TARGETS, type CalibrationRow, calibrate, modelledGossip } from '#sim'

export interface CalibrateFlags {
  readonly nodes: readonly number[]
  readonly seeds: number
  readonly bytes?: number
  readonly json: boolean
}

const HEADINGS = ['nodes', 'seeds', 'figure', 'real', 'model', 'off', 'target'] as const

export async function simCalibrate(
  { nodes, seeds, bytes, json }: CalibrateFlags,
  { io, signal }: CommandContext
): Promise<Exit> {
  const rows = await calibrate({
    nodes: nodes.length > 0 ? nodes : [20, 50, 100],
    seeds,
    messageBytes: bytes,
    model: modelledGossip,
    signal,
    onRun: ({ nodes: count, seed }) => {
      if (io.live) io.err(`${count} nodes, seed ${seed}`)
    }
  })
  const complete = !signal.aborted
  if (json) io.out(JSON.stringify({ complete, targets: CALIBRATION_TARGETS, rows }))
  else for (const line of table(HEADINGS, rows.flatMap(cellsOf))) io.out(line)
  return complete ? 'ok' : 'failed'
}

function cellsOf(row: CalibrationRow): readonly (readonly (string | number)[])[] {
  const { real, model, off } = row
  const cells = (figure: keyof typeof real, target: keyof typeof CALIBRATION_TARGETS) => {
    const share = off === null ? '' : `${(off[target] * 100).toFixed(1)} %`
    const bound = `within ${CALIBRATION_TARGETS[target] * 100} %`
    return [
      row.nodes,
      row.seeds,
      figure,
      rounded(real[figure]),
      rounded(model?.[figure]),
      share,
      bound
    ]
  }
  return [
    cells('delivery_p50_ms', 'delivery_p50'),
    cells('delivery_p99_ms', 'delivery_p99'),
    cells('duplicates', 'duplicates')
  ]
}

const rounded = (value: number | undefined): string => value?.toFixed(2) ?? ''
