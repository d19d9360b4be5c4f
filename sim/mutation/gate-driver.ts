/**
 * The mutation gate: each planted bug gets a process and some seeds, and must be found. What is published
 * is the share that was. A process that says nothing within its time is a bug that was found, too: the
 * product as it is ends every seed in seconds.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Trial, TrialResult } from './child.ts'
import type { Mutant } from './mutant.ts'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
const TRIAL_MS_MAX = 120_000

export interface Kill extends TrialResult {
  readonly name: string
  readonly bug: string
}

/** Runs one trial. Rejects where the mutant cannot be planted: its anchor is stale. */
export function tryOut(trial: Trial): Promise<TrialResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, JSON.stringify(trial)], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let said = ''
    let complained = ''
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, TRIAL_MS_MAX)
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
    child.stderr.on('data', (bytes: Buffer) => {
      complained += bytes.toString()
    })
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      if (isLate) {
        resolve({ rule: 'hang', detail: `${TRIAL_MS_MAX} ms`, seed: null, seeds: trial.seeds })
      } else if (code !== 0) reject(new Error(complained.trim()))
      else resolve(JSON.parse(said))
    })
  })
}

export interface GateOptions {
  readonly mutants: readonly Mutant[]
  readonly from: number
  readonly seeds: number
  readonly onKill: (kill: Kill) => void
}

/** One mutant after another. The product as it is goes first: a rule that it breaks would kill all. */
export async function runGate({
  mutants,
  from,
  seeds,
  onKill
}: GateOptions): Promise<readonly Kill[]> {
  const kills: Kill[] = []
  for (const mutant of mutants) {
    const kill = { name: mutant.name, bug: mutant.bug, ...(await tryOut({ mutant, from, seeds })) }
    kills.push(kill)
    onKill(kill)
  }
  return kills
}
