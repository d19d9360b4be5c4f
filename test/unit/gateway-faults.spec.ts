/** Faults planted by hand: what does not fit its lease is refused by name, and disturbs nothing. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { parseLeaseId } from '#contracts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { modelUnit, peer, SESSION, unitOf } from '../support/mesh-units.ts'
import { attestationOf, type ModelNode, resultOf } from '../support/model-node.ts'

function leased(): { mesh: GatewayMesh; node: ModelNode; unit: ReturnType<typeof unitOf> } {
  const mesh = new GatewayMesh()
  mesh.open()
  const node = mesh.addNode(0, { manner: 'silent' })
  const unit = unitOf('a')
  mesh.submit(unit)
  return { mesh, node, unit }
}

function answerOf(node: ModelNode, unit: ReturnType<typeof unitOf>) {
  const [offer] = node.granted
  ok(offer !== undefined, 'the node has a lease')
  return { offer, attestation: attestationOf(node, offer, unit, 'honest') }
}

describe('gateway: faults of nodes', () => {
  it('accepts a result once, however often it is sent, and says the same verdict again', () => {
    const { mesh, node, unit } = leased()
    const { attestation, offer } = answerOf(node, unit)
    for (let times = 0; times < 3; times++) {
      mesh.feed(resultOf(node.id, attestation, mesh.nowMs))
      mesh.run(5)
    }
    equal(mesh.items('units.accepted').length, 1)
    equal(node.verdicts.get(offer.lease_id), 'accepted accepted')
    const acks = mesh.effects.filter((one) => one.type === 'send' && one.frame.kind === 'ack')
    equal(acks.length, 3)
    mesh.audit()
  })

  it("refuses a result for another's lease, and the owner's result still counts", () => {
    const { mesh, node, unit } = leased()
    const thief = mesh.addNode(1)
    const { attestation } = answerOf(node, unit)
    mesh.feed(resultOf(thief.id, { ...attestation, node: thief.id }, mesh.nowMs))
    deepEqual(mesh.refusals, ['lease.not_yours'])
    mesh.feed(resultOf(node.id, attestation, mesh.nowMs))
    ok(mesh.drain())
    equal(mesh.items('units.accepted')[0]?.attempt, 1)
    mesh.audit()
  })

  it('refuses a result that comes after its lease has ended', () => {
    const { mesh, node, unit } = leased()
    const { attestation, offer } = answerOf(node, unit)
    mesh.run(15_001)
    mesh.feed(resultOf(node.id, attestation, mesh.nowMs))
    ok(mesh.refusals.includes('lease.expired'))
    equal(node.verdicts.get(offer.lease_id), 'redundant lease.expired')
    equal(mesh.items('units.accepted').length, 0)
  })

  it('refuses a result that arrives at the very moment at which its lease ends', () => {
    const { mesh, node, unit } = leased()
    const { attestation, offer } = answerOf(node, unit)
    mesh.feed(resultOf(node.id, attestation, offer.expires_at_ms))
    equal(mesh.items('units.accepted').length, 0)
    equal(mesh.items('units.voided')[0]?.reason, 'expired')
  })

  it('answers a lease that it does not know, once its grace after a start is over', () => {
    const { mesh, node, unit } = leased()
    const { attestation } = answerOf(node, unit)
    const lease_id = parseLeaseId(`l${'0'.repeat(32)}`)
    mesh.run(20_000)
    mesh.feed(resultOf(node.id, { ...attestation, lease_id }, mesh.nowMs))
    ok(mesh.refusals.includes('lease.unknown'))
    equal(node.verdicts.get(lease_id), 'redundant lease.unknown')
  })

  for (const [what, change] of [
    ['another unit', { work_unit_id: unitOf('other').id }],
    ['another attempt', { attempt: 2 }],
    ['inputs that were not asked for', { input_cids: [unitOf('x').id] }]
  ] as const) {
    it(`refuses an attestation of ${what}`, () => {
      const { mesh, node, unit } = leased()
      const { attestation } = answerOf(node, unit)
      const input_cids = 'input_cids' in change ? [attestation.output_cid] : attestation.input_cids
      mesh.feed(resultOf(node.id, { ...attestation, ...change, input_cids }, mesh.nowMs))
      deepEqual(mesh.refusals, ['attestation.lease_mismatch'])
      equal(mesh.items('units.accepted').length, 0)
      equal(mesh.items('units.voided')[0]?.reason, 'rejected')
    })
  }

  it('refuses the result of another model, and of more tokens than the unit allows', () => {
    for (const [manner, fault] of [
      ['other-model', 'none'],
      ['greedy', 'over_budget']
    ] as const) {
      const mesh = new GatewayMesh()
      mesh.open()
      mesh.addNode(0, { manner: ({ attempt }) => (attempt === 1 ? manner : 'honest') })
      const unit = modelUnit('m')
      mesh.submit(unit)
      ok(mesh.drain())
      equal(mesh.outcomes.get(unit.id)?.status, 'success')
      equal(mesh.items('units.voided')[0]?.fault, fault)
      mesh.audit()
    }
  })

  it('takes nothing from a node that has not said hello', () => {
    const { mesh } = leased()
    const body = { v: 1, leases: [], reason: 'x' } as const
    mesh.feed({ type: 'release', node: peer(77), body: { ...body, leases: [] }, nowMs: mesh.nowMs })
    deepEqual(mesh.refusals, ['gateway.hello_missing'])
  })

  it('refuses a hello that names another node, and closes the link', () => {
    const { mesh, node } = leased()
    const body = {
      v: 1,
      node: node.id,
      log: 'cd'.repeat(32),
      descriptor: node.descriptor,
      holding: [],
      models: []
    } as const
    const effects = mesh.feed({
      type: 'hello',
      node: peer(9),
      body: { ...body, holding: [], models: [] },
      standing: null,
      nowMs: mesh.nowMs
    })
    ok(effects.some(({ type }) => type === 'drop'))
    equal(mesh.machine.snapshot().nodes.length, 1)
  })

  it('does not let a clock that is set back make a lease live again', () => {
    const { mesh, node, unit } = leased()
    const { attestation } = answerOf(node, unit)
    mesh.run(15_001)
    mesh.feed(resultOf(node.id, attestation, 1_000))
    equal(mesh.items('units.accepted').length, 0)
  })

  it('asks for another timer when one fires a little early', () => {
    const { mesh } = leased()
    const effects = mesh.feed({ type: 'tick', nowMs: mesh.nowMs })
    ok(effects.some(({ type }) => type === 'timer'))
  })

  it('ignores a judgement of a unit that was cancelled meanwhile', () => {
    const { mesh, node, unit } = leased()
    const { attestation } = answerOf(node, unit)
    mesh.feed(resultOf(node.id, attestation, mesh.nowMs))
    mesh.feed({ type: 'cancel', session: SESSION, nowMs: mesh.nowMs })
    mesh.run(100)
    equal(mesh.outcomes.get(unit.id)?.status, 'cancelled')
    equal(mesh.items('units.accepted').length, 0)
    mesh.audit()
  })
})
