/**
 * `npm test`: all tests, in three lanes beside each other: two of them wait for browsers and processes
 * a quarter of their time, and the third has the cores meanwhile.
 *
 * A lane is one mocha over whole files; its dots pass through as they come, its report when it ends.
 * The last line is exactly `N passed, N failed` over all. It fails when a lane fails, when a lane
 * says no totals, and when fewer tests ran than `TESTS_MIN`, for a green run that saw no tests
 * proves nothing. Words after `--` go to each mocha.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { chromiumPath } from '../test/browser/support/chromium.ts'
import { floorFault, type RunTotals, totalsLine } from '../test/support/reporter.ts'

/** Raised with the tests; a part of them gone unseen must show. */
const TESTS_MIN = 2_900

/** Integration tests that go with the browsers, so that the lanes take about as long. */
const WITH_BROWSERS = ['blob-exchange', 'donate-page'].map(
  (name) => `test/integration/${name}.spec.ts`
)
const LANES: Readonly<Record<string, readonly string[]>> = {
  browsers: ['test/browser/**/*.spec.ts', ...WITH_BROWSERS],
  processes: [
    'test/integration/**/*.spec.ts',
    ...WITH_BROWSERS.flatMap((path) => ['--ignore', path])
  ],
  'units and invariants': [
    'test/{unit,property,vectors,invariants}/**/*.spec.ts',
    'test/architecture.spec.ts'
  ]
}

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const MOCHA = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'))

/** What mocha prints while it runs: dots, and the marks of what failed or was left out. */
const isDots = (text: string): boolean => /^[\s.,!]*$/.test(text)

export interface LaneEnd {
  readonly status: number
  /** Undefined where the lane ended without saying. */
  readonly totals: RunTotals | undefined
  /** All but the dots and the last line. */
  readonly report: string
}

/** Reads what a lane printed after its dots. */
export function laneEnd(status: number, printed: string): LaneEnd {
  const lines = printed.trimEnd().split('\n')
  const said = /^(\d+) passed, (\d+) failed$/.exec(lines.at(-1) ?? '')
  if (said === null) return { status, totals: undefined, report: printed.trimEnd() }
  const totals = { passed: Number(said[1]), failed: Number(said[2]) }
  return { status, totals, report: lines.slice(0, -1).join('\n').trim() }
}

/** The totals of all lanes, with one failure more for each lane that failed without a failed test. */
export function sumOf(ends: readonly LaneEnd[], testsMin: number): RunTotals & { fault?: string } {
  const passed = ends.reduce((sum, { totals }) => sum + (totals?.passed ?? 0), 0)
  const failed = ends.reduce((sum, { status, totals }) => {
    const said = totals?.failed ?? 0
    return sum + (said === 0 && (status !== 0 || totals === undefined) ? 1 : said)
  }, 0)
  const fault = floorFault(passed + failed, testsMin)
  return fault === undefined ? { passed, failed } : { passed, failed: failed + 1, fault }
}

function runLane(
  paths: readonly string[],
  words: readonly string[]
): [ChildProcess, Promise<LaneEnd>] {
  const lane = spawn(process.execPath, [MOCHA, ...paths, ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let printed = ''
  const take = (text: string): void => {
    if (!printed.includes(' passing (') && isDots(text))
      process.stdout.write(text.replace(/\s+/g, ''))
    else printed += text
  }
  for (const stream of [lane.stdout, lane.stderr]) stream.setEncoding('utf8').on('data', take)
  const ended = new Promise<LaneEnd>((resolve, reject) => {
    lane.once('error', reject)
    lane.once('close', (code) => resolve(laneEnd(code ?? 1, printed)))
  })
  return [lane, ended]
}

async function main(words: readonly string[]): Promise<void> {
  try {
    // before the lanes begin, for tests in two of them look for what comes with it
    chromiumPath()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
  }
  const lanes = Object.entries(LANES).map(([name, paths]) => ({ name, run: runLane(paths, words) }))
  // a terminal's Ctrl-C reaches the lanes by itself; they stop, and so does this
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {
    for (const { run } of lanes) run[0].kill('SIGTERM')
  })
  const ends: LaneEnd[] = []
  const reports = lanes.map(async ({ name, run }) => {
    const end = await run[1]
    ends.push(end)
    console.log(`\n\n== ${name}\n${end.report}`)
  })
  await Promise.all(reports)
  const { fault, ...totals } = sumOf(ends, words.length === 0 ? TESTS_MIN : 0)
  if (fault !== undefined) console.error(fault)
  if (totals.failed > 0) process.exitCode = 1
  console.log(`\n${totalsLine(totals)}`)
}

if (import.meta.main) await main(process.argv.slice(2))
