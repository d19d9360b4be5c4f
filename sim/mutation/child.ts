/**
 * A process of its own for one mutant: puts the bug into the source as it is loaded, and only then loads
 * the product and runs seeds of the swarm until a rule is broken. Says one line of JSON. A bug that stops
 * the product with an error of its own is found as well. Without a mutant it runs the product as it is.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Mutant, patched } from './mutant.ts'

export interface Trial {
  /** Null: nothing is planted. */
  readonly mutant: Mutant | null
  readonly from: number
  readonly seeds: number
}

export interface TrialResult {
  /** The rule that was broken; null: none was. */
  readonly rule: string | null
  readonly detail: string
  /** Of the run that broke it. */
  readonly seed: number | null
  /** Seeds that were run, this one counted. */
  readonly seeds: number
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

async function run({ mutant, from, seeds }: Trial): Promise<TrialResult> {
  if (mutant !== null) plant(mutant)
  const { runSeed } = await import('../search/soak.ts')
  const { shippedMatrix } = await import('../network/shipped-matrices.ts')
  const ports = {
    goesOn: async ({ events }: { readonly events: number }) => events < EVENTS_MAX,
    matrixOf: shippedMatrix,
    wallMs: () => 0,
    rssMb: () => 0
  }
  for (let seed = from; seed < from + seeds; seed++) {
    const done = seed - from + 1
    try {
      const { report, finding } = await runSeed(seed, ports)
      if (finding !== null) return { rule: finding.rule, detail: finding.detail, seed, seeds: done }
      if (report?.is_partial === true) {
        return { rule: 'work_without_end', detail: `${EVENTS_MAX} events`, seed, seeds: done }
      }
    } catch (error) {
      // a patch that is no program is no bug of the product
      if (error instanceof ReferenceError || error instanceof SyntaxError) throw error
      const detail = error instanceof Error ? error.message : String(error)
      return { rule: 'error', detail, seed, seeds: done }
    }
  }
  return { rule: null, detail: '', seed: null, seeds }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const trial: Trial = JSON.parse(process.argv[2] ?? '')
  process.stdout.write(JSON.stringify(await run(trial)))
}
