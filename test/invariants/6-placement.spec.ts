/** Invariant 6: `llm` units never run off a pod; `local_only` never leaves trusted nodes. */
import { equal, ok } from 'node:assert/strict'
import { expectNamed, expectNone, holdsInRandomRuns } from '../support/invariants/claims.ts'
import { placementFaults } from '../support/invariants/placement.ts'
import { EVENTFUL, playRun } from '../support/invariants/random-runs.ts'
import { allowedUnits, type RunRecord } from '../support/invariants/run-record.ts'
import { type RealRun, realRun } from '../support/real-run.ts'

describe('invariant 6: units run where they may', function () {
  this.timeout(300_000)
  let run: RealRun
  let record: RunRecord
  before(async () => {
    run = await realRun()
    record = run.record
  })

  const ran = (is: (unit: string) => boolean) =>
    record.executions.filter(({ unit }) => unit !== null && is(unit))

  it('holds in a real mesh of pods and others, trusted and not', () => {
    expectNone(placementFaults(record))
    const units = [...allowedUnits(record).values()]
    const llm = new Set<string>(units.filter(({ unit }) => unit.kind === 'llm').map(({ id }) => id))
    const held = units.filter(({ unit }) => unit.constraints.privacy === 'local_only')
    const local = new Set<string>(held.map(({ id }) => id))
    ok(ran((unit) => llm.has(unit)).length > 5)
    ok(ran((unit) => local.has(unit)).length > 0)
    equal(
      ran((unit) => local.has(unit)).every(({ node }) => node === run.trusted),
      true
    )
    ok(
      record.executions.some(({ node }) => node === run.liar),
      'the others had work to do'
    )
  })

  it('holds whatever nodes do', () => {
    holdsInRandomRuns(placementFaults)
  })

  it('is seen broken where an llm unit ran on a node that is no pod', () => {
    const nodes = new Map([...record.nodes.keys()].map((node) => [node, { podTiers: [] }]))
    const faults = placementFaults({ ...record, nodes })
    expectNamed(faults, /llm unit .* is leased to .* no pod/)
    expectNamed(faults, /llm unit .* runs on .* no pod/)
    expectNamed(faults, /llm unit .* is dispatched to .* no pod/)
  })

  it('is seen broken where a private unit left the trusted nodes', () => {
    const faults = placementFaults({ ...record, trusted: new Set([run.liar]) })
    expectNamed(faults, /private unit .* is leased to .* not trusted/)
    expectNamed(faults, /private unit .* runs on .* not trusted/)
  })

  it('is seen broken in a machine that trusts everybody', () => {
    const everybody: ReadonlySet<string> = new (class extends Set<string> {
      override has(): boolean {
        return true
      }
    })()
    const { record: planted } = playRun(EVENTFUL, { trusted: everybody })
    expectNamed(placementFaults(planted), /private unit .* not trusted/)
  })

  it('is seen broken in a machine that takes every node for a pod', () => {
    const { record: planted } = playRun(EVENTFUL, {
      inputs: (input) =>
        input.type === 'hello'
          ? {
              ...input,
              body: {
                ...input.body,
                descriptor: { ...input.body.descriptor, pod_tiers: ['medium', 'large'] }
              }
            }
          : input
    })
    expectNamed(placementFaults(planted), /llm unit .* no pod/)
  })
})
