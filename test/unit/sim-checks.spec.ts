/** The checkers of the simulated mesh: each is shown the fault that it is there for, and sees it. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { leaseIdOf } from '#contracts'
import { EscrowBook } from '../../sim/checks/escrow-book.ts'
import { LeaseBook } from '../../sim/checks/lease-book.ts'
import { MoneyBook } from '../../sim/checks/money-book.ts'
import { RestBook } from '../../sim/checks/rest-book.ts'
import { Chance } from '../../sim/kernel/chance.ts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { rightAnswer } from '../../sim/nodes/answers.ts'
import { proveLedger } from '../../sim/world/ledger-proofs.ts'
import { runScenario } from '../../sim/world/run.ts'
import { type Scenario, Scenario as ScenarioShape } from '../../sim/world/scenario.ts'
import { Sequencer, TENANT } from '../../sim/world/sequencer.ts'
import { SESSION, sessionSpec } from '../../sim/world/work.ts'
import { first, one, STORIES, single } from '../support/check-stories.ts'
import { A, CheckStory, QUORUM, SINGLE } from '../support/check-story.ts'

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

const BOOK_PORTS = {
  wallMs: () => 0,
  nowMs: () => 0,
  sinceClockSetMs: () => Number.POSITIVE_INFINITY,
  isQuiet: true,
  isHonest: () => true,
  ledgerMs: 0,
  checksNodes: true
}
const SIZES = {
  sessions: 1,
  tenants: 1,
  nodes: 1,
  claims: 1,
  leases: 1,
  recalled: 0,
  classes: 1,
  batches: 1,
  parked: 0
}
const NO_UNITS = {
  queued: 0,
  ready: 0,
  dispatched: 0,
  running: 0,
  success: 0,
  failed: 0,
  timeout: 0,
  cancelled: 0
}
const snapshotWith = (reserved: number, calls = 1) =>
  ({
    admission: 'OPEN',
    waiting: 0,
    nodes: [],
    sessions: [
      {
        session: SESSION,
        tenant: TENANT,
        state: 'running',
        units: NO_UNITS,
        reserved_micro: reserved,
        posted_micro: 0,
        max_cost_micro: 9,
        tokens_used: 0,
        model_calls: calls
      }
    ]
  }) as const

const OPENED = {
  session: SESSION,
  tenant: TENANT,
  graph_cid: rightAnswer(SINGLE.id),
  inputs_cid: rightAnswer(SINGLE.id),
  request_id: 'r',
  max_cost_micro: 9,
  opened_at_ms: 1
}

describe('the checkers of a simulated mesh', () => {
  for (const { sees, rule, well, ill } of STORIES) {
    it(`see ${sees}`, () => {
      deepEqual(well().rules, [])
      ok(ill().rules.includes(rule), ill().rules.join())
    })
  }

  it('see a unit that never ends, and credit that is held for ever', () => {
    const story = single().reserve(one)
    story.checks.finished(1)
    deepEqual(story.rules, ['all_end', 'nothing_held'])
  })

  it('see a unit that ends otherwise after a restart, but where the ledger has another result of it', () => {
    const other = rightAnswer(QUORUM.id)
    const ended = () => single().reserve(one).result(one).accept(one).end(SINGLE)
    const told = ended()
    told.checks.reopened(true)
    ok(told.end(SINGLE, { outputCid: other }).rules.includes('one_end'))
    // it was written, and the crash came before it was said
    const replaced = ended().refute(one)
    replaced.checks.reopened(true)
    ok(!replaced.end(SINGLE, { outputCid: other }).rules.includes('one_end'))
    replaced.checks.reopened(true)
    ok(replaced.end(SINGLE).rules.includes('one_end'), 'once it is said it stays')
  })

  it('see a node that dials again and again without a pause', () => {
    const dials = (pauseMs: number) => {
      const story = new CheckStory()
      const { checks } = story
      for (let dial = 0; dial < 8; dial++) {
        checks.runs.dials(A)
        checks.runs.dialled(A, false)
        story.nowMs += pauseMs
      }
      return checks.violations.length
    }
    equal(dials(5_000), 0)
    ok(dials(0) > 0)
  })

  it('see a node that is there and is taken for silent', () => {
    const story = new CheckStory()
    const data = { node: A, reason: 'heartbeats_missed' }
    const event = { type: 'node.unavailable', time_ms: 0, data } as const
    const nobody = { tenant_id: null, graph_id: null, execution_session_id: null }
    const whole = { ...event, ...nobody, work_unit_id: null, attempt: null }
    story.checks.performed({ type: 'event', event: whole })
    deepEqual(story.rules, ['alive_is_heard'])
  })

  it('see work for a node that rests, and none where a liar says that it serves', () => {
    for (const isHonest of [true, false]) {
      const found: string[] = []
      const broken = (rule: string): number => found.push(rule)
      let nowMs = 0
      const ports = { ...BOOK_PORTS, nowMs: () => nowMs, isHonest: () => isHonest, broken }
      const book = new RestBook(ports)
      book.rests(A, true)
      nowMs = 60_000
      book.reserved(A)
      deepEqual(found, isHonest ? ['rests_when_told'] : [])
    }
  })

  it('see a machine that keeps too much, or keeps it after the session', () => {
    const few = { sessions: 0, tenants: 1, nodes: 1, claims: 1, leases: 0 }
    const sizes = { ...few, recalled: 0, classes: 0, batches: 1, parked: 0 }
    const story = new CheckStory()
    const snapshot = { admission: 'OPEN', waiting: 0, sessions: [], nodes: [] } as const
    story.checks.looked(snapshot, sizes)
    story.checks.closed(sizes)
    deepEqual(story.rules, [])
    story.checks.looked(snapshot, { ...sizes, claims: 65 })
    deepEqual(story.rules, ['bounded'])
    story.checks.closed({ ...sizes, leases: 1 })
    deepEqual(story.rules, ['bounded', 'nothing_kept'])
    story.checks.apart([])
    deepEqual(story.rules, ['bounded', 'nothing_kept'])
    story.checks.apart([A])
    deepEqual(story.rules, ['bounded', 'nothing_kept', 'everybody_back'])
  })

  it('see a result for which nobody stands any more, and of which nothing is said', () => {
    const story = single().reserve(one).result(one).accept(one)
    const { checks } = story
    checks.abandoned({ isAbandoned: () => false })
    deepEqual(story.rules, [])
    checks.abandoned({ isAbandoned: () => true })
    deepEqual(story.rules, ['abandoned_told'])
    const said = single().reserve(one).result(one).accept(one)
    said.event('workunit.reopened', SINGLE).checks.abandoned({ isAbandoned: () => true })
    deepEqual(said.rules, [])
  })

  it('see a convicted node that still has in escrow what it earned before', () => {
    const ports = { ...BOOK_PORTS, broken: (rule: string) => found.push(rule) }
    const found: string[] = []
    const book = new EscrowBook(ports)
    const foldOf = (convictions: number, balance: number) => ({
      convictions,
      convictionsOf: () => convictions,
      escrowOf: () => balance,
      isHeld: () => false
    })
    book.paid(A, 10)
    book.folded(foldOf(0, 10))
    book.paid(A, 5)
    book.folded(foldOf(1, 5))
    deepEqual(found, [], 'what it earned since is its own')
    book.folded(foldOf(2, 5))
    deepEqual(found, ['convicted_unpaid'])
  })

  it('leave a node its first pay, whatever it was convicted of before', () => {
    const found: string[] = []
    const book = new EscrowBook({ ...BOOK_PORTS, broken: (rule: string) => found.push(rule) })
    const foldOf = (others: number, balance: number) => ({
      convictions: 1 + others,
      convictionsOf: () => 1,
      escrowOf: () => balance,
      isHeld: () => false
    })
    book.folded(foldOf(0, 0))
    book.paid(A, 10)
    book.folded(foldOf(0, 10))
    book.paid(A, 10)
    book.folded(foldOf(0, 20))
    book.folded(foldOf(1, 20))
    deepEqual(found, [], 'another was convicted')
  })

  it('see a result that was withdrawn and is still paid for', () => {
    const found: string[] = []
    const book = new EscrowBook({ ...BOOK_PORTS, broken: (rule: string) => found.push(rule) })
    const fold = { convictions: 0, convictionsOf: () => 0, escrowOf: () => 10 }
    book.withdrawn([{ unit: SINGLE.id, attempt: 1 }])
    book.folded({ ...fold, isHeld: (unit, attempt) => unit === SINGLE.id && attempt === 2 })
    deepEqual(found, [], 'the other attempt of two waits')
    book.withdrawn([{ unit: SINGLE.id, attempt: 2 }])
    book.folded({ ...fold, isHeld: () => true })
    book.folded({ ...fold, isHeld: () => true })
    deepEqual(found, ['withdrawn_unpaid'])
  })

  it('see sums of the gateway that are not those of the books', () => {
    const story = single().reserve(one)
    story.checks.looked(snapshotWith(1_000), SIZES)
    deepEqual(story.rules, [])
    story.checks.looked(snapshotWith(999), SIZES)
    deepEqual(story.rules, ['same_sums'])
    const calls = single().reserve(one)
    calls.checks.looked(snapshotWith(1_000, 2), SIZES)
    deepEqual(calls.rules, ['same_sums'])
  })

  it('see pay that went back and that the gateway still counts a record later', () => {
    const found: string[] = []
    const ports = { ...BOOK_PORTS, broken: (rule: string) => found.push(rule) }
    const book = new MoneyBook(ports, new LeaseBook(ports))
    const sequencer = new Sequencer(new Uint8Array(32))
    sequencer.append([{ kind: 'session.opened', body: OPENED }])
    const summary = sequencer.fold.session(SESSION)
    ok(summary !== null)
    const record = (returnedMicro: number) =>
      book.folded(
        {
          session: () => ({ ...summary, postedMicro: -returnedMicro, returnedMicro }),
          probation: null,
          balanceOf: () => null,
          attempt: () => null
        },
        SESSION
      )
    const look = (postedMicro: number) =>
      book.booked({ reserved_micro: 0, posted_micro: postedMicro, model_calls: 0 })
    record(5)
    look(0)
    look(-5)
    deepEqual(found, [], 'it hears of a record at its next step, or did it itself')
    record(5)
    look(-5)
    deepEqual(found, [])
    look(0)
    look(-6)
    deepEqual(found, ['same_sums', 'same_sums'])
  })

  it('see replicas that come to something else', async () => {
    const sequencer = new Sequencer(new Uint8Array(32), { keepsDisk: false, keepsLog: true })
    const body = { model: rightAnswer(SINGLE.id), name: 'm', base_us: 1, us_per_kib: 0 }
    for (const base_us of [1, 2, 3]) {
      sequencer.append([{ kind: 'model.registered', body: { ...body, base_us } }])
    }
    const rules = async (one: Sequencer): Promise<readonly string[]> => {
      const found: string[] = []
      const broken = (rule: string): number => found.push(rule)
      await proveLedger(one, { chance: new Chance(1, 'test'), broken })
      return found
    }
    deepEqual(await rules(sequencer), [])
    const [first, second, , last] = sequencer.entries
    ok(first !== undefined && second !== undefined && last !== undefined)
    const other = new Sequencer(new Uint8Array(32), { keepsDisk: false, keepsLog: true })
    other.append([{ kind: 'model.registered', body: { ...body, base_us: 9 } }])
    // the log of one beside the state of another
    other.entries.splice(0, other.entries.length, first, second)
    deepEqual(await rules(other), ['replicas_converge'])
  })

  it('see a budget that is overdrawn', () => {
    const story = new CheckStory()
    const spec = {
      ...sessionSpec(1),
      budgets: { ...sessionSpec(1).budgets, max_cost_micro: 1_500 }
    }
    story.took({ type: 'open', spec, history: null, availableMicro: null })
    story.begin([SINGLE, QUORUM], ['a', 'b']).reserve(one)
    deepEqual(story.rules, [])
    deepEqual(story.reserve(first).rules, ['within_budget'])
  })

  it('see what the fold refuses, and sums that are not its own', () => {
    const sequencer = new Sequencer(new Uint8Array(32))
    const { checks, rules: none } = new CheckStory()
    checks.folded(sequencer.fold, SESSION)
    deepEqual(none, [])
    const story = single().reserve(one)
    const items = [{ unit: SINGLE.id, attempt: 1, lease: leaseIdOf(SINGLE.id, 1, A), node: A }]
    const item = { ...items[0], model: null, input_bytes: 0, max_micro: 5, expires_at_ms: 1 }
    sequencer.append([
      { kind: 'session.opened', body: OPENED },
      { kind: 'units.reserved', body: { session: SESSION, items: [Object.assign(item, items[0])] } }
    ])
    story.checks.folded(sequencer.fold, SESSION)
    deepEqual(story.rules, ['same_sums', 'fold_takes_all'])
  })
})

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
    const { units, violations } = await run({ trust: 'credibility' })
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
