/** Verification in the gateway machine: quorum with commitments, recompute, escalation, late results. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { PackedUnit } from '#contracts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { edge, modelUnit, unitOf } from '../support/mesh-units.ts'
import { type Manner, type NodeOptions, resultOf, rightAnswer } from '../support/model-node.ts'

/** Dispatch and run time of these units. */
const LEASE_MS = 15_000
const QUORUM = (replicas: number): PackedUnit =>
  unitOf('q', { verification: { mode: 'quorum', replicas } })

function meshOf(...manners: (Manner | NodeOptions)[]): GatewayMesh {
  const mesh = new GatewayMesh({ trusted: [0] })
  mesh.open()
  manners.forEach((manner, number) => {
    mesh.addNode(number, typeof manner === 'string' ? { manner } : manner)
  })
  return mesh
}

const verdictsOf = (mesh: GatewayMesh): (string | undefined)[] =>
  [...mesh.nodes.values()].map(({ verdicts }) => [...verdicts.values()][0])

describe('gateway: quorum', () => {
  it('accepts and pays all who agree; the lowest attempt stands', () => {
    const mesh = meshOf('honest', 'honest', 'honest')
    const unit = QUORUM(3)
    mesh.submit(unit)
    ok(mesh.drain())
    const accepted = mesh.items('units.accepted')
    deepEqual(
      accepted.map(({ attempt, canonical }) => [attempt, canonical]),
      [
        [1, true],
        [2, false],
        [3, false]
      ]
    )
    equal(mesh.outcomes.get(unit.id)?.verification, 'agreed')
    equal(mesh.outcomes.get(unit.id)?.costMicro, 30)
    mesh.audit()
  })

  it('reveals nothing before every replica has committed', () => {
    const mesh = meshOf({ runMs: 10 }, { runMs: 500 })
    mesh.submit(QUORUM(2))
    const reveals = () =>
      mesh.effects.filter(({ type, ...rest }) =>
        type === 'send' && 'frame' in rest ? rest.frame.kind === 'reveal' : false
      ).length
    mesh.run(400)
    equal(reveals(), 0)
    mesh.run(200)
    equal(reveals(), 2)
    ok(mesh.drain())
    mesh.audit()
  })

  it('takes a result that was asked for when its lease was about to end', () => {
    const mesh = meshOf({ runMs: 10, showMs: 2_000 }, { runMs: LEASE_MS - 500, showMs: 2_000 })
    const unit = QUORUM(2)
    mesh.submit(unit)
    ok(mesh.drain())
    deepEqual(mesh.items('units.voided'), [])
    equal(mesh.outcomes.get(unit.id)?.executions.length, 2)
    mesh.audit()
  })

  it('asks a third owner when two disagree, and names the one who is alone', () => {
    const mesh = meshOf('honest', 'lie', 'honest')
    const unit = QUORUM(2)
    mesh.submit(unit)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.outputCid, rightAnswer(unit.id))
    equal(verdictsOf(mesh)[1], 'rejected disagreed')
    deepEqual(
      mesh.items('units.voided').map(({ reason, fault }) => [reason, fault]),
      [['rejected', 'disagreed']]
    )
    ok(mesh.items('units.voided')[0]?.receipt !== null, 'a refused result keeps its receipt')
    mesh.audit()
  })

  it('never doubles up on an owner: it waits for another, and says so', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    for (const number of [0, 1, 2]) mesh.addNode(number, { descriptor: { owner: 'one' } })
    const unit = QUORUM(2)
    mesh.submit(unit)
    mesh.run(5_000)
    equal(mesh.items('units.reserved').length, 0)
    const explained = mesh.machine.explain(unit.unit.execution_session_id, unit.id)
    equal(explained?.refusals[0]?.rule, 'distinct_owners')
    mesh.addNode(3)
    ok(mesh.drain())
    mesh.audit()
  })

  it('refuses a result that differs from its commitment as copied', () => {
    const mesh = meshOf('honest', 'copy', 'honest')
    const unit = QUORUM(2)
    mesh.submit(unit)
    ok(mesh.drain())
    equal(verdictsOf(mesh)[1], 'rejected unit.copied')
    deepEqual(
      mesh.items('units.voided').map(({ fault }) => fault),
      ['copied']
    )
    mesh.audit()
  })

  it('ends a unit on which nobody agrees after its bound of executions', () => {
    const mesh = meshOf('lie', 'lie', 'lie', 'lie', 'lie', 'lie', 'lie')
    const unit = QUORUM(2)
    mesh.submit(unit)
    ok(mesh.drain())
    const outcome = mesh.outcomes.get(unit.id)
    equal(outcome?.error?.code, 'unit.no_agreement')
    equal(outcome?.stopReason, 'validation_failed')
    equal(outcome?.executions.length, unit.unit.retries.max_attempts + 2)
    equal(outcome?.costMicro, 0)
    mesh.audit()
  })

  it('settles on a majority when the rest does not come, and pays the straggler that agrees', () => {
    const mesh = meshOf('honest', 'honest', 'withhold')
    const unit = QUORUM(3)
    mesh.submit(unit)
    mesh.run(500)
    equal(mesh.outcomes.size, 0, 'results that were asked for are waited for')
    mesh.run(1_000)
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    const late = [...mesh.nodes.values()][2]
    const lease = late?.granted[0]?.lease_id
    const answer = lease === undefined ? undefined : late?.answers.get(lease)
    ok(late !== undefined && lease !== undefined && answer !== undefined)
    mesh.feed(resultOf(late.id, answer, mesh.nowMs))
    mesh.run(10)
    equal(late.verdicts.get(lease), 'accepted agreed')
    mesh.audit()
  })

  it('ends the lease of a replica that never shows what it committed to', () => {
    const mesh = meshOf('honest', 'honest', 'withhold')
    mesh.submit(QUORUM(3))
    ok(mesh.drain())
    mesh.run(20_000)
    equal(mesh.items('units.voided')[0]?.reason, 'expired')
    mesh.audit()
  })

  it('takes the same backend class only, where the agreement says class_exact', () => {
    const other = { runtime: 'ort', version: '1', provider: 'webgpu', device_class: 'x' }
    const mesh = meshOf({}, { descriptor: { backend: other } })
    const agreement = { level: 'class_exact' as const }
    const unit = unitOf('q', { verification: { mode: 'quorum', replicas: 2, agreement } })
    mesh.submit(unit)
    mesh.run(5_000)
    equal(mesh.items('units.reserved').length, 0)
    mesh.addNode(5)
    ok(mesh.drain())
    mesh.audit()
  })
})

