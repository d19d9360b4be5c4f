/** What the gateway says of a unit that waits: each reason by its rule, and none that is not so. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { parseSessionId, type UnitId } from '#contracts'
import type { InputOf } from '../../mesh-node/core/gateway/gateway-io.ts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { modelUnit, SESSION, spec, unitOf } from '../support/mesh-units.ts'

const OTHER = parseSessionId(`s${'cd'.repeat(16)}`)

const rulesOf = (mesh: GatewayMesh, unit: UnitId): readonly string[] =>
  (mesh.machine.explain(SESSION, unit)?.refusals ?? []).map(({ rule }) => rule).toSorted()

describe('gateway: why a unit waits', () => {
  it('is nothing that it knows of a unit or a session that it does not have', () => {
    const mesh = new GatewayMesh()
    const unit = unitOf('a')
    equal(mesh.machine.explain(SESSION, unit.id), null)
    mesh.open()
    equal(mesh.machine.explain(SESSION, unit.id), null)
    equal(mesh.machine.explain(OTHER, unit.id), null)
  })

  it('is that nobody is connected', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const unit = unitOf('a')
    mesh.submit(unit)
    deepEqual(rulesOf(mesh, unit.id), ['no_nodes'])
  })

  it('is the units that it depends on', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'silent' })
    const first = unitOf('first')
    const second = unitOf('second', { dependencies: [first.id] })
    mesh.submit(first, second)
    mesh.run(10)
    ok(rulesOf(mesh, second.id).includes('waits_for_dependencies'))
  })

  it('is the pause after a failure, with the code of that failure', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'fail' })
    const unit = unitOf('a', { retries: { max_attempts: 3, backoff_ms: 30_000 } })
    mesh.submit(unit)
    mesh.run(1_000)
    const said = mesh.machine.explain(SESSION, unit.id)
    const pause = said?.refusals.find(({ rule }) => rule === 'backoff')
    ok(pause !== undefined && /^\d+ ms; .+/.test(pause.detail), pause?.detail)
    equal(said?.attempts, 1)
  })

  it('is money that other units of the session still hold', () => {
    const mesh = new GatewayMesh()
    const units = [unitOf('a'), unitOf('b')]
    const [unit] = units
    ok(unit !== undefined)
    const max = unit.unit.budget.max_cost_micro
    mesh.open({ budgets: { ...spec().budgets, max_cost_micro: max } })
    mesh.addNode(0, { manner: 'silent' })
    mesh.submit(...units)
    mesh.run(10)
    const waiting = units.filter(({ id }) => rulesOf(mesh, id).includes('budget'))
    equal(waiting.length, 1)
  })

  it('is the number of leases that its tenant may hold', () => {
    const mesh = new GatewayMesh({ tenantLeasesMax: 1 })
    mesh.open()
    mesh.addNode(0, { manner: 'silent' })
    const units = [unitOf('a'), unitOf('b')]
    mesh.submit(...units)
    mesh.run(10)
    const waiting = units.filter(({ id }) => rulesOf(mesh, id).includes('tenant_leases'))
    equal(waiting.length, 1)
    const running = units.find((unit) => !waiting.includes(unit))
    ok(running !== undefined)
    equal(mesh.machine.explain(SESSION, running.id)?.leases.length, 1)
  })

  it('is one owner where two must agree', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'silent', descriptor: { owner: 'ann' } })
    mesh.addNode(1, { manner: 'silent', descriptor: { owner: 'ann' } })
    const unit = modelUnit('a', { verification: { mode: 'quorum', replicas: 2 } })
    mesh.submit(unit)
    mesh.run(10)
    ok(rulesOf(mesh, unit.id).includes('distinct_owners'), String(rulesOf(mesh, unit.id)))
  })

  it('is nothing more once the unit has ended', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0)
    const unit = unitOf('a')
    mesh.submit(unit)
    ok(mesh.drain())
    deepEqual(mesh.machine.explain(SESSION, unit.id)?.refusals, [])
  })
})

describe('gateway: a late word of a node', () => {
  const started = (): { mesh: GatewayMesh; unit: ReturnType<typeof unitOf> } => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0, { manner: 'silent' })
    const unit = unitOf('a')
    mesh.submit(unit)
    mesh.run(10)
    return { mesh, unit }
  }

  it('about a lease of another node is refused, and the lease stands', () => {
    const { mesh, unit } = started()
    const [holder] = mesh.nodes.values()
    const offer = holder?.granted[0]
    ok(offer !== undefined)
    const stranger = mesh.addNode(1, { manner: 'silent' })
    const failure = { lease_id: offer.lease_id, class: 'execution', code: 'x', detail: '' } as const
    mesh.feed({
      type: 'failure',
      node: stranger.id,
      body: { v: 1, failures: [failure] },
      nowMs: mesh.nowMs
    })
    mesh.feed({
      type: 'release',
      node: stranger.id,
      body: { v: 1, reason: 'stopping', leases: [offer.lease_id] },
      nowMs: mesh.nowMs
    })
    equal(mesh.refusals.filter((code) => code === 'lease.not_yours').length, 2)
    equal(mesh.items('units.voided').length, 0)
    equal(mesh.machine.explain(SESSION, unit.id)?.leases.length, 1)
  })

  it('about a lease that was released before changes nothing more', () => {
    const { mesh } = started()
    const [holder] = mesh.nodes.values()
    const offer = holder?.granted[0]
    ok(holder !== undefined && offer !== undefined)
    const release: InputOf<'release'> = {
      type: 'release',
      node: holder.id,
      body: { v: 1, reason: 'stopping', leases: [offer.lease_id] },
      nowMs: mesh.nowMs
    }
    mesh.feed(release)
    equal(mesh.items('units.voided').length, 1)
    mesh.feed(release)
    equal(mesh.items('units.voided').filter(({ lease }) => lease === offer.lease_id).length, 1)
  })
})
