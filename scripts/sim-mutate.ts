/**
 * Plants bugs in the product, one at a time, and sees whether the simulator's checkers find them:
 * `npm run sim:mutate -- [--only <name>] [--seeds <count>] [--from <seed>] [--jobs <count>] [--json]`.
 * Fails under 95 %.
 */
import { parseArgs } from 'node:util'
import { MUTANTS } from '../sim/mutation/catalogue.ts'
import { byCost, runGate } from '../sim/mutation/gate-driver.ts'

const KILLED_PER_CENT_MIN = 95
const DETAIL_SHOWN = 60
/** Seeds that nobody looked at while the product was written. */
const FROM = '1001'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: FROM },
    jobs: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false }
  }
})
const from = Number(values.from)
const count = Number(values.seeds)
const jobs = Number(values.jobs)
const only = values.only
const mutants = only === undefined ? MUTANTS : MUTANTS.filter(({ name }) => only.includes(name))
if (mutants.length === 0) throw new Error('there is no mutant of that name')

const drawn = Array.from({ length: count }, (_, index) => from + index)
const seeds = await byCost(drawn, jobs)
const kills = await runGate({
  mutants,
  seeds,
  jobs,
  onKill: ({ name, rule, seed, seeds: ran, detail }) => {
    const found = rule === null ? `survives ${ran} seeds` : `${rule} (seed ${seed}) ${detail}`
    console.error(`${name.padEnd(26)} ${found.slice(0, DETAIL_SHOWN + 26)}`)
  }
})
const killed = kills.filter(({ rule }) => rule !== null).length
const perCent = (killed * 100) / kills.length
const cpuS = Math.round(kills.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1_000)
const report = { from, seeds: count, mutants: kills.length, killed, cpu_s: cpuS, kills }
if (values.json) console.log(JSON.stringify(report))
console.error(`${killed} of ${kills.length} killed: ${perCent.toFixed(1)} %, ${cpuS} s of CPU`)
process.exitCode = perCent >= KILLED_PER_CENT_MIN ? 0 : 1
