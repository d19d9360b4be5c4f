/**
 * Plants bugs in the product, one at a time, and sees whether the simulator's checkers find them:
 * `npm run sim:mutate -- [--only <name>] [--seeds <count>] [--from <seed>] [--json]`. Fails under 95 %.
 */
import { parseArgs } from 'node:util'
import { MUTANTS } from '../sim/mutation/catalogue.ts'
import { runGate, tryOut } from '../sim/mutation/gate-driver.ts'

const KILLED_PER_CENT_MIN = 95
const DETAIL_SHOWN = 60

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false }
  }
})
const from = Number(values.from)
const seeds = Number(values.seeds)
const only = values.only
const mutants = only === undefined ? MUTANTS : MUTANTS.filter(({ name }) => only.includes(name))
if (mutants.length === 0) throw new Error('there is no mutant of that name')

const asItIs = await tryOut({ mutant: null, from, seeds })
if (asItIs.rule !== null) {
  throw new Error(
    `the product as it is breaks ${asItIs.rule} with seed ${asItIs.seed}: ${asItIs.detail}`
  )
}
const kills = await runGate({
  mutants,
  from,
  seeds,
  onKill: ({ name, rule, seed, seeds: ran, detail }) => {
    const found = rule === null ? `survives ${ran} seeds` : `${rule} (seed ${seed}) ${detail}`
    console.error(`${name.padEnd(26)} ${found.slice(0, DETAIL_SHOWN + 26)}`)
  }
})
const killed = kills.filter(({ rule }) => rule !== null).length
const perCent = (killed * 100) / kills.length
if (values.json) console.log(JSON.stringify({ from, seeds, mutants: kills.length, killed, kills }))
console.error(`${killed} of ${kills.length} killed: ${perCent.toFixed(1)} %`)
process.exitCode = perCent >= KILLED_PER_CENT_MIN ? 0 : 1
