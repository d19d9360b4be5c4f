/** The checkers of the simulated mesh: each is shown the fault that it is there for, and sees it. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { type EntryContent, leaseIdOf, type UnitOutcome } from '#contracts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { Checks } from '../../sim/world/checks.ts'
import { runScenario } from '../../sim/world/run.ts'
import { type Scenario, Scenario as ScenarioShape } from '../../sim/world/scenario.ts'
import { Sequencer } from '../../sim/world/sequencer.ts'
import { SESSION, unitOf } from '../../sim/world/work.ts'

const PORTS = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}
const scenario = (changes: object = {}): Scenario =>
  ScenarioShape.parse({ claim: 'a test', nodes: 8, units: 40, quorum_per_mille: 500, ...changes })
const run = (changes: object = {}, seed = 1) =>
  runScenario({ name: 'test', scenario: scenario(changes), seed }, PORTS)

const UNIT = unitOf(0, scenario()).id
const { gateway: NODE } = new Sequencer(new Uint8Array(32))
const LEASE = leaseIdOf(UNIT, 1, NODE)
const reserved: EntryContent = {
  kind: 'units.reserved',
  body: {
    session: SESSION,
    items: [
      {
        unit: UNIT,
        attempt: 1,
        lease: LEASE,
        node: NODE,
        model: null,
        input_bytes: 0,
        max_micro: 1,
        expires_at_ms: 1
      }
    ]
  }
}

function outcome(): UnitOutcome {
  return {
    session: SESSION,
    unitId: UNIT,
    finalUnitId: UNIT,
    escalations: [],
    status: 'success',
    stopReason: 'success',
    failureClass: null,
    error: null,
    outputCid: null,
    verification: 'schema',
    usage: null,
    costMicro: 0,
    executions: []
  }
}

const brokenBy = (act: (checks: Checks) => void): readonly string[] => {
  const checks = new Checks(() => 7)
  act(checks)
  ok(checks.violations.every(({ at_ms }) => at_ms === 7))
  return checks.violations.map(({ rule }) => rule)
}

describe('the checkers of a simulated mesh', () => {
  it('see a unit that ends twice, or never', () => {
    const ends = (times: number) =>
      brokenBy((checks) => {
        for (let time = 0; time < times; time++) checks.outcome(outcome())
        checks.finished(1)
      })
    deepEqual(ends(1), [])
    deepEqual(ends(2), ['one_end'])
    deepEqual(ends(0), ['all_end'])
  })

  it('see a lease that runs twice', () => {
    const runs = (times: number) =>
      brokenBy((checks) => {
        for (let time = 0; time < times; time++) checks.executed(LEASE)
      })
    deepEqual([runs(1), runs(2)], [[], ['one_execution']])
  })

  it('see an attempt that is reserved twice, paid unreserved, paid twice, or held for ever', () => {
    const accepted: EntryContent = {
      kind: 'units.accepted',
      body: { session: SESSION, items: [] }
    }
    const items = [{ unit: UNIT, attempt: 1 }]
    const paid = { ...accepted, body: { ...accepted.body, items } }
    const books = (...contents: readonly unknown[]) =>
      brokenBy((checks) => {
        for (const content of contents) Reflect.apply(checks.recorded, checks, [content])
        checks.outcome(outcome())
        checks.finished(1)
      })
    deepEqual(books(reserved, paid), [])
    deepEqual(books(reserved, reserved, paid), ['one_payment'])
    deepEqual(books(paid), ['one_payment'])
    deepEqual(books(reserved, paid, paid), ['one_payment'])
    deepEqual(books(reserved), ['nothing_held'])
  })

  it('see what the fold refuses', () => {
    const { fold, append } = sequencer()
    append([reserved])
    const [rule] = brokenBy((checks) => {
      checks.folded(fold)
    })
    equal(rule, 'fold_takes_all')
  })
})

function sequencer() {
  const made = new Sequencer(new Uint8Array(32))
  return { fold: made.fold, append: (contents: readonly EntryContent[]) => made.append(contents) }
}

describe('a simulated mesh', function () {
  this.timeout(60_000)

  it('is the same in every run of a seed, and another with another seed', async () => {
    const trouble = { vanish: [{ at_ms: 6_000, share_per_mille: 400, back_after_ms: 9_000 }] }
    const [one, again, other] = [await run(trouble), await run(trouble), await run(trouble, 2)]
    deepEqual(again, one)
    ok(other.trace_hash !== one.trace_hash)
    deepEqual(one.violations, [])
    equal(one.units.accepted, 40)
  })

  it('does a unit once, or twice where two must agree', async () => {
    const { units, violations } = await run()
    deepEqual(violations, [])
    deepEqual(units, { submitted: 40, accepted: 40, wrong_accepted: 0, failed: 0, executions: 60 })
  })

  it('brings every unit to its end through a cut, and tells lies that nobody checked', async () => {
    const cut = { partitions: [{ from_ms: 5_500, until_ms: 30_000, share_per_mille: 500 }] }
    deepEqual((await run(cut)).violations, [])
    const lied = await run({ actors: { liars: 1_000 }, quorum_per_mille: 0 })
    equal(lied.units.wrong_accepted, 40)
  })

  it('fails what nobody is there to do, and says so where that takes longer than it may', async () => {
    const nobody = { vanish: [{ at_ms: 0, share_per_mille: 1_000 }] }
    const { units, violations } = await run({ ...nobody, until_ms: 60_000 })
    deepEqual([units.accepted, units.failed], [0, 40])
    deepEqual(violations, [])
    const early = await run({ ...nobody, until_ms: 10_000 })
    deepEqual(
      early.violations.map(({ rule }) => rule),
      ['all_end']
    )
  })

  it('gives what it has when it is stopped', async () => {
    const scenarioOf = scenario({ nodes: 40, units: 2_000 })
    const stopping = { ...PORTS, goesOn: async () => false }
    const report = await runScenario({ name: 'test', scenario: scenarioOf, seed: 1 }, stopping)
    equal(report.is_partial, true)
    deepEqual(report.violations, [])
  })
})
