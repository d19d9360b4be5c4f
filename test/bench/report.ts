/**
 * Where every benchmark puts its figures: a table on the screen, and bench-results.json.
 *
 * Figures of one benchmark replace its earlier ones; those of others stay. Quick runs, which
 * only prove that a benchmark still runs, write nothing. Figures are compared on one machine only.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

/** Tiny inputs and no warm-up, so that checks can run every benchmark. */
export const isQuick = process.env['BENCH_QUICK'] === '1'

const PATH = join(import.meta.dirname, '../../bench-results.json')

const Result = z.strictObject({
  /** The benchmark, named as its file. */
  bench: z.string(),
  /** What was measured, in words. */
  name: z.string(),
  value: z.number(),
  unit: z.string(),
  /** Who was measured beside it in the same run. */
  rival: z.string().optional(),
  /** Our figure over the rival's, so that more than 1 is better for us. */
  ratio: z.number().optional()
})
export type BenchResult = z.infer<typeof Result>
const ResultsFile = z.strictObject({
  machine: z.strictObject({ node: z.string(), cpu: z.string(), cores: z.int() }),
  results: z.array(Result)
})

const recorded: BenchResult[] = []

/** Keeps one figure; at the end of the process all of them are printed and written. */
export function recordResult(result: BenchResult): void {
  if (recorded.length === 0) process.once('exit', finish)
  recorded.push(result)
}

function finish(): void {
  console.table(
    recorded.map(({ name, value, unit, rival, ratio }) => ({
      name,
      value: Number(value.toPrecision(4)),
      unit,
      beside: rival ?? '',
      ratio: ratio === undefined ? '' : Number(ratio.toPrecision(3))
    }))
  )
  if (isQuick) return
  const replaced = new Set(recorded.map(({ bench }) => bench))
  const results = [...readResults().filter(({ bench }) => !replaced.has(bench)), ...recorded]
  const [cpu] = cpus()
  const machine = { node: process.version, cpu: cpu?.model ?? 'unknown', cores: cpus().length }
  writeFileSync(`${PATH}.new`, `${JSON.stringify({ machine, results }, null, 2)}\n`)
  renameSync(`${PATH}.new`, PATH)
}

function readResults(): readonly BenchResult[] {
  if (!existsSync(PATH)) return []
  return ResultsFile.parse(JSON.parse(readFileSync(PATH, 'utf8'))).results
}
