/** The mutation gate: bugs are planted as sources load, found by the checkers, and never planted by halves. */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { MUTANTS } from '../../sim/mutation/catalogue.ts'
import { tryOut } from '../../sim/mutation/gate-driver.ts'
import { type Mutant, patched } from '../../sim/mutation/mutant.ts'
import { fewer } from '../support/long.ts'

const ROOT = new URL('../../', import.meta.url)
const TWENTY = Array.from({ length: 20 }, (_, index) => index + 1)
const named = (name: string): Mutant => {
  const mutant = MUTANTS.find((one) => one.name === name)
  ok(mutant !== undefined, name)
  return mutant
}

describe('the mutation gate', function () {
  this.timeout(60_000)

  it('has eighty bugs and more, each of its own name, each in a source as it stands', () => {
    ok(MUTANTS.length >= 80)
    equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
    for (const mutant of MUTANTS) {
      const source = readFileSync(new URL(mutant.file, ROOT), 'utf8')
      ok(patched(source, mutant) !== source, mutant.name)
    }
  })

  it('refuses a bug whose place is gone, or is there twice', async () => {
    const stale = { ...named('double-post'), anchor: 'a line that nobody wrote' }
    throws(() => patched('let a = 1', stale), /not in .* any more/)
    throws(() => patched('a a', { ...stale, anchor: 'a' }), /more than once/)
    await rejects(tryOut({ mutant: stale, seeds: [1] }), /not in .* any more/)
  })

  it('lets the product pass as it is', async () => {
    const { rule, seeds } = await tryOut({ mutant: null, seeds: [1, 2, 3] })
    deepEqual([rule, seeds], [null, 3])
  })

  const planted = [
    ['double-post', 'one_payment'],
    // where the control node dies in that seed, its ledger asserts it before it opens
    ['one-micro-made', 'sum_zero', 'assertion'],
    ['outcome-twice', 'one_end']
  ]
  for (const [name, ...rules] of fewer(planted, 1)) {
    it(`finds ${name}`, async () => {
      const { rule } = await tryOut({ mutant: named(name ?? ''), seeds: TWENTY })
      ok(rules.includes(rule ?? ''), `${rule}`)
    })
  }
})
