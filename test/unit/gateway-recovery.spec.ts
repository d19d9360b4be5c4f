/** After a restart: the gateway goes on from the ledger's history; nothing runs or is billed twice. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  commitmentOf,
  type PackedUnit,
  type SessionHistory,
  type UnitHistory,
  type UnitId
} from '#contracts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { edge, modelUnit, SESSION, spec, unitOf } from '../support/mesh-units.ts'
import {
  attestationOf,
  type LeaseOffer,
  type Manner,
  type ModelNode,
  resultOf
} from '../support/model-node.ts'

/** Of a unit that is not tried again. */
const ONCE = { retries: { max_attempts: 1, backoff_ms: 0 } }

const NOTHING: UnitHistory = {
  attempts: 0,
  accepted: [],
  voided: [],
  outstanding: [],
  ended: null,
  escalatedTo: []
}

/** The history of what a mesh has written, as the fold would tell it. */
function historyOf(mesh: GatewayMesh): SessionHistory {
  const units = new Map<UnitId, UnitHistory>()
  const of = (id: UnitId): UnitHistory => units.get(id) ?? NOTHING
  for (const { unit, attempt, lease, node, max_micro, expires_at_ms } of mesh.items(
    'units.reserved'
  )) {
    const past = of(unit)
    const open = { attempt, lease, node, maxMicro: max_micro, expiresAtMs: expires_at_ms }
    units.set(unit, { ...past, attempts: attempt, outstanding: [...past.outstanding, open] })
  }
  for (const { unit, attempt, lease, canonical, receipt } of mesh.items('units.accepted')) {
    const past = of(unit)
    const open = past.outstanding.find((one) => one.lease === lease)
    ok(open !== undefined)
    const accepted = { attempt, lease, canonical, receipt, node: open.node, costMicro: 10 }
    const outstanding = past.outstanding.filter((one) => one !== open)
    units.set(unit, { ...past, outstanding, accepted: [...past.accepted, accepted] })
  }
  for (const { unit, attempt, lease, reason, fault, receipt } of mesh.items('units.voided')) {
    const past = of(unit)
    const outstanding = past.outstanding.filter((one) => one.lease !== lease)
    const voided = { attempt, lease, node: null, reason, fault, receipt }
    units.set(unit, { ...past, outstanding, voided: [...past.voided, voided] })
  }
  for (const { from, to, trigger } of mesh.items('units.escalated')) {
    const past = of(from)
    units.set(from, { ...past, escalatedTo: [...past.escalatedTo, { to, trigger }] })
  }
  for (const { unit, status, stop_reason, failure_class, code } of mesh.items('units.ended')) {
    const ended = { status, stopReason: stop_reason, failureClass: failure_class, code }
    units.set(unit, { ...of(unit), ended })
  }
  return { session: SESSION, units, closed: null }
}

/** A mesh that was given one unit, and one node of that manner. */
function given(unit: PackedUnit, manner: Manner): GatewayMesh {
  const mesh = new GatewayMesh()
  mesh.open()
  mesh.addNode(0, { manner })
  mesh.submit(unit)
  return mesh
}

function restarted(before: GatewayMesh): GatewayMesh {
  const mesh = new GatewayMesh()
  mesh.nowMs = before.nowMs + 100
  for (const item of before.items('units.reserved')) mesh.auditor.recall(item)
  for (const { lease } of before.items('units.accepted')) mesh.auditor.recallSettled(lease, 10)
  for (const { lease } of before.items('units.voided')) mesh.auditor.recallSettled(lease, 0)
  return mesh
}

/** The same, with the session open again and what the ledger knows of it. */
function reopened(before: GatewayMesh): GatewayMesh {
  const mesh = restarted(before)
  mesh.open({}, historyOf(before))
  return mesh
}

