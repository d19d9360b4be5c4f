/**
 * Invariant 7: no double execution of one attempt; no double billing, whatever is retried, duplicated
 * or replayed.
 */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { type EntryContent, parseLogId } from '#contracts'
import { nodeVerifier } from '#mesh-node'
import { type GatewayInput, GatewayMachine } from '#mesh-node/core'
import { ATTEMPT, AttemptTable } from '../../ledger/fold/attempts.ts'
import { expectNamed, expectNone, holdsInRandomRuns } from '../support/invariants/claims.ts'
import { billFaults, doubleFaults, paidFaults } from '../support/invariants/doubles.ts'
import { EVENTFUL, playAgents, playRun, runPlan } from '../support/invariants/random-runs.ts'
import { foldAnew, repacked } from '../support/invariants/replays.ts'
import type { RunRecord } from '../support/invariants/run-record.ts'
import { GATEWAY, modelUnit, spec } from '../support/mesh-units.ts'
import { type RealRun, realRun } from '../support/real-run.ts'

const quorum = { mode: 'quorum', replicas: 2, agreement: { level: 'exact' } } as const

describe('invariant 7: nothing runs or is billed twice', function () {
  this.timeout(300_000)
  let run: RealRun
  let record: RunRecord
  before(async () => {
    run = await realRun()
    record = run.record
  })

  const folded = (contents: readonly EntryContent[]) =>
    foldAnew(repacked(run.placed, contents), { genesis: run.genesis, verifier: nodeVerifier })
  /** Every line that speaks of units is in the log twice, one after the other. */
  const doubled = () =>
    record.entries.flatMap((entry) => (entry.kind.startsWith('units.') ? [entry, entry] : [entry]))

  it('holds for the executions, the log and the bills of a real mesh', () => {
    expectNone(doubleFaults(record))
    for (const { document } of run.sessions.values())
      expectNone(billFaults(document.bill?.lines ?? [], record))
    expectNone(paidFaults(run.ledger.fold.balances(), record))
    ok(
      run.ledger.fold
        .balances()
        .some(({ account, balance }) => account.startsWith('node:') && balance > 0)
    )
  })

  it('holds whatever nodes do', () => {
    holdsInRandomRuns(doubleFaults)
  })

  it('holds for agents, however often frames arrive and wherever links break', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.nat({ max: 12 }), { maxLength: 5 }),
        (copies, breaks) => {
          const units = Array.from({ length: 14 }, (_, index) =>
            modelUnit('infer', index % 3 === 0 ? { index, verification: quorum } : { index })
          )
          const ordered = breaks.toSorted((a, b) => a - b)
          expectNone(doubleFaults(playAgents(units, { copies, breaks: ordered })))
        }
      ),
      { numRuns: 25 }
    )
  })

  it('holds when all that nodes said is said again after the end', () => {
    fc.assert(
      fc.property(runPlan, (plan) => {
        const said: GatewayInput[] = []
        const { mesh, record: played } = playRun(plan, {
          inputs: (input) => {
            if (['result', 'commit', 'failure'].includes(input.type)) said.push(input)
            return input
          }
        })
        const before = played.entries.length
        for (const input of [...said]) mesh.feed(input)
        equal(mesh.records.length, before)
        expectNone(doubleFaults(played))
      }),
      { numRuns: 20 }
    )
  })

  it('holds for a control node that begins anew over the log of a real mesh', async () => {
    for (const { session, graph, submissions } of run.sessions.values()) {
      const history = await run.ledger.history(session)
      const machine = new GatewayMachine({
        gateway: GATEWAY,
        log: parseLogId('ab'.repeat(32)),
        trusted: record.trusted,
        price: ({ maxMicro }) => maxMicro,
        tenantLeasesMax: null
      })
      const nowMs = Date.now()
      const opened = spec({ session, budgets: graph.budgets })
      machine.step({ type: 'open', spec: opened, history, availableMicro: null, nowMs })
      const effects = machine.step({ type: 'submit', session, units: submissions, nowMs })
      deepEqual(
        effects.filter(({ type }) => type === 'record' || type === 'send'),
        []
      )
      const outcomes = effects.filter(({ type }) => type === 'outcome')
      equal(outcomes.length, submissions.length)
    }
  })

  it('holds for money when every line of the log is there twice', () => {
    const once = folded(record.entries)
    const twice = folded(doubled())
    deepEqual(twice.balances(), once.balances())
    for (const { session } of run.sessions.values())
      deepEqual(twice.bill(session)?.lines, once.bill(session)?.lines)
    expectNone(paidFaults(twice.balances(), record))
  })

  it('is seen broken where an attempt runs twice', () => {
    const [first] = record.executions
    ok(first)
    const executions = [...record.executions, first]
    expectNamed(doubleFaults({ ...record, executions }), /lease \S+ ran twice/)
    expectNamed(doubleFaults({ ...record, executions }), /attempt \S+ \d+ ran twice/)
  })

  it('is seen broken where a lease is granted, settled or posted twice, or never settled', () => {
    const again = (kind: EntryContent['kind']) => {
      const entry = record.entries.find((one) => one.kind === kind)
      ok(entry)
      return doubleFaults({ ...record, entries: [...record.entries, entry] })
    }
    expectNamed(again('units.reserved'), /is leased twice/)
    expectNamed(again('units.reserved'), /is never settled/)
    expectNamed(again('units.accepted'), /is settled twice/)
    expectNamed(again('units.accepted'), /has two results that stand/)
    expectNamed(again('units.voided'), /is settled twice/)
    const posted = record.events.find(({ type }) => type === 'credits.posted')
    ok(posted)
    expectNamed(doubleFaults({ ...record, events: [...record.events, posted] }), /is posted twice/)
  })

  it('is seen broken where a unit is leased after its result', () => {
    const entries = record.entries.map((entry) => {
      if (entry.kind !== 'units.reserved') return entry
      const items = entry.body.items.map((item) => ({ ...item, attempt: item.attempt + 100 }))
      return { ...entry, body: { ...entry.body, items } }
    })
    expectNamed(
      doubleFaults({
        ...record,
        checksNodes: false,
        entries: [...record.entries, ...entries]
      }),
      /after its result/
    )
  })

  it('is seen broken where a bill names a line twice, or what was not accepted', () => {
    const lines = [...run.sessions.values()].flatMap(({ document }) => document.bill?.lines ?? [])
    const [first] = lines
    ok(first)
    expectNamed(billFaults([...lines, first], record), /is billed twice/)
    expectNamed(billFaults([{ ...first, attempt: 99 }], record), /billed unaccepted/)
  })

  it('is seen broken where a node is paid once more for what it did', () => {
    const balances = run.ledger.fold.balances().map((one) => ({
      ...one,
      balance: /^(node|escrow):/.test(one.account) ? 2 * one.balance : one.balance
    }))
    expectNamed(paidFaults(balances, record), /is paid \d+ of \d+/)
  })

  it('stops a fold that forgets what it has settled, for it would pay from what nobody set aside', () => {
    const { state } = AttemptTable.prototype
    AttemptTable.prototype.state = () => ATTEMPT.reserved
    try {
      throws(() => folded(doubled()), /not below zero/)
    } finally {
      AttemptTable.prototype.state = state
    }
  })

  it('is seen broken where a node runs whatever arrives, and frames arrive twice', () => {
    const { record: planted } = playRun(EVENTFUL, {
      effects: (effect) =>
        effect.type === 'send' && effect.frame.kind === 'grant' ? [effect, effect] : [effect]
    })
    expectNamed(doubleFaults(planted), /lease \S+ ran twice/)
  })
})
