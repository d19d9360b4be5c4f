/**
 * How much of the code that decides is run by the tests without a network, folder by folder.
 *
 * Branches of the contracts, the ledger and the machines have a floor; drivers are proved by the
 * integration tests and get no number to please. It fails under a floor, and when a folder with a
 * floor was not seen at all. It measures and asserts nothing itself.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { runTool } from './tool.ts'

/**
 * Per cent of branches, as reached; the aim is 95, and a floor only rises. Most faults of a machine
 * hide in the branch that no test takes.
 */
const BRANCHES_MIN: Readonly<Record<string, number>> = {
  'contracts/': 95,
  'control/conductor/': 92,
  'control/graph/': 89,
  'control/plan/': 90,
  'control/verify/': 86,
  'ledger/': 92,
  'mesh-node/core/': 93
}
const TESTS = ['test/{unit,property,vectors,invariants}/**/*.spec.ts']
/** A measured run is several times slower, so what promises a time is left out. */
const TEST_MS_MAX = 120_000
const TIMED = 'in a second'
const COUNT = z.object({ total: z.number(), covered: z.number() })
const SUMMARY = z.record(z.string(), z.object({ branches: COUNT }))

function run(): void {
  const reports = ['text-summary', 'json-summary', 'json'].map((name) => `--reporter=${name}`)
  const only = Object.keys(BRANCHES_MIN).map((folder) => `--include=${folder}**`)
  const settings = [`--timeout=${TEST_MS_MAX}`, '--invert', `--grep=${TIMED}`]
  const mocha = ['node', 'node_modules/mocha/bin/mocha.js', ...settings, ...TESTS]
  const status = runTool('c8', ['--all', ...only, ...reports, ...mocha])
  if (status !== 0) throw new Error('the tests failed, so their coverage says nothing')
}

function faults(): readonly string[] {
  const written = readFileSync('coverage/coverage-summary.json', 'utf8')
  const files = Object.entries(SUMMARY.parse(JSON.parse(written)))
  const here = `${process.cwd()}/`
  return Object.entries(BRANCHES_MIN).flatMap(([folder, floor]) => {
    const inside = files.filter(([path]) => path.startsWith(here + folder))
    const total = inside.reduce((sum, [, { branches }]) => sum + branches.total, 0)
    const covered = inside.reduce((sum, [, { branches }]) => sum + branches.covered, 0)
    if (total === 0) return [`${folder} was not seen`]
    const share = (100 * covered) / total
    console.log(`${folder} ${share.toFixed(1)} % of ${total} branches, floor ${floor} %`)
    return share < floor ? [`${folder} is under its floor of ${floor} %`] : []
  })
}

run()
for (const fault of faults()) {
  console.error(fault)
  process.exitCode = 1
}
