/**
 * Where every benchmark puts its figures: a table on the screen, and bench-results.json.
 *
 * Figures of one benchmark replace its earlier ones; those of others stay. Quick runs, which
 * only prove that a benchmark still runs, write nothing. Figures are compared on one machine only.
 * A benchmark that `run.ts` started hands its figures to it and prints and keeps nothing itself.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

/** Tiny inputs and no warm-up, so that checks can run every benchmark. */
export const isQuick = process.env['BENCH_QUICK'] === '1'

/** Names the file through which a benchmark hands its figures to `run.ts`. */
export const HAND_OVER = 'BENCH_HAND_OVER'

const PATH = join(import.meta.dirname, '../../bench-results.json')

const Result = z.strictObject({
  /** The benchmark, named as its file. */
  bench: z.string(),
  /** What was measured, in words. */
  name: z.string(),
  value: z.number(),
  unit: z.string(),
  /** Who was measured beside it in the same run; without a ratio: why nobody was. */
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
  const handOver = process.env[HAND_OVER]
  if (handOver !== undefined) {
    writeFileSync(handOver, JSON.stringify(recorded))
    return
  }
  printResults(recorded)
  if (!isQuick) keepResults(recorded)
}

/** The figures that a benchmark handed over; none where it came to none. */
export function takeResults(path: string): readonly BenchResult[] {
  return existsSync(path) ? z.array(Result).parse(JSON.parse(readFileSync(path, 'utf8'))) : []
}

export function printResults(results: readonly BenchResult[]): void {
  console.table(
    results.map(({ bench, name, value, unit, rival, ratio }) => ({
      bench,
      name,
      value: Number(value.toPrecision(4)),
      unit,
      rival: rival ?? '',
      ratio: ratio === undefined ? '' : Number(ratio.toPrecision(3))
    }))
  )
}

/** Puts the figures in the place of earlier ones of the same benchmarks. */
export function keepResults(fresh: readonly BenchResult[]): void {
  const replaced = new Set(fresh.map(({ bench }) => bench))
  const results = [...readResults().filter(({ bench }) => !replaced.has(bench)), ...fresh]
  const [cpu] = cpus()
  const machine = { node: process.version, cpu: cpu?.model ?? 'unknown', cores: cpus().length }
  writeFileSync(`${PATH}.new`, `${JSON.stringify({ machine, results }, null, 2)}\n`)
  renameSync(`${PATH}.new`, PATH)
}

function readResults(): readonly BenchResult[] {
  if (!existsSync(PATH)) return []
  return ResultsFile.parse(JSON.parse(readFileSync(PATH, 'utf8'))).results
}
