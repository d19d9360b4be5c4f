/** Invariant 2: a budget never increases, along any path, retry, escalation or fan-out. */
import { equal, ok, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { type EntryContent, type PackedUnit, packUnit, type UnitSubmission } from '#contracts'
import { conduct, graphOf, TASK_BUDGET } from '../support/conduct.ts'
import { budgetFaults, risingFaults, unitBudgetFaults } from '../support/invariants/budget.ts'
import { expectNamed, expectNone, holdsInRandomRuns } from '../support/invariants/claims.ts'
import { EVENTFUL, playRun } from '../support/invariants/random-runs.ts'
import type { RunRecord } from '../support/invariants/run-record.ts'
import { type RealRun, realRun } from '../support/real-run.ts'

const dearer = ({ unit }: PackedUnit): PackedUnit =>
  packUnit({ ...unit, budget: { ...unit.budget, max_cost_micro: unit.budget.max_cost_micro + 1 } })

/** The same log, where reservations from the `from`th attempt on ask for more than before. */
const raised = (entries: readonly EntryContent[], from: number): EntryContent[] =>
  entries.map((entry) => {
    if (entry.kind !== 'units.reserved') return entry
    const items = entry.body.items.map((item) =>
      item.attempt < from ? item : { ...item, max_micro: item.max_micro + 1 }
    )
    return { ...entry, body: { ...entry.body, items } }
  })

/** Fan-outs of both tiers with ways out, over lists of a drawn length. */
const fanOut = (items: number, retries: number) =>
  graphOf([
    {
      id: 'make',
      type: 'deterministic',
      handler: 'value.echo',
      input: { list: Array.from({ length: items }, (_, item) => item) }
    },
    {
      id: 'each',
      type: 'model',
      model: 'small-one',
      tier: 'small',
      budget: { ...TASK_BUDGET, max_retries: retries },
      fanout: { over: { $task: 'make', select: '/list' } },
      input: { x: { $item: true } },
      escalation: [
        {
          trigger: 'failure',
          model: 'large-one',
          tier: 'large',
          budget: { ...TASK_BUDGET, max_retries: 0 }
        }
      ]
    }
  ])

describe('invariant 2: a budget never increases', function () {
  this.timeout(300_000)
  let run: RealRun
  let record: RunRecord
  before(async () => {
    run = await realRun()
    record = run.record
  })

  it('holds from graphs to the units of a real mesh, through fan-outs and edges', () => {
    let edges = 0
    for (const { graph, submissions } of run.sessions.values()) {
      expectNone(unitBudgetFaults(graph, submissions))
      edges += submissions.reduce((sum, one) => sum + one.edges.length, 0)
    }
    ok(edges > 0)
  })

  it('holds from line to line of the log of a real mesh, through retries and escalations', () => {
    expectNone(budgetFaults(record))
    const kinds = record.entries.map(({ kind }) => kind)
    ok(kinds.includes('units.escalated'))
    ok(record.events.some(({ type }) => type === 'workunit.retried'))
  })

  it('ends a session whose fan-out is longer than its budget, before a unit is over it', () => {
    const { document, events, submissions } = run.sessions.get('over-budget') ?? {}
    equal(document?.stop_reason, 'budget_exhausted')
    ok(events?.some(({ data }) => data['reason'] === 'BUDGET_BREACH'))
    ok((submissions?.length ?? 0) <= 2)
  })

  it('holds whatever nodes do', () => {
    holdsInRandomRuns(budgetFaults)
  })

  it('holds in the conductor: what is left only falls, in whatever order units end', () => {
    fc.assert(
      fc.property(fc.nat({ max: 40 }), fc.nat({ max: 4 }), fc.nat(), (items, retries, order) => {
        const { leftMicro, submitted } = conduct(fanOut(items, retries), {
          pick: (waiting) => order % waiting,
          answer: ({ index }) => (index % 3 === 0 ? { failed: {} } : { value: { echo: index } })
        })
        expectNone(risingFaults(leftMicro, 'what is left'))
        ok(items === 0 || submitted.length > 0)
      }),
      { numRuns: 60 }
    )
  })

  it('is seen broken where what is left rises', () => {
    expectNamed(risingFaults([10, 7, 8], 'what is left'), /rose from 7 to 8/)
  })

  it('is seen broken where a unit, or its way out, has more than its task gives', () => {
    const { graph, submissions } = run.sessions.get('trials') ?? {}
    ok(graph && submissions)
    const planted: UnitSubmission[] = submissions.map(({ unit, edges }) => ({
      unit: dearer(unit),
      edges
    }))
    expectNamed(unitBudgetFaults(graph, planted), /max_cost_micro 11, its task gives 10/)
    const ways = submissions.map(({ unit, edges }) => ({
      unit,
      edges: edges.map((edge) => ({ ...edge, unit: dearer(edge.unit) }))
    }))
    expectNamed(unitBudgetFaults(graph, ways), /max_cost_micro 11, its task gives 10/)
    const tight = { ...graph, budgets: { ...graph.budgets, max_cost_micro: 100 } }
    expectNamed(unitBudgetFaults(tight, submissions), /all units: \d+ of 100 micro/)
  })

  it('is seen broken where a retry reserves more than the attempt before it', () => {
    expectNamed(
      budgetFaults({ ...record, entries: raised(record.entries, 2) }),
      /attempt 2 reserves 11, had 10/
    )
  })

  it('is seen broken where a session holds more than it was given, or more is posted than reserved', () => {
    const [[session, budgets] = []] = record.budgets
    ok(session && budgets)
    const poor = new Map(record.budgets).set(session, { ...budgets, max_cost_micro: 15 })
    expectNamed(budgetFaults({ ...record, budgets: poor }), /held of 15 micro/)
    const events = record.events.map((event) =>
      event.type === 'credits.posted' ? { ...event, data: { ...event.data, micro: 99_999 } } : event
    )
    expectNamed(budgetFaults({ ...record, events }), /posts 99999 of/)
  })

  it('is seen broken in a machine whose session was opened with more than KORA gave', () => {
    const plan = { ...EVENTFUL, maxCostMicro: 50 }
    equal(budgetFaults(playRun(plan).record).length, 0)
    const { record: planted } = playRun(plan, {
      inputs: (input) =>
        input.type === 'open'
          ? {
              ...input,
              spec: { ...input.spec, budgets: { ...input.spec.budgets, max_cost_micro: 5_000 } }
            }
          : input
    })
    expectNamed(budgetFaults(planted), /opened with 5000, given 50/)
    expectNamed(budgetFaults(planted), /held of 50 micro/)
  })

  it('stops the machine where a price is above what was reserved', () => {
    const dear = (maxMicro: number): number => maxMicro + 1
    throws(() => playRun(EVENTFUL, { price: dear }), /no more is posted than was reserved/)
  })
})
