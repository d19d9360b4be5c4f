/**
 * The two machines together: what one says, the other understands, and a unit runs no oftener than it
 * has to, whatever happens to links and nodes.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { PackedUnit } from '#contracts'
import { MachineMesh } from '../support/machine-mesh.ts'
import { modelUnit, unitOf } from '../support/mesh-units.ts'

const noops = (count: number): PackedUnit[] =>
  Array.from({ length: count }, (_, index) => unitOf('noop', { index }))
const quorumOf = (index: number): PackedUnit =>
  modelUnit('vote', {
    index,
    verification: { mode: 'quorum', replicas: 2, agreement: { level: 'exact' } }
  })

function finish(mesh: MachineMesh, units: readonly PackedUnit[]): void {
  mesh.submit(units)
  mesh.runUntil(() => mesh.outcomes.size === units.length, 'every outcome')
  expectSuccess(mesh)
}

function expectSuccess(mesh: MachineMesh): void {
  const failed = [...mesh.outcomes.values()].filter(({ status }) => status !== 'success')
  deepEqual(failed, [])
  for (const [lease, times] of mesh.executions) equal(times, 1, `lease ${lease} ran ${times} times`)
}

describe('agents and their gateway', () => {
  it('run a batch of units once each', () => {
    const mesh = new MachineMesh()
    for (let number = 1; number <= 3; number++) mesh.addAgent(number)
    finish(mesh, noops(300))
    equal(mesh.executions.size, 300)
    deepEqual(mesh.refusals, [])
  })

  it('check a model that is announced, claim it, and run its units', () => {
    const mesh = new MachineMesh()
    const members = [1, 2, 3].map((number) => mesh.addAgent(number))
    finish(
      mesh,
      Array.from({ length: 40 }, (_, index) => modelUnit('infer', { index }))
    )
    equal(mesh.executions.size, 40)
    ok(members.some(({ machine }) => machine.status(mesh.nowMs).models[0]?.phase === 'ready'))
    deepEqual(mesh.refusals, [])
  })

  it('reach a quorum by commitment and reveal, with two owners for each unit', () => {
    const mesh = new MachineMesh()
    for (let number = 1; number <= 4; number++) mesh.addAgent(number)
    finish(
      mesh,
      Array.from({ length: 20 }, (_, index) => quorumOf(index))
    )
    equal(mesh.executions.size, 40)
    for (const { verification } of mesh.outcomes.values()) equal(verification, 'agreed')
  })

  it('finish without a node that vanishes in the middle', () => {
    const mesh = new MachineMesh()
    const [first] = [1, 2, 3].map((number) => mesh.addAgent(number, { slots: 1, queue_max: 8 }))
    ok(first)
    const units = Array.from({ length: 60 }, (_, index) => modelUnit('infer', { index }))
    mesh.submit(units)
    mesh.runUntil(() => mesh.outcomes.size >= 10, 'a good start')
    mesh.kill(first)
    mesh.runUntil(() => mesh.outcomes.size === units.length, 'the rest')
    expectSuccess(mesh)
  })

  it('tell results again after broken links, and run nothing twice for it', () => {
    const mesh = new MachineMesh()
    const members = [1, 2].map((number) => mesh.addAgent(number, { slots: 1, queue_max: 4 }))
    const units = Array.from({ length: 40 }, (_, index) => modelUnit('infer', { index }))
    mesh.submit(units)
    for (let outcomes = 5; outcomes < 40; outcomes += 5) {
      mesh.runUntil(() => mesh.outcomes.size >= outcomes, `${outcomes} outcomes`)
      for (const member of members) mesh.breakLink(member)
    }
    mesh.runUntil(() => mesh.outcomes.size === units.length, 'every outcome')
    expectSuccess(mesh)
    equal(mesh.executions.size, 40)
  })

  it('claim once for many batches of one model', () => {
    const mesh = new MachineMesh()
    const { options } = mesh.addAgent(1)
    for (let batch = 0; batch < 5; batch++) {
      const units = Array.from({ length: 8 }, (_, index) =>
        modelUnit('infer', { index: batch * 8 + index })
      )
      mesh.submit(units)
      mesh.runUntil(() => mesh.outcomes.size === (batch + 1) * 8, `batch ${batch}`)
    }
    // once when it was welcomed, once when the model had passed
    equal(mesh.claims.get(options.node), 2)
  })

  it('hand a drained node’s units to the others', () => {
    const mesh = new MachineMesh()
    const [first] = [1, 2].map((number) => mesh.addAgent(number, { slots: 1, queue_max: 8 }))
    ok(first)
    const units = Array.from({ length: 40 }, (_, index) => modelUnit('infer', { index }))
    mesh.submit(units)
    mesh.runUntil(() => mesh.outcomes.size >= 5, 'a good start')
    mesh.drain(first)
    mesh.runUntil(() => mesh.outcomes.size === units.length, 'the rest')
    expectSuccess(mesh)
    equal(first.machine.status(mesh.nowMs).mode, 'drained')
    equal(mesh.executions.size, 40)
  })
})
