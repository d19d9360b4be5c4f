/**
 * The sabotage arena reproduces the reference table cell by cell, and our policy stands where no
 * other does. Few seeds, for speed; `npm run sim:sabotage` runs the whole comparison.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { MeshError } from '#contracts'
import { PROBATION_DEFAULTS } from '#ledger'
import { compareSabotage } from '../../control/cli/commands/sim-compare.ts'
import { type Column, columnsNamed, HONEST_COLUMN } from '../../sim/trust/columns.ts'
import { compareCase, seedsFrom } from '../../sim/trust/compare.ts'
import { earningsOf } from '../../sim/trust/earnings.ts'
import { probation } from '../../sim/trust/policies/probation.ts'
import { policyNamed } from '../../sim/trust/policies.ts'
import { besideReference, isReproduced, REFERENCE } from '../../sim/trust/reference.ts'

const reference = columnsNamed(['reference'])
const SEEDS_OF_REFERENCE = seedsFrom(1, 2)
const SEEDS = seedsFrom(1, 6)

const ours = (column: Column, reopens = true) =>
  compareCase({
    column,
    policy: probation({ settings: PROBATION_DEFAULTS, reopens }),
    seeds: SEEDS
  })

function columnOf(name: string): Column {
  const [column] = columnsNamed([name])
  ok(column !== undefined)
  return column
}

describe('the reference table of sabotage', function () {
  this.timeout(60_000)
  for (const policy of Object.keys(REFERENCE)) {
    it(`is reproduced for ${policy} within each cell's error`, () => {
      for (const column of reference) {
        const row = compareCase({
          column,
          policy: policyNamed(policy)(column),
          seeds: SEEDS_OF_REFERENCE
        })
        const strays = besideReference(row).filter((one) => !isReproduced(one))
        deepEqual(strays, [])
      }
    })
  }

  it('is not reproduced by a policy that believes everybody once more', () => {
    const column = columnOf('f20-s10')
    const row = compareCase({ column, policy: policyNamed('3-first')(column), seeds: [1, 2] })
    const strays = besideReference({ ...row, policy: '2-first' }).filter(
      (one) => !isReproduced(one)
    )
    equal(strays.length, 2)
  })
})

describe('our policy against sabotage', function () {
  this.timeout(60_000)
  it('needs 1.20 executions and accepts one wrong result in 10,000 where others fail', () => {
    const { executionsPerUnit, wrongAccepted } = ours(columnOf('f20-s10'))
    ok(executionsPerUnit.mean <= 1.2, `${executionsPerUnit.mean}`)
    ok(wrongAccepted.mean <= 1e-4, `${wrongAccepted.mean}`)
  })

  it('holds in meshes of few nodes, and believes those that are honest', () => {
    const base = columnOf('f20-s10')
    for (const [nodes, liars, sabotagePerMillion] of [
      [3, 0, 0],
      [5, 200, 1_000_000],
      [12, 334, 1_000_000],
      [12, 334, 100_000],
      [24, 334, 100_000]
    ] as const) {
      const units = 100 * nodes
      const column = { ...base, nodes, units, saboteursPerMille: liars, sabotagePerMillion }
      const policy = probation()
      const row = compareCase({ column, policy, seeds: seedsFrom(1, 40) })
      const { executionsPerUnit, wrongAccepted, honestBelieved } = row
      const which = `${nodes} nodes, ${liars} liars in 1,000 that lie ${sabotagePerMillion}`
      ok(executionsPerUnit.mean <= 1.45, `${which}: ${executionsPerUnit.mean}`)
      ok(wrongAccepted.mean <= 5e-4, `${which}: ${wrongAccepted.mean}`)
      ok(honestBelieved.mean >= 0.9, `${which}: ${honestBelieved.mean}`)
    }
  })

  it('stays below 1.30 and 1 in 1,000 in every column', () => {
    for (const column of reference) {
      const { executionsPerUnit, wrongAccepted, honestBanned } = ours(column)
      ok(executionsPerUnit.mean <= 1.3, `${column.name}: ${executionsPerUnit.mean}`)
      ok(wrongAccepted.mean <= 1e-3, `${column.name}: ${wrongAccepted.mean}`)
      equal(honestBanned.mean, 0)
    }
  })

  it('costs an honest mesh with faults at most 3 %', () => {
    const policy = policyNamed('probation')(HONEST_COLUMN)
    const row = compareCase({ column: HONEST_COLUMN, policy, seeds: [1] })
    ok(row.executionsPerUnit.mean <= 1.03, `${row.executionsPerUnit.mean}`)
  })

  it('breaks the bound without re-opening: the bound sees what it is for', () => {
    const { wrongAccepted } = ours(columnOf('f20-s10-sleeper50'), false)
    ok(wrongAccepted.mean > 1e-3, `${wrongAccepted.mean}`)
  })

  it('leaves a sleeper nothing on balance', () => {
    for (const patience of [0, 100, 1000]) {
      const row = earningsOf({
        patience,
        sabotagePerMillion: 100_000,
        settings: PROBATION_DEFAULTS,
        seeds: [1]
      })
      ok(row.balance.mean < 0, `patience ${patience}: ${row.balance.mean}`)
      equal(row.convicted, row.saboteurs)
    }
  })

  it('runs the same for the same seed', () => {
    const column = columnOf('whitewashers')
    const policy = policyNamed('probation')(column)
    const run = () => compareCase({ column, policy, seeds: [5] })
    deepEqual(run(), run())
  })
})

describe('kora sim compare sabotage', () => {
  const compare = async (column: readonly string[]) => {
    const lines: string[] = []
    const io = {
      out: (line: string) => void lines.push(line),
      err: () => {},
      live: false,
      columns: 80
    }
    const size = { seeds: 2, from: 7, nodes: 50, units: 500 }
    const flags = { ...size, json: true, policy: ['probation'], column }
    const outcome = await compareSabotage(flags, { io, signal: new AbortController().signal })
    return { outcome, printed: JSON.parse(lines.join('')) }
  }

  it('prints each policy in each column', async () => {
    const { outcome, printed } = await compare(['f20-s10', 'f20-s10-sleeper50'])
    equal(outcome, 'ok')
    equal(printed.complete, true)
    const [first, second] = printed.policies
    deepEqual([first.name, first.f, first.s, first.patience], ['probation', 0.2, 0.1, 0])
    deepEqual([second.patience, second.nodes, second.units], [50, 50, 500])
    deepEqual(first.seeds, [7, 8])
    ok(first.executions_per_unit >= 1 && first.wrong_accepted >= 0)
  })

  it('refuses a column that nobody knows, and names those it knows', async () => {
    await rejects(compare(['f20']), (error) => {
      ok(error instanceof MeshError)
      equal(error.code, 'input.malformed')
      ok(String(error.facts['known']).includes('f20-s10'))
      return true
    })
  })
})
