/**
 * The mutation gate: each planted bug gets a process and some seeds, and must be found. What is published
 * is the share that was. A seed that does not end within its time is a bug that was found, too: the
 * product as it is ends every seed in seconds, and an unplanted run of the same seeds is there to show it.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { SeedRun, Trial, TrialResult } from './child.ts'
import type { Mutant } from './mutant.ts'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
/** For one seed, on a machine that does much else; the longest take some seconds. */
const SEED_MS_MAX = 120_000

export interface Kill extends TrialResult {
  readonly name: string
  readonly bug: string
}

/** Runs one trial. Rejects where the mutant cannot be planted: its anchor is stale. */
export function tryOut(trial: Trial, onRun?: (run: SeedRun) => void): Promise<TrialResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD], { stdio: ['pipe', 'pipe', 'pipe'] })
    let complained = ''
    let ran = 0
    let result: TrialResult | null = null
    let isLate = false
    const watch = (): NodeJS.Timeout =>
      setTimeout(() => {
        isLate = true
        child.kill('SIGKILL')
      }, SEED_MS_MAX)
    let timer = watch()
    createInterface({ input: child.stdout }).on('line', (line) => {
      clearTimeout(timer)
      timer = watch()
      const said: SeedRun | TrialResult = JSON.parse(line)
      if ('rule' in said) result = said
      else {
        ran += 1
        onRun?.(said)
      }
    })
    child.stderr.on('data', (bytes: Buffer) => {
      complained += bytes.toString()
    })
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      const seed = trial.seeds[ran] ?? null
      if (result !== null) resolve(result)
      else if (!isLate) reject(new Error(complained.trim()))
      else {
        const detail = `${SEED_MS_MAX} ms for one seed`
        resolve({ rule: 'hang', detail, seed, seeds: ran + 1, cpuMs: SEED_MS_MAX })
      }
    })
    child.stdin.end(JSON.stringify(trial))
  })
}

/**
 * The seeds by what they cost in the product as it is, the cheapest first: most bugs show in small runs.
 * Throws where the product breaks a rule itself, which would kill every mutant.
 */
export async function byCost(seeds: readonly number[], jobs: number): Promise<readonly number[]> {
  const events = new Map<number, number>()
  const lots = Array.from({ length: jobs }, (_, lot) => seeds.filter((_, at) => at % jobs === lot))
  const results = await Promise.all(
    lots.map((lot) =>
      tryOut({ mutant: null, seeds: lot }, (run) => events.set(run.ran, run.events))
    )
  )
  for (const { rule, seed, detail } of results) {
    if (rule === null) continue
    throw new Error(`the product as it is breaks ${rule} with seed ${seed}: ${detail}`)
  }
  return seeds.toSorted((a, b) => (events.get(a) ?? 0) - (events.get(b) ?? 0))
}

export interface GateOptions {
  readonly mutants: readonly Mutant[]
  readonly seeds: readonly number[]
  /** So many mutants at once. */
  readonly jobs: number
  readonly onKill: (kill: Kill) => void
}

/** Each mutant until its first kill; the results are in the order of the mutants. */
export async function runGate({
  mutants,
  seeds,
  jobs,
  onKill
}: GateOptions): Promise<readonly Kill[]> {
  const kills = new Map<string, Kill>()
  const left = [...mutants]
  const work = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const { name, bug } = mutant
      const kill = { name, bug, ...(await tryOut({ mutant, seeds })) }
      kills.set(name, kill)
      onKill(kill)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return mutants.flatMap(({ name }) => kills.get(name) ?? [])
}
