/**
 * A process of its own for one mutant: puts the bug into the source as it is loaded, and only then loads
 * the product and runs seeds of the swarm until a rule is broken. Says a line of JSON for each seed that
 * was run, and one at the end. A bug that stops the product with an error of its own is found as well.
 * Without a mutant it runs the product as it is.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Mutant, patched } from './mutant.ts'

export interface Trial {
  /** Null: nothing is planted. */
  readonly mutant: Mutant | null
  /** In the order in which they are run. */
  readonly seeds: readonly number[]
}

export interface TrialResult {
  /** The rule that was broken; null: none was. */
  readonly rule: string | null
  readonly detail: string
  /** Of the run that broke it. */
  readonly seed: number | null
  /** Seeds that were run, this one counted. */
  readonly seeds: number
  /** Of the processor, in user mode. */
  readonly cpuMs: number
}

/** What is said while it goes on. */
export interface SeedRun {
  readonly ran: number
  readonly events: number
}

const ROOT = new URL('../../', import.meta.url)
/** No run of the swarm comes near: a bug that makes work without end is found by it. */
const EVENTS_MAX = 2_000_000

function plant(mutant: Mutant): void {
  const url = new URL(mutant.file, ROOT).href
  const source = patched(readFileSync(fileURLToPath(url), 'utf8'), mutant)
  registerHooks({
    load: (asked, context, next) =>
      asked === url
        ? { format: 'module-typescript', source, shortCircuit: true }
        : next(asked, context)
  })
}

type Found = Pick<TrialResult, 'rule' | 'detail'>

async function run({ mutant, seeds }: Trial, say: (ran: SeedRun) => void): Promise<TrialResult> {
  if (mutant !== null) plant(mutant)
  const { runSeed } = await import('../search/soak.ts')
  const { shippedMatrix } = await import('../network/shipped-matrices.ts')
  const ports = {
    goesOn: async ({ events }: { readonly events: number }) => events < EVENTS_MAX,
    matrixOf: shippedMatrix,
    wallMs: () => 0,
    rssMb: () => 0
  }
  const one = async (seed: number): Promise<Found | null> => {
    try {
      const { report, finding } = await runSeed(seed, ports)
      say({ ran: seed, events: report?.events ?? 0 })
      if (finding !== null) return finding
      return report?.is_partial === true
        ? { rule: 'work_without_end', detail: `${EVENTS_MAX} events` }
        : null
    } catch (error) {
      // a patch that is no program is no bug of the product
      if (error instanceof ReferenceError || error instanceof SyntaxError) throw error
      return { rule: 'error', detail: error instanceof Error ? error.message : String(error) }
    }
  }
  const cpuMs = (): number => Math.round(process.cpuUsage().user / 1_000)
  for (const [index, seed] of seeds.entries()) {
    const found = await one(seed)
    if (found === null) continue
    return { rule: found.rule, detail: found.detail, seed, seeds: index + 1, cpuMs: cpuMs() }
  }
  return { rule: null, detail: '', seed: null, seeds: seeds.length, cpuMs: cpuMs() }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const trial: Trial = JSON.parse(readFileSync(0, 'utf8'))
  const say = (line: SeedRun | TrialResult): boolean =>
    process.stdout.write(`${JSON.stringify(line)}\n`)
  say(await run(trial, say))
}
