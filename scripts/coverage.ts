/**
 * How much of the code that decides is run by the tests, folder by folder.
 *
 * Branches of the contracts, the ledger and the machines have a floor; drivers are proved by the
 * integration tests and get no number to please. It runs the fast tests only, and fails when a
 * folder with a floor was not seen at all.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

/** Per cent of branches. Most faults of a machine hide in the branch that no test takes. */
const BRANCHES_MIN: Readonly<Record<string, number>> = {
  'contracts/': 95,
  'ledger/': 95,
  'mesh-node/core/': 95
}
const TESTS = ['test/{unit,property,vectors,invariants}/**/*.spec.ts']
const COUNT = z.object({ total: z.number(), covered: z.number() })
const SUMMARY = z.record(z.string(), z.object({ branches: COUNT }))

function run(): void {
  const reports = ['--reporter=text-summary', '--reporter=json-summary']
  const only = Object.keys(BRANCHES_MIN).map((folder) => `--include=${folder}**`)
  const c8 = fileURLToPath(new URL('../node_modules/c8/bin/c8.js', import.meta.url))
  const words = [c8, '--all', ...only, ...reports, 'mocha', ...TESTS]
  const { status } = spawnSync(process.execPath, words, { stdio: 'inherit' })
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
