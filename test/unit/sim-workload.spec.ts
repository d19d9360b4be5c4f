/** Workflows on the simulated mesh, crowds of nodes, and meshes of several sizes. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type RunReport, readScenario, readWorkflow, runScenario, scenarioFolder } from '#sim'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { unitOf } from '../../sim/world/work.ts'
import { workflowWork } from '../../sim/world/workload.ts'

const PORTS = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}
const shipped = (file: string): Uint8Array => readFileSync(new URL(file, scenarioFolder()))
const workflow = readWorkflow(shipped('fork-join.workflow.json'))
const scenarioOf = (text: string) => readScenario(Buffer.from(`claim: c\n${text}`))

const onNodes = (nodes: number, faster = 10): Promise<RunReport> => {
  const scenario = scenarioOf(`nodes: ${nodes}\nunits: ${workflow.tasks.length}\n`)
  const paced = { workflow, faster }
  return runScenario({ name: 'test', scenario, seed: 5, workflow: paced }, PORTS)
}

describe('a workflow on the mesh', () => {
  it('is no faster than its longest chain, however many nodes there are', async () => {
    const { workflow: ran, units, violations } = await onNodes(60)
    deepEqual(violations, [])
    equal(units.accepted, workflow.tasks.length)
    equal(ran?.least_ms, ran?.critical_path_ms)
    ok((ran?.makespan_ms ?? 0) > (ran?.critical_path_ms ?? 0))
  })

  it('is bound by its work on a small mesh, and is faster with every node', async () => {
    const [small, large] = [await onNodes(4, 2), await onNodes(8, 2)]
    const [a, b] = [small.workflow?.makespan_ms ?? 0, large.workflow?.makespan_ms ?? 0]
    ok(a > (small.workflow?.least_ms ?? 0) && b > (large.workflow?.least_ms ?? 0))
    ok(b < a, `${b} of ${a} ms`)
  })

  it('asks for each task what comes before it', () => {
    const work = workflowWork({ workflow, faster: 1_000 }, scenarioOf('nodes: 1\nunits: 1\n'))
    const last = work.unit(workflow.tasks.length - 1)
    equal(last.unit.dependencies.length, 6)
    equal(work.serviceMs(last.id), 2)
    // shorter than a millisecond is a millisecond
    const tiny = workflowWork({ workflow, faster: 1_000_000 }, scenarioOf('nodes: 1\nunits: 1\n'))
    equal(tiny.serviceMs(tiny.unit(0).id), 1)
    equal(work.serviceMs(unitOf(500, { quorum_per_mille: 0 }).id), null)
  })
})

describe('a crowd of nodes', () => {
  const CROWDS = `
nodes: 40
units: 200
service_ms: { min: 2000, max: 2000 }
arrivals:
  - { at_ms: 0, share_per_mille: 100 }
  - { at_ms: 20000, over_ms: 10000, share_per_mille: 900 }
`
  it('finds the work that waits', async () => {
    const options = { name: 'test', scenario: scenarioOf(CROWDS), seed: 2, withSeries: true }
    const { series, violations, ended_ms: endedMs } = await runScenario(options, PORTS)
    deepEqual(violations, [])
    const early = series?.looks.filter(({ at_ms: atMs }) => atMs < 20_000) ?? []
    ok(
      early.every(({ units_ended: ended }) => ended < 100),
      'four nodes do not do it alone'
    )
    ok((endedMs ?? 0) < 45_000, `${endedMs} ms`)
  })

  it('is all of the nodes, or the scenario is refused', () => {
    throws(
      () => scenarioOf('nodes: 4\nunits: 1\narrivals: [{ at_ms: 0, share_per_mille: 900 }]\n'),
      {
        code: 'scenario.invalid'
      }
    )
  })
})

describe('the number of bids', () => {
  it('for each unit is the same whatever the size of the mesh', async () => {
    const bids: number[] = []
    for (const nodes of [10, 40, 160]) {
      const scenario = scenarioOf(`nodes: ${nodes}\nunits: ${4 * nodes}\n`)
      const report = await runScenario({ name: 'test', scenario, seed: 3 }, PORTS)
      bids.push(report.bids_per_unit)
    }
    const [first = 0] = bids
    ok(
      bids.every((each) => Math.abs(each / first - 1) < 0.3),
      bids.join()
    )
  })
})