describe('gateway: after a restart', () => {
  it('answers at once for a unit that was accepted before, and runs nothing', () => {
    const before = new GatewayMesh()
    before.open()
    before.addNode(0)
    const unit = unitOf('a')
    before.submit(unit)
    ok(before.drain())
    const mesh = reopened(before)
    mesh.submit(unit)
    const outcome = mesh.outcomes.get(unit.id)
    equal(outcome?.status, 'success')
    equal(outcome?.outputCid, before.outcomes.get(unit.id)?.outputCid)
    equal(outcome?.costMicro, 10)
    deepEqual(outcome?.executions, before.outcomes.get(unit.id)?.executions)
    deepEqual(mesh.records, [])
    mesh.audit()
  })

  for (const isEarly of [false, true]) {
    it(`tells a node that was paid before what it was paid, ${isEarly ? 'before' : 'after'} its unit is back`, () => {
      const before = new GatewayMesh()
      before.open()
      const node = before.addNode(0)
      const unit = unitOf('a')
      before.submit(unit)
      ok(before.drain())
      const [offer] = node.granted
      ok(offer !== undefined)
      const mesh = restarted(before)
      const back = mesh.addNode(0, { manner: 'silent' })
      const again = () => {
        // the word of before was lost with its link, so that the node says it again
        mesh.connect(back, [offer.lease_id])
        const result = attestationOf(back, offer, unit, 'honest')
        mesh.feed(resultOf(back.id, result, mesh.nowMs))
      }
      if (isEarly) again()
      mesh.open({}, historyOf(before))
      mesh.submit(unit)
      if (!isEarly) {
        mesh.run(60_000)
        again()
      }
      const welcome = mesh.effects.findLast(
        (one) => one.type === 'send' && one.frame.kind === 'welcome'
      )
      ok(welcome?.type === 'send' && welcome.frame.kind === 'welcome')
      deepEqual(welcome.frame.body.standing, [offer.lease_id])
      equal(back.verdicts.get(offer.lease_id), 'accepted accepted')
      deepEqual(mesh.items('units.reserved'), [])
      mesh.audit()
    })
  }

  it('lets a lease of before stand, and takes the result of its node when it is back', () => {
    const before = new GatewayMesh()
    before.open()
    const node = before.addNode(0, { manner: 'silent' })
    const unit = unitOf('a')
    before.submit(unit)
    const [offer] = node.granted
    ok(offer !== undefined)
    const mesh = reopened(before)
    mesh.submit(unit)
    mesh.run(500)
    equal(mesh.items('units.reserved').length, 0)
    const again = mesh.addNode(0, { manner: 'silent' })
    ok(mesh.effects.some((one) => one.type === 'send' && one.frame.kind === 'welcome'))
    equal(mesh.items('units.voided').length, 1, 'it came back without the lease')
    equal(again.granted[0]?.attempt, 2, 'attempts go on counting')
    const result = attestationOf(node, offer, unit, 'honest')
    mesh.feed(resultOf(node.id, result, mesh.nowMs))
    mesh.run(100)
    equal(mesh.items('units.accepted').length, 0, 'the first attempt is over')
  })

  it('keeps results that come before their session is opened again', () => {
    const before = new GatewayMesh()
    before.open()
    const node = before.addNode(0, { manner: 'silent' })
    const unit = unitOf('a')
    before.submit(unit)
    const [offer] = node.granted
    ok(offer !== undefined)
    const mesh = restarted(before)
    const back = mesh.addNode(0, { manner: 'silent' })
    mesh.connect(back, [offer.lease_id])
    const welcome = mesh.effects.findLast(
      (one) => one.type === 'send' && one.frame.kind === 'welcome'
    )
    ok(welcome?.type === 'send' && welcome.frame.kind === 'welcome')
    deepEqual(welcome.frame.body.standing, [offer.lease_id])
    mesh.feed(resultOf(back.id, attestationOf(back, offer, unit, 'honest'), mesh.nowMs))
    mesh.run(1_000)
    mesh.open({}, historyOf(before))
    mesh.submit(unit)
    mesh.run(100)
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    equal(mesh.items('units.reserved').length, 0)
    equal(mesh.items('units.accepted')[0]?.attempt, 1)
    equal(back.verdicts.get(offer.lease_id), 'accepted accepted')
    mesh.audit()
  })

  it('gives a lease of before to another node when its own does not come back', () => {
    const before = new GatewayMesh()
    before.open()
    before.addNode(0, { manner: 'silent' })
    const unit = unitOf('a', { timeouts: { dispatch_ms: 600_000, run_ms: 600_000 } })
    before.submit(unit)
    const mesh = reopened(before)
    mesh.submit(unit)
    mesh.addNode(1)
    ok(mesh.drain(60_000))
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    equal(mesh.items('units.voided')[0]?.reason, 'expired')
    mesh.audit()
  })

  it('gives a lease of before elsewhere at once where its node was back first and did not name it', () => {
    const before = new GatewayMesh()
    before.open()
    before.addNode(0, { manner: 'silent' })
    const unit = unitOf('a', { timeouts: { dispatch_ms: 600_000, run_ms: 600_000 } })
    before.submit(unit)
    const mesh = restarted(before)
    mesh.addNode(0)
    mesh.open({}, historyOf(before))
    mesh.submit(unit)
    ok(mesh.drain(2_000))
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    equal(mesh.items('units.voided')[0]?.reason, 'expired')
    equal(mesh.items('units.reserved')[0]?.attempt, 2)
    mesh.audit()
  })

  it('goes on after an escalation and takes no edge again', () => {
    const unit = modelUnit('small')
    const other = modelUnit('large')
    const edges = [edge(other, 'schema_mismatch')]
    const before = new GatewayMesh()
    before.open()
    before.addNode(0, {
      manner: (_offer, { unit: { task_id } }) => (task_id === 'small' ? 'malformed' : 'silent')
    })
    before.submit({ unit, edges })
    before.run(100)
    equal(before.items('units.escalated').length, 1)
    const mesh = reopened(before)
    mesh.addNode(1)
    mesh.submit({ unit, edges })
    ok(mesh.drain(60_000))
    const outcome = mesh.outcomes.get(unit.id)
    equal(outcome?.finalUnitId, other.id)
    deepEqual(outcome?.escalations, ['schema_mismatch'])
    equal(mesh.items('units.escalated').length, 0)
    mesh.audit()
  })

  it('repeats the end of a unit that had ended without a result', () => {
    const unit = unitOf('a', ONCE)
    const before = given(unit, 'fail')
    ok(before.drain())
    const mesh = reopened(before)
    mesh.addNode(1)
    mesh.submit(unit)
    equal(mesh.outcomes.get(unit.id)?.status, 'failed')
    equal(mesh.outcomes.get(unit.id)?.error?.code, 'executor.crashed')
    equal(mesh.items('units.ended').length, 0)
    mesh.audit()
  })

  it('goes on with a quorum whose nodes are back with what they hold', () => {
    const before = new GatewayMesh()
    before.open()
    const nodes = [0, 1].map((number) => before.addNode(number, { manner: 'withhold' }))
    const unit = unitOf('q', { verification: { mode: 'quorum', replicas: 2 } })
    before.submit(unit)
    before.run(100)
    const mesh = reopened(before)
    mesh.submit(unit)
    for (const [number, node] of nodes.entries()) {
      const [offer] = node.granted
      ok(offer !== undefined)
      const back = mesh.addNode(number, { manner: 'silent', holding: [offer.lease_id] })
      mesh.feed(resultOf(back.id, attestationOf(back, offer, unit, 'honest'), mesh.nowMs))
    }
    mesh.run(100)
    equal(mesh.outcomes.get(unit.id)?.verification, 'agreed')
    equal(mesh.items('units.reserved').length, 0)
    mesh.audit()
  })

  it('asks a node that has committed for its result when the other was asked before the restart', () => {
    const before = new GatewayMesh()
    before.open()
    const nodes = [0, 1].map((number) => before.addNode(number, { manner: 'withhold' }))
    const unit = unitOf('q', { verification: { mode: 'quorum', replicas: 2 } })
    before.submit(unit)
    before.run(100)
    const mesh = reopened(before)
    mesh.submit(unit)
    const [first, second] = nodes.map((node, number) => {
      const [offer] = node.granted
      ok(offer !== undefined)
      const back = mesh.addNode(number, { manner: 'silent', holding: [offer.lease_id] })
      return { back, offer, attestation: attestationOf(back, offer, unit, 'honest') }
    })
    ok(first !== undefined && second !== undefined)
    const commitment = commitmentOf(second.attestation.output_cid, second.back.id)
    const commitments = [{ lease_id: second.offer.lease_id, commitment }]
    const { nowMs } = mesh
    mesh.feed({ type: 'commit', node: second.back.id, body: { v: 1, commitments }, nowMs })
    // the first was asked to show before: it sends its result, and commits no more
    mesh.feed(resultOf(first.back.id, first.attestation, nowMs))
    const asked = mesh.effects.flatMap((one) =>
      one.type === 'send' && one.frame.kind === 'reveal' ? one.frame.body.leases : []
    )
    deepEqual(asked, [second.offer.lease_id])
  })

  it('asks for no more than its quorum takes where three leases of before are lost', () => {
    const before = new GatewayMesh()
    before.open()
    const manners = ['honest', 'lie', 'silent'] as const
    for (const [number, manner] of manners.entries()) before.addNode(number, { manner })
    const unit = unitOf('q', { verification: { mode: 'quorum', replicas: 2 } })
    before.submit(unit)
    before.run(5_000)
    equal(historyOf(before).units.get(unit.id)?.outstanding.length, 3, 'two disagree')
    const mesh = reopened(before)
    mesh.submit(unit)
    for (const number of manners.keys()) mesh.addNode(number, { manner: 'silent' })
    mesh.run(1_000)
    equal(mesh.items('units.voided').length, 3)
    equal(mesh.items('units.reserved').length, 2)
  })

  for (const end of ['are lost', 'fail'] as const) {
    it(`asks for one more where two disagree again and the other leases of before ${end}`, () => {
      const before = new GatewayMesh()
      before.open()
      const manners = ['lie', 'lie', 'lie', 'lie', 'silent'] as const
      const nodes = manners.map((manner, number) => before.addNode(number, { manner }))
      const unit = unitOf('q', {
        verification: { mode: 'quorum', replicas: 2 },
        retries: { max_attempts: 5, backoff_ms: 0 }
      })
      before.submit(unit)
      before.run(5_000)
      equal(historyOf(before).units.get(unit.id)?.outstanding.length, 5, 'no two agree')
      const mesh = reopened(before)
      mesh.submit(unit)
      for (const [number, node] of nodes.entries()) {
        const [offer] = node.granted
        ok(offer !== undefined)
        const { lease_id } = offer
        const holding = number < 2 || end === 'fail' ? [lease_id] : []
        const { id } = mesh.addNode(number, { manner: 'silent', holding })
        const { nowMs } = mesh
        const failure = {
          lease_id,
          class: 'execution',
          code: 'executor.crashed',
          detail: ''
        } as const
        if (number < 2) mesh.feed(resultOf(id, attestationOf(node, offer, unit, 'lie'), nowMs))
        else if (end === 'fail') {
          mesh.feed({ type: 'failure', node: id, body: { v: 1, failures: [failure] }, nowMs })
        }
        mesh.run(10)
      }
      for (const number of [5, 6, 7]) mesh.addNode(number, { manner: 'silent' })
      mesh.run(1_000)
      equal(mesh.items('units.voided').length, 3)
      equal(mesh.items('units.reserved').length, 1)
    })
  }

  it('counts the failures of before against the attempts that a unit may make', () => {
    const before = new GatewayMesh()
    before.open()
    before.addNode(0, { manner: 'fail' })
    const unit = unitOf('a', { retries: { max_attempts: 2, backoff_ms: 30_000 } })
    before.submit(unit)
    before.run(1_000)
    equal(before.items('units.voided')[0]?.reason, 'failed')
    const mesh = reopened(before)
    mesh.addNode(1, { manner: 'fail' })
    mesh.submit(unit)
    ok(mesh.drain(60_000))
    equal(mesh.outcomes.get(unit.id)?.status, 'failed')
    equal(mesh.items('units.reserved').length, 1, 'the second attempt was the last')
    deepEqual(
      mesh.outcomes.get(unit.id)?.executions.map(({ attempt, verdict }) => [attempt, verdict]),
      [
        [1, 'failed'],
        [2, 'failed']
      ]
    )
    mesh.audit()
  })

  it('counts the calls of before, however they ended, against those that the session may make', () => {
    const budgets = { ...spec().budgets, max_model_calls: 2 }
    const before = new GatewayMesh()
    before.open({ budgets })
    before.addNode(0, { manner: 'fail' })
    const ended = modelUnit('ended', ONCE)
    const paused = modelUnit('paused', { retries: { max_attempts: 2, backoff_ms: 30_000 } })
    before.submit(ended, paused)
    before.run(1_000)
    equal(before.items('units.ended').length, 1)
    const mesh = restarted(before)
    mesh.open({ budgets }, historyOf(before))
    mesh.addNode(1)
    const third = modelUnit('third')
    mesh.submit(third, ended, paused)
    ok(mesh.drain(60_000))
    const statusOf = ({ id }: PackedUnit) => mesh.outcomes.get(id)?.status
    deepEqual([third, ended, paused].map(statusOf), ['failed', 'failed', 'success'])
    equal(mesh.outcomes.get(third.id)?.stopReason, 'budget_exhausted')
    equal(mesh.machine.snapshot().sessions[0]?.model_calls, 2)
    mesh.audit()
  })

  it('counts the tokens of results that came before and were not taken', () => {
    const unit = modelUnit('a', ONCE)
    const before = given(unit, 'greedy')
    ok(before.drain())
    const usedOf = (mesh: GatewayMesh) => mesh.machine.snapshot().sessions[0]?.tokens_used
    equal(usedOf(before), 101)
    const mesh = reopened(before)
    mesh.submit(unit)
    equal(usedOf(mesh), 101)
    mesh.audit()
  })

  it('counts what a node gave back before as no failure of the unit', () => {
    const unit = unitOf('a', ONCE)
    const before = given(unit, 'release')
    before.run(20)
    ok(before.items('units.voided').some(({ reason }) => reason === 'released'))
    const mesh = reopened(before)
    mesh.addNode(1)
    mesh.submit(unit)
    ok(mesh.drain(60_000))
    const outcome = mesh.outcomes.get(unit.id)
    equal(outcome?.status, 'success')
    equal(outcome?.executions[0]?.verdict, 'released')
    mesh.audit()
  })

  describe('with a quorum that lacked a replica when it stopped', () => {
    const unit = unitOf('q', { verification: { mode: 'quorum', replicas: 2 } })

    /** One of two leases stands; its node is not back. */
    function halfRestored(): { mesh: GatewayMesh; node: ModelNode; offer: LeaseOffer } {
      const before = new GatewayMesh()
      before.open()
      const node = before.addNode(0, { manner: 'withhold', descriptor: { owner: 'ann' } })
      before.addNode(1, { manner: 'silent', descriptor: { owner: 'bob' } })
      before.submit(unit)
      before.run(5)
      const [offer] = node.granted
      const history = historyOf(before)
      const past = history.units.get(unit.id)
      ok(offer !== undefined && past !== undefined)
      const outstanding = past.outstanding.filter(({ lease }) => lease === offer.lease_id)
      const mesh = restarted(before)
      mesh.open({}, { ...history, units: new Map([[unit.id, { ...past, outstanding }]]) })
      mesh.submit(unit)
      return { mesh, node, offer }
    }

    it('grants it to another owner, and never to the node that holds the first', () => {
      const { mesh, node, offer } = halfRestored()
      const holding = [offer.lease_id]
      const back = mesh.addNode(0, { manner: 'silent', holding, descriptor: { owner: 'ann' } })
      mesh.run(100)
      equal(mesh.items('units.reserved').length, 0)
      mesh.feed(resultOf(back.id, attestationOf(node, offer, unit, 'honest'), mesh.nowMs))
      const other = mesh.addNode(2)
      ok(mesh.drain(60_000))
      equal(mesh.outcomes.get(unit.id)?.verification, 'agreed')
      deepEqual(
        mesh.items('units.reserved').map((item) => item.node),
        [other.id]
      )
    })

    it('grants it to nobody while it cannot tell whose the first is, and says so', () => {
      const { mesh, offer } = halfRestored()
      mesh.addNode(2, { descriptor: { owner: 'ann' } })
      mesh.run(1_000)
      equal(mesh.items('units.reserved').length, 0)
      const said = mesh.machine.explain(SESSION, unit.id)?.refusals.map(({ rule }) => rule)
      deepEqual(said, ['distinct_owners'])
      mesh.addNode(0, { manner: 'silent', holding: [offer.lease_id], descriptor: { owner: 'ann' } })
      mesh.run(1_000)
      equal(mesh.items('units.reserved').length, 0, 'the second node is of the same owner')
      const other = mesh.addNode(3, { manner: 'silent' })
      mesh.run(1_000)
      deepEqual(
        mesh.items('units.reserved').map((item) => item.node),
        [other.id]
      )
    })
  })

  it('goes no further than the edges that the graph still has', () => {
    const unit = modelUnit('small')
    const gone = modelUnit('large')
    const before = new GatewayMesh()
    before.open()
    before.addNode(0, {
      manner: (_offer, { unit: { task_id } }) => (task_id === 'small' ? 'malformed' : 'silent')
    })
    before.submit({ unit, edges: [edge(gone, 'schema_mismatch')] })
    before.run(100)
    const mesh = reopened(before)
    mesh.addNode(1)
    mesh.submit(unit)
    ok(mesh.drain(60_000))
    equal(mesh.outcomes.get(unit.id)?.finalUnitId, unit.id)
    deepEqual(mesh.outcomes.get(unit.id)?.escalations, [])
  })
})
