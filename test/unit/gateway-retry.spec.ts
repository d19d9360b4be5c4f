/** What follows a failed attempt: pauses, bounds, other nodes, the breaker, budgets. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { Breaker } from '../../mesh-node/core/gateway/breaker.ts'
import { backoffMs, tokenWaitMs } from '../../mesh-node/core/gateway/retry.ts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { modelUnit, SESSION, spec, unitOf } from '../support/mesh-units.ts'
import { type Manner, resultOf } from '../support/model-node.ts'

const UNIT = unitOf('a').id

describe('gateway: retry', () => {
  it('doubles its pause, adds at most a fifth, and stays under half a minute', () => {
    for (let failures = 1; failures < 20; failures++) {
      const base = Math.min(30_000, 500 * 2 ** (failures - 1))
      const pause = backoffMs(UNIT, failures, 500, failures)
      ok(pause >= base && pause <= Math.min(30_000, base * 1.2), `${failures}: ${pause}`)
    }
  })

  it('draws its jitter from unit and attempt, so that a replay pauses as long', () => {
    equal(backoffMs(UNIT, 1, 10_000, 1), backoffMs(UNIT, 1, 10_000, 1))
    notEqual(backoffMs(UNIT, 1, 10_000, 1), backoffMs(UNIT, 2, 10_000, 1))
  })

  it('lets a tenant retry 40 times at once, and 20 times a minute from then on', () => {
    const tenant = {
      id: 't',
      availableMicro: null,
      reservedMicro: 0,
      leases: 0,
      activeLeases: 0,
      retryTokens: 40,
      retryTokensAtMs: 0
    }
    for (let count = 0; count < 40; count++) equal(tokenWaitMs(tenant, 0), 0)
    equal(tokenWaitMs(tenant, 0), 3_000)
    equal(tokenWaitMs(tenant, 3_000), 3_000)
    equal(tokenWaitMs(tenant, 120_000), 0)
  })

  it('goes to another node after a failure, and ends when its tries are used up', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'fail' })
    mesh.addNode(1, { manner: 'fail' })
    const unit = unitOf('a')
    mesh.submit(unit)
    ok(mesh.drain())
    const outcome = mesh.outcomes.get(unit.id)
    equal(outcome?.stopReason, 'retry_exhausted')
    equal(outcome?.failureClass, 'execution')
    equal(outcome?.error?.code, 'executor.crashed')
    const nodes = mesh.items('units.reserved').map(({ node }) => node)
    equal(nodes.length, 3)
    notEqual(nodes[0], nodes[1])
    deepEqual(
      mesh.eventsOf('workunit.retried').map(({ data }) => data['reason']),
      ['executor.crashed', 'executor.crashed']
    )
    mesh.audit()
  })

  it('says timeout where the last failure was one', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'time-out' })
    const unit = unitOf('a', { retries: { max_attempts: 1, backoff_ms: 0 } })
    mesh.submit(unit)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'timeout')
    equal(mesh.outcomes.get(unit.id)?.failureClass, 'timeout')
    mesh.audit()
  })

  it('does not try again what is not idempotent', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'fail' })
    const unit = unitOf('a', { idempotent: false })
    mesh.submit(unit)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.executions.length, 1)
    mesh.audit()
  })

  it('does not believe one node alone that a unit can never succeed', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: ({ attempt }) => (attempt === 1 ? 'hopeless' : 'honest') })
    const unit = unitOf('a')
    mesh.submit(unit)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
  })

  it('believes two owners that a unit can never succeed', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'hopeless' })
    mesh.addNode(1, { manner: 'hopeless' })
    const unit = unitOf('a', { retries: { max_attempts: 5, backoff_ms: 0 } })
    mesh.submit(unit)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.executions.length, 2)
  })

  it('takes the silence of two owners for no word that a unit can never succeed', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const silent = ({ attempt }: { readonly attempt: number }) =>
      attempt <= 3 ? 'silent' : 'honest'
    for (const number of [0, 1, 2, 3]) mesh.addNode(number, { manner: silent })
    const timeouts = { dispatch_ms: 1_000, run_ms: 1_000 }
    const unit = unitOf('a', { timeouts, retries: { max_attempts: 5, backoff_ms: 0 } })
    mesh.submit(unit)
    ok(mesh.drain())
    deepEqual(
      mesh.outcomes.get(unit.id)?.executions.map(({ reason }) => reason),
      ['lease.expired', 'lease.expired', 'lease.expired', 'accepted']
    )
    mesh.audit()
  })

  it('hands a released lease to another node at once and holds nothing against the first', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'release' })
    const unit = unitOf('a')
    mesh.submit(unit)
    mesh.addNode(1)
    ok(mesh.drain())
    equal(mesh.items('units.voided')[0]?.reason, 'released')
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    mesh.audit()
  })

  it('stops at the retries of the whole session', () => {
    const mesh = new GatewayMesh()
    mesh.open({ maxRetriesTotal: 1 })
    mesh.addNode(0, { manner: 'fail' })
    const unit = unitOf('a', { retries: { max_attempts: 5, backoff_ms: 0 } })
    mesh.submit(unit)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.executions.length, 2)
  })
})

describe('gateway: breaker', () => {
  it('opens when more than half of 60 attempts in a minute failed', () => {
    const breaker = new Breaker()
    for (let index = 0; index < 59; index++) breaker.ended(index % 2 ? 'success' : 'failure', index)
    ok(breaker.allows(60))
    breaker.ended('failure', 60)
    breaker.ended('failure', 61)
    ok(!breaker.allows(62))
  })

  it('opens at 20 timeouts in half a minute, and not at 20 in a longer time', () => {
    const burst = new Breaker()
    for (let index = 0; index < 20; index++) burst.ended('timeout', index * 1_000)
    equal(burst.state, 'open')
    const slow = new Breaker()
    for (let index = 0; index < 20; index++) slow.ended('timeout', index * 2_000)
    equal(slow.state, 'closed')
  })

  it('lets one probe through every five seconds and closes after five successes', () => {
    const breaker = new Breaker()
    for (let index = 0; index < 20; index++) breaker.ended('timeout', 0)
    ok(!breaker.allows(29_999))
    let nowMs = 30_000
    for (let probe = 0; probe < 5; probe++) {
      ok(breaker.allows(nowMs))
      breaker.granted(nowMs)
      ok(!breaker.allows(nowMs + 4_999))
      breaker.ended('success', nowMs + 10)
      nowMs += 5_000
    }
    equal(breaker.state, 'closed')
    ok(breaker.allows(nowMs))
  })

  it('opens again when a probe fails', () => {
    const breaker = new Breaker()
    for (let index = 0; index < 20; index++) breaker.ended('timeout', 0)
    breaker.granted(30_000)
    breaker.ended('failure', 30_100)
    ok(!breaker.allows(60_000))
    ok(breaker.allows(60_100))
  })

  it('keeps work from a node that times out, while another is there', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const bad = mesh.addNode(0, { manner: 'time-out', runMs: 1 })
    mesh.submit(
      ...Array.from({ length: 40 }, (_, index) =>
        unitOf('a', { index, retries: { max_attempts: 5, backoff_ms: 0 } })
      )
    )
    mesh.run(200)
    mesh.addNode(1)
    ok(mesh.drain())
    equal(mesh.machine.snapshot().nodes.find(({ node }) => node === bad.id)?.breaker, 'open')
    const explained = mesh.machine.snapshot()
    equal(explained.waiting, 0)
    mesh.audit()
  })
})

describe('gateway: budgets', () => {
  const budgets = { ...spec().budgets, max_latency_ms: 3_600_000 }

  it('never reserves more than the session may spend, and goes on as reservations return', () => {
    const mesh = new GatewayMesh()
    mesh.open({ budgets: { ...budgets, max_cost_micro: 250 } })
    mesh.addNode(0)
    const units = Array.from({ length: 10 }, (_, index) => unitOf('a', { index }))
    mesh.submit(...units)
    equal(mesh.items('units.reserved').length, 2, 'two reservations of 100 fit')
    ok(mesh.drain())
    ok(units.every(({ id }) => mesh.outcomes.get(id)?.status === 'success'))
    mesh.audit()
  })

  it('ends a unit that what is left can never pay, as a breach of the budget', () => {
    const mesh = new GatewayMesh()
    mesh.open({ budgets: { ...budgets, max_cost_micro: 105 } })
    mesh.addNode(0)
    const units = [unitOf('a'), unitOf('b')]
    mesh.submit(...units)
    ok(mesh.drain())
    const second = units[1]?.id
    ok(second !== undefined)
    equal(mesh.outcomes.get(second)?.stopReason, 'budget_exhausted')
    equal(mesh.outcomes.get(second)?.failureClass, 'budget')
    equal(mesh.eventsOf('workunit.failed', second)[0]?.data['reason'], 'BUDGET_BREACH')
    mesh.audit()
  })

  for (const [when, showsAtMs] of [
    ['before', 100],
    ['after', 4_000]
  ] as const) {
    it(`ends a unit whose one result, ${when} the other is lost, waits for what nothing can pay`, () => {
      const mesh = new GatewayMesh()
      mesh.open({ budgets: { ...budgets, max_cost_micro: 400 } })
      const quorum = { verification: { mode: 'quorum', replicas: 2 } } as const
      const [disputed, lone] = [unitOf('a', quorum), unitOf('b', quorum)]
      const manner = (_: unknown, { id }: { readonly id: string }): Manner =>
        id === disputed.id ? 'lie' : 'withhold'
      for (let number = 0; number < 6; number++) mesh.addNode(number, { manner })
      mesh.submit(disputed, lone)
      mesh.run(50)
      const nodes = [...mesh.nodes.values()]
      const [first, second] = nodes.filter(({ answers }) =>
        [...answers.values()].some(({ work_unit_id }) => work_unit_id === lone.id)
      )
      const [answer] = first?.answers.values() ?? []
      ok(first !== undefined && second !== undefined && answer !== undefined)
      mesh.disconnect(second)
      mesh.run(showsAtMs)
      equal(mesh.outcomes.size, 0)
      mesh.feed(resultOf(first.id, answer, mesh.nowMs))
      // what the other gave back pays a third voice for the first unit, whose nodes agree on nothing
      mesh.run(5_000)
      const codes = [disputed, lone].map(({ id }) => mesh.outcomes.get(id)?.error?.code)
      deepEqual(codes, ['unit.budget_exhausted', 'unit.budget_exhausted'])
      mesh.audit()
    })
  }

  it('lets a unit wait for the money of one that pauses before its next try', () => {
    const mesh = new GatewayMesh()
    mesh.open({ budgets: { ...budgets, max_cost_micro: 250 } })
    const quorum = { verification: { mode: 'quorum', replicas: 2 } } as const
    const [first, second] = [unitOf('a', quorum), unitOf('b', quorum)]
    const manner = ({ attempt }: { readonly attempt: number }, { id }: { readonly id: string }) =>
      id === first.id && attempt === 2 ? 'fail' : 'honest'
    for (let number = 0; number < 3; number++) mesh.addNode(number, { manner })
    mesh.submit(first, second)
    ok(mesh.drain(5_000))
    equal(mesh.outcomes.get(first.id)?.executions.length, 3)
    equal(mesh.outcomes.get(second.id)?.status, 'success')
    mesh.audit()
  })

  it('lets a unit wait for the money of one that waits for a node', () => {
    const mesh = new GatewayMesh()
    mesh.open({ budgets: { ...budgets, max_cost_micro: 250 } })
    const quorum = { verification: { mode: 'quorum', replicas: 2 } } as const
    const units = [unitOf('a', quorum), unitOf('b', quorum)]
    mesh.addNode(0)
    const leaver = mesh.addNode(1, { manner: 'silent' })
    mesh.submit(...units)
    mesh.run(50)
    mesh.disconnect(leaver)
    mesh.run(4_000)
    equal(mesh.outcomes.size, 0)
    mesh.addNode(2)
    ok(mesh.drain(5_000))
    ok(units.every(({ id }) => mesh.outcomes.get(id)?.status === 'success'))
    mesh.audit()
  })

  it('ends model units beyond the calls that the graph allows', () => {
    const mesh = new GatewayMesh()
    mesh.open({ budgets: { ...budgets, max_model_calls: 1 } })
    mesh.addNode(0)
    mesh.submit(modelUnit('a'), modelUnit('b'), unitOf('c'))
    ok(mesh.drain())
    const stops = [...mesh.outcomes.values()].map(({ stopReason }) => stopReason).sort()
    deepEqual(stops, ['budget_exhausted', 'success', 'success'])
    mesh.audit()
  })

  it("keeps within a tenant's balance over all of its sessions", () => {
    const mesh = new GatewayMesh()
    mesh.feed({ type: 'open', spec: spec(), history: null, availableMicro: 150, nowMs: 1_000 })
    mesh.addNode(0)
    const units = Array.from({ length: 12 }, (_, index) => unitOf('a', { index }))
    mesh.submit(...units)
    ok(mesh.drain())
    const paid = [...mesh.outcomes.values()].filter(({ status }) => status === 'success')
    equal(paid.length, 6, 'the seventh needs 100 of the 90 that are left')
    mesh.audit()
  })

  it('refuses a session of a tenant who has nothing', () => {
    const mesh = new GatewayMesh()
    const effects = mesh.feed({
      type: 'open',
      spec: spec(),
      history: null,
      availableMicro: 0,
      nowMs: 1_000
    })
    deepEqual(
      effects.filter(({ type }) => type === 'refuse-session'),
      [{ type: 'refuse-session', session: SESSION, refusal: 'BUDGET_EXCEEDED' }]
    )
    equal(mesh.records.length, 0)
  })
})