describe('gateway: recompute', () => {
  const unit = unitOf('r', { verification: { mode: 'recompute', replicas: 2 } })

  it('lets the result of the trusted owner decide against a lie', () => {
    const mesh = meshOf({ runMs: 50 }, { manner: 'lie', runMs: 1 })
    mesh.submit(unit)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.outputCid, rightAnswer(unit.id))
    equal(verdictsOf(mesh)[1], 'rejected disagreed')
    mesh.audit()
  })

  it('waits for a trusted owner', () => {
    const mesh = new GatewayMesh({ trusted: [7] })
    mesh.open()
    mesh.addNode(1)
    mesh.addNode(2)
    mesh.submit(unit)
    mesh.run(5_000)
    equal(mesh.items('units.accepted').length, 0)
    mesh.addNode(7)
    ok(mesh.drain())
    mesh.audit()
  })
})

describe('gateway: escalation', () => {
  it('takes the declared edge of the trigger, once, and reports where it came from', () => {
    const mesh = meshOf('malformed')
    const unit = modelUnit('small')
    const other = modelUnit('large')
    mesh.submit({ unit, edges: [edge(other, 'schema_mismatch')] })
    ok(mesh.drain())
    const outcome = mesh.outcomes.get(unit.id)
    deepEqual(outcome?.escalations, ['schema_mismatch'])
    equal(outcome?.finalUnitId, other.id)
    equal(outcome?.status, 'failed', 'the way out fails its schema too, and there is no other')
    equal(mesh.items('units.escalated').length, 1)
    equal(mesh.eventsOf('workunit.queued', other.id)[0]?.data['escalated_from'], unit.id)
    equal(outcome?.executions.filter(({ attempt }) => attempt === 1).length, 2)
    mesh.audit()
  })

  it('does not hold a low confidence against the node, and runs what was declared for it', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, {
      manner: (_offer, { unit }) => (unit.task_id === 'small' ? 'unsure' : 'honest')
    })
    const unit = modelUnit('small')
    const other = modelUnit('large')
    mesh.submit({ unit, edges: [edge(other, 'confidence_below')] })
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.outputCid, rightAnswer(other.id))
    deepEqual(
      mesh.items('units.voided').map(({ reason, fault }) => [reason, fault]),
      [['redundant', 'none']]
    )
    mesh.audit()
  })

  it('takes no edge of another trigger, and none while too little of the budget is left', () => {
    const mesh = meshOf('malformed')
    const unit = modelUnit('small', { retries: { max_attempts: 1, backoff_ms: 0 } })
    const remainingMicro = 1_000_000_001
    mesh.submit({
      unit,
      edges: [
        edge(modelUnit('a'), 'confidence_below'),
        { ...edge(modelUnit('b'), 'budget_remaining'), remainingMicro }
      ]
    })
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'failed')
    equal(mesh.items('units.escalated').length, 0)
    mesh.audit()
  })

  it('escalates a unit whose tries are used up along its failure edge', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, {
      manner: (_offer, { unit }) => (unit.task_id === 'small' ? 'fail' : 'honest')
    })
    const unit = modelUnit('small')
    mesh.submit({ unit, edges: [edge(modelUnit('large'), 'failure')] })
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    deepEqual(mesh.outcomes.get(unit.id)?.escalations, ['failure'])
    mesh.audit()
  })
})
