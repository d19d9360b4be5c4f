/**
 * The reporter of every test run: mocha's dots, the failures, and one last line for machines.
 *
 * The last line is exactly `N passed, N failed`. A run with fewer tests than `tests-min` fails, for
 * a green run that saw no tests proves nothing; so does a run after which something still holds the
 * process open, for a test has then left a timer, a socket or a child behind. Before it stand the
 * files that took longest. It never calls a failure a pass, and never ends a process that would have
 * ended by itself.
 */
import { relative } from 'node:path'
import Mocha from 'mocha'

/** How long a finished run may keep its process: mostly tens of milliseconds, on a busy machine more than ten seconds. */
const LINGER_MS = 45_000
/** Files named as the slowest, and how long one must take to be worth a line. */
const SLOWEST_SHOWN = 12
const SLOW_FILE_MS = 10_000

export interface RunTotals {
  readonly passed: number
  readonly failed: number
}

/** The line that a CI reads. */
export function totalsLine({ passed, failed }: RunTotals): string {
  return `${passed} passed, ${failed} failed`
}

/** Why a run without failures is a failure all the same, or nothing where it is not. */
export function floorFault(testsSeen: number, testsMin: number): string | undefined {
  if (testsSeen >= testsMin) return undefined
  return `only ${testsSeen} tests ran and at least ${testsMin} must: are the paths right?`
}

/** Time by file, hooks included: what passes between two events is the file's that the second is of. */
class FileTimes {
  readonly #msOf = new Map<string, number>()
  #lastMs = performance.now()

  constructor(runner: Mocha.Runner) {
    for (const event of ['suite', 'test end', 'hook end', 'suite end'] as const) {
      runner.on(event, ({ file }: { readonly file?: string }) => this.#passed(file))
    }
  }

  #passed(file: string | undefined): void {
    const nowMs = performance.now()
    if (file !== undefined) this.#msOf.set(file, this.of(file) + nowMs - this.#lastMs)
    this.#lastMs = nowMs
  }

  of(file: string): number {
    return this.#msOf.get(file) ?? 0
  }

  /** A line each, slowest first. */
  lines(): readonly string[] {
    const slow = [...this.#msOf].filter(([, ms]) => ms >= SLOW_FILE_MS)
    const slowest = slow.sort(([, a], [, b]) => b - a).slice(0, SLOWEST_SHOWN)
    return slowest.map(([file, ms]) => {
      const seconds = Math.round(ms / 1_000)
      return `${String(seconds).padStart(6)} s  ${relative(process.cwd(), file)}`
    })
  }
}

// biome-ignore lint/style/noDefaultExport: mocha takes a reporter by its default export
export default class DotsAndTotals extends Mocha.reporters.Dot {
  readonly #testsMin: number
  readonly #times: FileTimes

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options)
    this.#times = new FileTimes(runner)
    const wanted: unknown = options.reporterOptions?.['tests-min']
    this.#testsMin = wanted === undefined ? 0 : Number(wanted)
    if (!Number.isInteger(this.#testsMin)) throw new Error(`tests-min is not a number: ${wanted}`)
  }

  /** Called by mocha when all has run; the number given to `end` decides the exit status. */
  override done(failures: number, end: (failures: number) => void): void {
    const { passes, failures: failed } = this.stats
    const fault = floorFault(passes + failed, this.#testsMin)
    if (fault !== undefined) console.error(fault)
    for (const line of this.#times.lines()) console.log(line)
    const totals = { passed: passes, failed: failed + (fault === undefined ? 0 : 1) }
    this.#failIfHeldOpen(totals)
    end(failures + (fault === undefined ? 0 : 1))
    console.log(totalsLine(totals))
  }

  #failIfHeldOpen({ passed, failed }: RunTotals): void {
    setTimeout(() => {
      const held = process.getActiveResourcesInfo().join(', ')
      console.error(`a test left something behind that holds the process open: ${held}`)
      console.log(totalsLine({ passed, failed: failed + 1 }))
      // mocha sets the exit status in an exit handler of its own; this one runs after it
      process.once('exit', () => {
        process.exitCode = 1
      })
      process.exit(1)
    }, LINGER_MS).unref()
  }
}
