/** The road of a unit through the gateway machine, state by state. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { REQUIRED_EVENT_DATA } from '#contracts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { edge, modelUnit, SESSION, unitOf } from '../support/mesh-units.ts'
import { rightAnswer } from '../support/model-node.ts'

const meshOf = (nodes: number): GatewayMesh => {
  const mesh = new GatewayMesh()
  mesh.open()
  for (let number = 0; number < nodes; number++) mesh.addNode(number)
  return mesh
}

describe('gateway: the road of a unit', () => {
  it('leases a unit to a node that claims, and gives its accepted result as the one outcome', () => {
    const mesh = meshOf(1)
    const unit = unitOf('a')
    mesh.submit(unit)
    ok(mesh.drain())
    const outcome = mesh.outcomes.get(unit.id)
    equal(outcome?.status, 'success')
    equal(outcome?.outputCid, rightAnswer(unit.id))
    equal(outcome?.verification, 'schema')
    equal(outcome?.costMicro, 10)
    deepEqual(
      outcome?.executions.map(({ attempt, verdict }) => [attempt, verdict]),
      [[1, 'accepted']]
    )
    mesh.audit()
  })

  it('writes the opening and the reservation before the grant, and the acceptance before the ack', () => {
    const mesh = meshOf(1)
    mesh.submit(unitOf('a'))
    mesh.drain()
    deepEqual(
      mesh.records.map(({ kind }) => kind),
      ['session.opened', 'node.registered', 'node.observed', 'units.reserved', 'units.accepted']
    )
    for (const kind of ['grant', 'ack'] as const) {
      const sent = mesh.effects.findIndex(
        (effect) => effect.type === 'send' && effect.frame.kind === kind
      )
      ok(mesh.effects[sent - 1]?.type === 'record', `${kind} follows its record`)
    }
  })

  it('holds a unit back until what it depends on has succeeded', () => {
    const mesh = meshOf(1)
    const first = unitOf('first')
    const second = unitOf('second', { dependencies: [first.id] })
    mesh.submit(second)
    mesh.run(1_000)
    equal(mesh.eventsOf('workunit.dispatched', second.id).length, 0)
    equal(mesh.machine.explain(SESSION, second.id)?.refusals[0]?.rule, 'waits_for_dependencies')
    mesh.submit(first)
    ok(mesh.drain())
    equal(mesh.outcomes.get(second.id)?.status, 'success')
    mesh.audit()
  })

  it('ends a chain of a thousand dependants when the first of them fails', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'fail' })
    let before = unitOf('u0', { retries: { max_attempts: 1, backoff_ms: 0 } })
    const units = [before]
    for (let index = 1; index <= 1_000; index++) {
      before = unitOf(`u${index}`, { dependencies: [before.id] })
      units.push(before)
    }
    mesh.submit(...units)
    ok(mesh.drain())
    equal(mesh.outcomes.get(before.id)?.stopReason, 'dependency_failed')
    equal(mesh.outcomes.get(before.id)?.failureClass, 'dependency')
    mesh.audit()
  })

  it('serves urgent units first', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const late = unitOf('late', { priority: 'p3' })
    const urgent = unitOf('urgent', { priority: 'p0' })
    mesh.submit(late, urgent)
    const node = mesh.addNode(0, { slots: 1 })
    mesh.drain()
    const order = mesh.eventsOf('workunit.dispatched').map(({ work_unit_id }) => work_unit_id)
    deepEqual(order, [urgent.id, late.id])
    equal(node.granted.length, 2)
  })

  it('answers a unit that is handed in twice with the same outcome and runs it once', () => {
    const mesh = meshOf(1)
    const unit = unitOf('a')
    mesh.submit(unit, unit)
    mesh.drain()
    mesh.submit(unit)
    equal(mesh.items('units.reserved').length, 1)
    equal(mesh.effects.filter(({ type }) => type === 'outcome').length, 2)
    mesh.audit()
  })

  it('reports every invocation of a model, and no other unit as one', () => {
    const mesh = meshOf(1)
    const unit = modelUnit('m')
    mesh.submit(unit, unitOf('d'))
    mesh.drain()
    deepEqual(
      mesh.events.filter(({ type }) => type.startsWith('llm.')).map((event) => event.type),
      ['llm.invocation.started', 'llm.invocation.completed']
    )
    mesh.audit()
  })

  it('gives every event the data that its type requires', () => {
    const mesh = new GatewayMesh({ trusted: [0] })
    mesh.open()
    mesh.addNode(0, { manner: (offer) => (offer.attempt === 1 ? 'fail' : 'honest') })
    mesh.addNode(1, { manner: (offer) => (offer.attempt === 1 ? 'malformed' : 'honest') })
    const way = modelUnit('way-out')
    mesh.submit(
      modelUnit('m', { verification: { mode: 'quorum', replicas: 2 } }),
      { unit: modelUnit('s'), edges: [edge(way, 'schema_mismatch')] },
      modelUnit('r', { verification: { mode: 'recompute', replicas: 2 } })
    )
    mesh.drain()
    mesh.feed({
      type: 'close',
      session: SESSION,
      stopReason: 'success',
      stateHash: '00'.repeat(32),
      nowMs: mesh.nowMs
    })
    for (const event of mesh.events) {
      for (const key of REQUIRED_EVENT_DATA[event.type] ?? []) {
        ok(Object.hasOwn(event.data, key), `${event.type} has ${key}`)
      }
    }
    mesh.audit()
  })

  it('cancels what is open: leases are revoked, nothing is billed', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const node = mesh.addNode(0, { manner: 'silent' })
    const unit = unitOf('a')
    mesh.submit(unit, unitOf('b', { dependencies: [unit.id] }))
    mesh.run(100)
    mesh.feed({ type: 'cancel', session: SESSION, nowMs: mesh.nowMs })
    equal(mesh.outcomes.get(unit.id)?.status, 'cancelled')
    equal(node.revoked.size, 1)
    equal(mesh.items('units.accepted').length, 0)
    mesh.audit()
  })

  it('ends what is left when the session runs out of time', () => {
    const mesh = new GatewayMesh()
    const budgets = {
      max_tokens: 0,
      max_latency_ms: 5_000,
      max_cost_micro: 1_000,
      max_model_calls: 0
    }
    mesh.open({ budgets })
    const unit = unitOf('a')
    mesh.submit(unit)
    mesh.run(5_000)
    equal(mesh.outcomes.get(unit.id)?.status, 'timeout')
    equal(mesh.outcomes.get(unit.id)?.stopReason, 'budget_exhausted')
    mesh.audit()
  })
})
