/** Invariant 8: Krako adds no stage, no escalation, no unit and no type change of its own. */
import { ok } from 'node:assert/strict'
import { type EntryContent, STAGES, type StageRecord } from '#contracts'
import { expectNamed, expectNone, holdsInRandomRuns } from '../support/invariants/claims.ts'
import { fabricAdditionsFaults, stageFaults } from '../support/invariants/fabric-additions.ts'
import { EVENTFUL, playRun } from '../support/invariants/random-runs.ts'
import type { RunRecord } from '../support/invariants/run-record.ts'
import { unitOf } from '../support/mesh-units.ts'
import { type RealRun, type RealSession, realRun } from '../support/real-run.ts'

describe('invariant 8: Krako adds nothing of its own', function () {
  this.timeout(300_000)
  let run: RealRun
  let record: RunRecord
  let trials: RealSession
  before(async () => {
    run = await realRun()
    record = run.record
    const found = run.sessions.get('trials')
    ok(found)
    trials = found
  })

  it('holds for units, kinds and escalations of a real mesh', () => {
    expectNone(fabricAdditionsFaults(record))
    ok(record.entries.some(({ kind }) => kind === 'units.escalated'))
    ok(record.own.size > 5)
  })

  it('holds for the stages of every session', () => {
    for (const { graph, document } of run.sessions.values())
      expectNone(stageFaults(graph, document.stages))
    const seen = new Set(trials.document.stages.map(({ stage }) => stage))
    for (const stage of ['DECOMPOSE', 'ADAPTER', 'VERIFY', 'ESCALATE'] as const) ok(seen.has(stage))
  })

  it('holds whatever nodes do', () => {
    holdsInRandomRuns(fabricAdditionsFaults)
  })

  it('is seen broken for a unit that nobody submitted', () => {
    const submissions = record.submissions.slice(1)
    const faults = fabricAdditionsFaults({ ...record, submissions })
    expectNamed(faults, /workunit.queued of unit .* which was not submitted/)
    expectNamed(faults, /is in the log and was not submitted/)
    expectNamed(faults, /ran and was not submitted/)
    expectNamed(faults, /an outcome of unit .* which was not submitted/)
  })

  it('is seen broken for a unit whose kind is changed', () => {
    const events = record.events.map((event) =>
      event.type === 'workunit.queued' && event.data['kind'] === 'small_model'
        ? { ...event, data: { ...event.data, kind: 'llm' } }
        : event
    )
    expectNamed(fabricAdditionsFaults({ ...record, events }), /queued as another kind/)
  })

  it('is seen broken for an escalation that is not declared, or on another trigger, or twice', () => {
    const escalated = record.entries.find(({ kind }) => kind === 'units.escalated')
    ok(escalated?.kind === 'units.escalated')
    const twice = { ...record, entries: [...record.entries, escalated] }
    expectNamed(fabricAdditionsFaults(twice), /is taken twice/)
    const items = escalated.body.items.map((item) => ({
      ...item,
      trigger: 'budget_remaining' as const
    }))
    const otherwise: EntryContent = { ...escalated, body: { ...escalated.body, items } }
    const entries = record.entries.map((entry) => (entry === escalated ? otherwise : entry))
    expectNamed(fabricAdditionsFaults({ ...record, entries }), /is not declared/)
    const bare = record.submissions.map(({ unit }) => ({ unit, edges: [] }))
    const undeclared: RunRecord = { ...record, submissions: bare }
    expectNamed(fabricAdditionsFaults(undeclared), /escalation from .* is not declared/)
    expectNamed(fabricAdditionsFaults(undeclared), /which is none of its edges/)
    const unwritten = record.entries.filter(({ kind }) => kind !== 'units.escalated')
    expectNamed(fabricAdditionsFaults({ ...record, entries: unwritten }), /log does not have/)
  })

  it('is seen broken for a stage of no task, of no taxonomy, or without its edge', () => {
    const { graph, document } = trials
    const more = (planted: StageRecord) => stageFaults(graph, [...document.stages, planted])
    const stage = { task_id: 'private', index: 0, outcome: 'success' } as const
    expectNamed(
      more({ ...stage, stage: 'VERIFY', task_id: 'thought-up' }),
      /unknown task thought-up/
    )
    expectNamed(more({ ...stage, stage: 'ESCALATE' }), /private\/0 escalates/)
    const [first] = STAGES
    const unknown = JSON.parse(JSON.stringify({ ...stage, stage: `${first}-AGAIN` }))
    expectNamed(more(unknown), /none of the taxonomy/)
  })

  it('is seen broken in a machine that was handed a unit behind KORA’s back', () => {
    const extra = unitOf('thought-up')
    const { record: planted } = playRun(EVENTFUL, {
      inputs: (input) =>
        input.type === 'submit'
          ? { ...input, units: [...input.units, { unit: extra, edges: [] }] }
          : input
    })
    expectNamed(fabricAdditionsFaults(planted), new RegExp(`unit ${extra.id}.* was not submitted`))
  })

  it('is seen broken in a machine that was handed a way out that KORA did not declare', () => {
    const extra = unitOf('thought-up')
    const plan = { ...EVENTFUL, manners: [['fail'], ['fail'], ['fail']] } as const
    const { record: planted } = playRun(plan, {
      inputs: (input) =>
        input.type === 'submit'
          ? {
              ...input,
              units: input.units.map(({ unit }, place) => ({
                unit,
                edges:
                  place === 1 ? [{ trigger: 'failure', remainingMicro: null, unit: extra }] : []
              }))
            }
          : input
    })
    const faults = fabricAdditionsFaults(planted)
    expectNamed(faults, new RegExp(`to ${extra.id} on failure is not declared`))
    expectNamed(faults, new RegExp(`unit ${extra.id}, which was not submitted`))
  })
})
