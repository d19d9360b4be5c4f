/** Invariant 4: no model is invoked without an `llm.invocation.*` or `workunit.*` event and a budget. */
import { ok } from 'node:assert/strict'
import { expectNamed, expectNone, holdsInRandomRuns } from '../support/invariants/claims.ts'
import { hiddenInvocationFaults } from '../support/invariants/hidden-invocations.ts'
import { EVENTFUL, playAgents, playRun } from '../support/invariants/random-runs.ts'
import type { RunRecord } from '../support/invariants/run-record.ts'
import { modelUnit } from '../support/mesh-units.ts'
import { type RealRun, realRun } from '../support/real-run.ts'

describe('invariant 4: no hidden invocation', function () {
  this.timeout(300_000)
  let run: RealRun
  let record: RunRecord
  before(async () => {
    run = await realRun()
    record = run.record
  })

  it('holds for every run that the executors of a real mesh made', () => {
    expectNone(hiddenInvocationFaults(record))
    ok(record.executions.length > 30)
    // what executors ran is a watched unit or a golden vector; what was cut off before it began is neither
    ok(run.executorRuns > 30 && run.executorRuns <= record.executions.length + run.checks)
  })

  it('holds whatever nodes do', () => {
    holdsInRandomRuns(hiddenInvocationFaults)
  })

  it('holds for agents whose links repeat and break', () => {
    const units = Array.from({ length: 20 }, (_, index) => modelUnit('infer', { index }))
    expectNone(hiddenInvocationFaults(playAgents(units, { copies: 2, breaks: [4, 9, 15] })))
  })

  it('is seen broken where an executor runs for no lease', () => {
    const node = run.liar
    const hidden = [...record.executions, { node, unit: null, attempt: null, lease: null }]
    expectNamed(hiddenInvocationFaults({ ...record, executions: hidden }), /ran without a lease/)
  })

  it('is seen broken where nothing told of the run, or nothing was set aside for it', () => {
    const { events, entries } = record
    const untold = (type: string): RunRecord => ({
      ...record,
      events: events.filter((event) => event.type !== type)
    })
    expectNamed(
      hiddenInvocationFaults(untold('workunit.dispatched')),
      /without workunit.dispatched/
    )
    expectNamed(
      hiddenInvocationFaults(untold('llm.invocation.started')),
      /without llm.invocation.started/
    )
    const free = entries.filter(({ kind }) => kind !== 'units.reserved')
    expectNamed(hiddenInvocationFaults({ ...record, entries: free }), /without its budget reserved/)
  })

  it('is seen broken where a lease is run by another node than it was told of', () => {
    const executions = record.executions.map((one) => ({ ...one, node: run.liar }))
    expectNamed(hiddenInvocationFaults({ ...record, executions }), /without workunit.dispatched/)
  })

  it('is seen broken where a result comes from no execution', () => {
    expectNamed(hiddenInvocationFaults({ ...record, executions: [] }), /without an execution/)
  })

  it('is seen broken in a machine that tells of no invocation', () => {
    const { record: planted } = playRun(EVENTFUL, {
      effects: (effect) =>
        effect.type === 'event' && effect.event.type === 'llm.invocation.started' ? [] : [effect]
    })
    expectNamed(hiddenInvocationFaults(planted), /without llm.invocation.started/)
  })
})
