/**
 * Runs every benchmark of this folder, one after another, and shows all figures in one table.
 *
 * `npm run bench` takes names of benchmarks, or none for all. Each runs in a process group of its
 * own, so that Ctrl-C or an overrun ends whatever it started. BENCH_QUICK=1 passes through: tiny
 * inputs, nothing kept. A rival that is not installed is said in the table and fails nothing.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import {
  type BenchResult,
  HAND_OVER,
  isQuick,
  keepResults,
  printResults,
  takeResults
} from './report.ts'

/** A quick benchmark that takes longer is not quick; a full one has hung. */
const BENCH_MS_MAX = isQuick ? 60_000 : 20 * 60_000
/** From asking a process group to end until it is made to. */
const GRACE_MS = 3_000
const SUFFIX = '.bench.ts'
const INTERRUPTED = 130

interface Outcome {
  readonly results: readonly BenchResult[]
  /** Why the benchmark failed. */
  readonly fault: string | null
}

const scratch = mkdtempSync(join(tmpdir(), 'bench-'))
let running: ChildProcess | null = null
let interrupted = false

function discover(names: readonly string[]): readonly string[] {
  const found = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort()
  const unknown = names.filter((name) => !found.includes(name))
  if (unknown.length > 0) {
    throw new Error(`no benchmark ${unknown.join(', ')}; there are ${found.join(', ')}`)
  }
  return names.length === 0 ? found : found.filter((name) => names.includes(name))
}

/** Whether the group still has a process; ESRCH says that it has none. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false
  try {
    return process.kill(-child.pid, signal)
  } catch {
    return false
  }
}

async function endGroup(child: ChildProcess): Promise<void> {
  signalGroup(child, 'SIGTERM')
  const deadlineMs = performance.now() + GRACE_MS
  while (signalGroup(child, 0) && performance.now() < deadlineMs) await wait(20)
  signalGroup(child, 'SIGKILL')
}

async function runBench(name: string): Promise<Outcome> {
  const handOver = join(scratch, `${name}.json`)
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}${SUFFIX}`)], {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, [HAND_OVER]: handOver }
  })
  running = child
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => {
      resolve(code === 0 ? null : `ended with ${signal ?? `code ${code}`}`)
    })
  })
  const overrun = setTimeout(() => void endGroup(child), BENCH_MS_MAX)
  const fault = await ended
  clearTimeout(overrun)
  const leftBehind = fault === null && signalGroup(child, 0)
  await endGroup(child)
  running = null
  return {
    results: takeResults(handOver),
    fault: leftBehind ? 'left a process behind, which was ended' : fault
  }
}

async function runAll(names: readonly string[]): Promise<number> {
  const results: BenchResult[] = []
  const faults: string[] = []
  for (const name of names) {
    console.log(`${name} ...`)
    const startMs = performance.now()
    const outcome = await runBench(name)
    if (interrupted) return INTERRUPTED
    results.push(...outcome.results)
    if (outcome.fault === null && outcome.results.length === 0) faults.push(`${name}: no figures`)
    if (outcome.fault !== null) faults.push(`${name}: ${outcome.fault}`)
    console.log(`${name}: ${((performance.now() - startMs) / 1_000).toFixed(1)} s`)
  }
  printResults(results)
  if (!isQuick) keepResults(results)
  for (const fault of faults) console.error(`failed: ${fault}`)
  return faults.length === 0 ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true
    if (running !== null) void endGroup(running)
  })
}
process.once('exit', () => {
  if (running !== null) signalGroup(running, 'SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})

process.exitCode = await runAll(discover(process.argv.slice(2)))
