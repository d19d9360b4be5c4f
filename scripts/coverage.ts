/**
 * How much of the code that decides is run by the fast tests, folder by folder.
 *
 * Branches of the contracts, the ledger and the machines have a floor; drivers are proved by the
 * integration tests and get no number to please. It fails under a floor, and when a folder with a
 * floor was not seen at all. It measures and asserts nothing itself.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { runTool } from './tool.ts'

/** Per cent of branches. Most faults of a machine hide in the branch that no test takes. */
const BRANCHES_MIN: Readonly<Record<string, number>> = {
  'contracts/': 95,
  'control/conductor/': 95,
  'control/graph/': 95,
  'control/plan/': 95,
  'control/verify/': 95,
  'ledger/': 95,
  'mesh-node/core/': 95
}
const TESTS = ['test/{unit,property,vectors}/**/*.spec.ts']
const COUNT = z.object({ total: z.number(), covered: z.number() })
const SUMMARY = z.record(z.string(), z.object({ branches: COUNT }))

function run(): void {
  const reports = ['text-summary', 'json-summary', 'json'].map((name) => `--reporter=${name}`)
  const only = Object.keys(BRANCHES_MIN).map((folder) => `--include=${folder}**`)
  const mocha = ['node', 'node_modules/mocha/bin/mocha.js', ...TESTS]
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
