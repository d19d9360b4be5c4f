/** Units that nobody is there to run, or too few to agree on: they end with a reason, and in time. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { PackedUnit } from '#contracts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { peer, unitOf } from '../support/mesh-units.ts'

const DISPATCH_MS = 5_000
const quorumOf = (replicas: number, retries = { max_attempts: 3, backoff_ms: 0 }): PackedUnit =>
  unitOf('q', {
    verification: { mode: 'quorum', replicas },
    timeouts: { dispatch_ms: DISPATCH_MS, run_ms: 10_000 },
    retries
  })

function meshWith(
  unit: PackedUnit,
  manners: readonly Parameters<GatewayMesh['addNode']>[1][],
  options: ConstructorParameters<typeof GatewayMesh>[0] = {}
): GatewayMesh {
  const mesh = new GatewayMesh(options)
  mesh.open()
  for (const [number, manner] of manners.entries()) mesh.addNode(number, manner)
  mesh.submit(unit)
  return mesh
}

describe('gateway: units that lack nodes', () => {
  it('end when no node could run them for the time of their dispatch', () => {
    const unit = unitOf('a', { timeouts: { dispatch_ms: DISPATCH_MS, run_ms: 10_000 } })
    const mesh = meshWith(unit, [])
    mesh.run(DISPATCH_MS - 1_000)
    equal(mesh.outcomes.size, 0)
    mesh.run(2_000)
    equal(mesh.outcomes.get(unit.id)?.error?.code, 'unit.no_node')
    mesh.audit()
  })

  it('wait anew when a node was there, if only between two looks', () => {
    const few = { timeouts: { dispatch_ms: DISPATCH_MS, run_ms: 10_000 } }
    const [first, second] = [unitOf('a', few), unitOf('b', few)]
    const mesh = meshWith(first, [])
    mesh.submit(second)
    mesh.run(DISPATCH_MS - 1_500)
    const gone = mesh.addNode(1, { manner: 'silent', slots: 1 })
    mesh.run(100)
    mesh.disconnect(gone)
    mesh.run(DISPATCH_MS - 1_000)
    deepEqual(
      [...mesh.outcomes.values()].map(({ error }) => error),
      []
    )
    mesh.run(2_000)
    equal(mesh.outcomes.get(second.id)?.error?.code, 'unit.no_node')
  })

  it('end once, though they came to wait again before their first place was passed over', () => {
    const unit = quorumOf(3)
    const mesh = new GatewayMesh()
    mesh.open()
    const [first, second] = [0, 1, 2].map((number) => mesh.addNode(number))
    ok(first && second)
    mesh.submit(unit, unitOf('other'))
    mesh.disconnect(second)
    mesh.run(DISPATCH_MS + 1)
    mesh.disconnect(first)
    mesh.run(30_000)
    equal(mesh.outcomes.get(unit.id)?.error?.code, 'unit.no_node')
    mesh.audit()
  })

  it('end when too few owners are there to agree on them', () => {
    const unit = quorumOf(2)
    const twin = { descriptor: { owner: 'owner-0' } }
    const mesh = meshWith(unit, [twin, twin])
    mesh.run(DISPATCH_MS - 1_000)
    equal(mesh.outcomes.size, 0, 'another owner might still come')
    mesh.run(2_000)
    const { status, stopReason, error } = mesh.outcomes.get(unit.id) ?? {}
    deepEqual([status, stopReason, error?.code], ['timeout', 'substrate_failure', 'unit.no_node'])
    deepEqual(mesh.items('units.reserved'), [])
    mesh.audit()
  })

  it('go on when the owner that they lacked comes in time', () => {
    const unit = quorumOf(2)
    const mesh = meshWith(unit, [{}])
    mesh.run(DISPATCH_MS - 1_000)
    mesh.addNode(1)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    mesh.audit()
  })

  it('end when owners disagree and no other is left to decide', () => {
    const unit = quorumOf(2)
    const mesh = meshWith(unit, [{}, { manner: 'lie' }])
    mesh.run(DISPATCH_MS)
    equal(mesh.outcomes.size, 0)
    mesh.run(2_000)
    const outcome = mesh.outcomes.get(unit.id)
    equal(outcome?.error?.code, 'unit.no_node')
    deepEqual(
      outcome?.executions.map(({ verdict }) => verdict),
      ['redundant', 'redundant'],
      'nobody is shown to be wrong'
    )
    mesh.audit()
  })

  it('are content with those who are there, where these are a majority', () => {
    const unit = quorumOf(3)
    const mesh = meshWith(unit, [{}, {}, { manner: 'silent' }])
    mesh.run(100)
    for (const node of mesh.nodes.values()) if (node.id === peer(2)) mesh.disconnect(node)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    equal(mesh.items('units.accepted').length, 2)
    mesh.audit()
  })

  it('end when a recompute lacks its trusted node', () => {
    const unit = unitOf('r', {
      verification: { mode: 'recompute' },
      timeouts: { dispatch_ms: DISPATCH_MS, run_ms: 10_000 }
    })
    const without = meshWith(unit, [{}, {}])
    without.run(DISPATCH_MS + 1_000)
    equal(without.outcomes.get(unit.id)?.error?.code, 'unit.no_node')
    const mesh = meshWith(unit, [{}, {}], { trusted: [1] })
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
  })
})
