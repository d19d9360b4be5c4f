/** The search for failing seeds: what it draws, that it finds, and that it cuts a failure down. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { assert } from '#contracts'
import { MARK_EVERY, RollingTrace } from '../../sim/kernel/rolling-trace.ts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { ActorKeys } from '../../sim/nodes/keys.ts'
import { ACTOR_KEYS } from '../../sim/nodes/role-names.ts'
import { partingOf } from '../../sim/search/bisect.ts'
import { drawScenario } from '../../sim/search/draw.ts'
import { drawLarge, LARGE_FOR_MS } from '../../sim/search/draw-large.ts'
import { shrink } from '../../sim/search/shrink.ts'
import { runSeed, type SeedOutcome, soak, soakHere } from '../../sim/search/soak.ts'
import { SoakThreads } from '../../sim/search/soak-driver.ts'
import { PartitionKeys } from '../../sim/world/network-keys.ts'
import type { RunPorts } from '../../sim/world/run-ports.ts'
import type { Scenario } from '../../sim/world/scenario.ts'

const PORTS: RunPorts = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}
const seeds = Array.from({ length: 200 }, (_, index) => index + 1)

describe('a swarm', () => {
  it('draws the same scenario for a seed, and others for others', () => {
    deepEqual(drawScenario(7), drawScenario(7))
    const drawn = new Set(seeds.map((seed) => JSON.stringify(drawScenario(seed))))
    equal(drawn.size, seeds.length)
  })

  const classes: Readonly<Record<string, (scenario: Scenario) => boolean>> = {
    'nodes that vanish': ({ vanish }) => vanish.length > 0,
    partitions: ({ partitions }) => partitions.length > 0,
    liars: ({ actors }) => actors.liars > 0,
    withholders: ({ actors }) => actors.withholders > 0,
    'nodes that come and go': ({ churn }) => churn !== null,
    'a control node that dies': ({ crashes }) => crashes.length > 0,
    'clocks that are off': ({ clocks }) => clocks.off_ms > 0,
    'clocks that are set': ({ clocks }) => clocks.jumps.length > 0,
    'nodes that keep the ledger': ({ replicas }) => replicas.nodes > 0,
    quorums: ({ quorum_per_mille }) => quorum_per_mille > 0,
    'units that wait for others': ({ dependencies }) => dependencies !== null,
    'nodes that rest': ({ pauses }) => pauses.length > 0,
    'measured round trips': ({ latency }) => latency === 'wondernetwork',
    'nodes that come late': ({ arrivals }) => arrivals.length > 1,
    'work that comes over time': ({ arrive_over_ms }) => arrive_over_ms > 0
  }
  for (const [name, has] of Object.entries(classes)) {
    it(`has runs with and without ${name}`, () => {
      const count = seeds.filter((seed) => has(drawScenario(seed))).length
      ok(count > 40 && count < 160, `${count} of 200`)
    })
  }

  it('ends every fault in the first part of the time', () => {
    for (const { vanish, partitions, pauses, until_ms } of seeds.map(drawScenario)) {
      for (const { at_ms, back_after_ms } of vanish) {
        ok(back_after_ms !== null && at_ms + back_after_ms < until_ms / 2)
      }
      for (const { until_ms: healed } of partitions) ok(healed < until_ms / 2)
      for (const { at_ms, for_ms } of pauses) ok(at_ms + for_ms < until_ms / 2)
    }
  })

  it('has the time that a node takes which lets every lease end', () => {
    const { units, actors, until_ms } = drawScenario(5180)
    deepEqual([units, actors.late, actors.withholders], [52, 74, 37])
    // five tries of half a minute and a minute, two at once, where all come to one node
    ok(until_ms > (units * 5 * 90_000) / 2)
    for (const seed of seeds) ok(drawScenario(seed).until_ms <= 86_400_000)
  })
})

describe('a soak', () => {
  it('runs seeds twice to one trace and one ledger', async () => {
    const shown: number[] = []
    const report = await soakHere(
      { from: 1, seeds: 3, isTwice: true },
      { ...PORTS, onSeed: ({ seed }) => shown.push(seed) }
    )
    deepEqual(report.findings, [])
    deepEqual(shown, [1, 2, 3])
    ok(report.events > 1_000 && report.executions > 0)
  })

  it('runs meshes with every kind of fault, cut off early, to one trace', async () => {
    const kinds = drawLarge(1, 25)
    const { clocks, churn, vanish, partitions, crashes, network, until_ms } = kinds
    ok(clocks.jumps.length > 1 && vanish.length > 1 && partitions.length > 1)
    ok(crashes.length > 0 && churn !== null && network.loss_per_mille > 0)
    ok(kinds.quorum_per_mille > 0 && kinds.ledger_ms > 0)
    ok(ACTOR_KEYS.every((key) => kinds.actors[key] > 0))
    equal(until_ms, LARGE_FOR_MS)
    const options = { from: 1, seeds: 1, isTwice: true, nodes: 25 }
    const report = await soakHere(options, { ...PORTS, onSeed: () => {} })
    deepEqual(report.findings, [])
  })

  it('gives the same report over several threads, in the order of the seeds', async () => {
    const options = { from: 1, seeds: 8, isTwice: false }
    const here = await soakHere(options, { ...PORTS, onSeed: () => {} })
    const threads = new SoakThreads(3, options)
    const shown: number[] = []
    try {
      const there = await soak(options, {
        runSeed: (seed) => threads.run(seed),
        jobs: 3,
        wallMs: PORTS.wallMs,
        onSeed: ({ seed }) => shown.push(seed)
      })
      deepEqual({ ...there, wall_ms: 0 }, { ...here, wall_ms: 0 })
    } finally {
      await threads.end()
    }
    deepEqual(shown, [1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('ends with the seeds before the first that was stopped, whatever was done of later ones', async () => {
    const stopped = new Promise<void>((resolve) => setImmediate(resolve))
    const runSeed = async (seed: number): Promise<SeedOutcome> => {
      const is_partial = seed === 2
      if (is_partial) await stopped
      return { seed, events: 1, units: 1, executions: 1, finding: null, is_partial }
    }
    const ports = { runSeed, jobs: 2, wallMs: () => 0, onSeed: () => {} }
    const report = await soak({ from: 1, seeds: 9 }, ports)
    deepEqual([report.seeds, report.is_partial], [1, true])
  })

  it('finds two runs of a seed that differ', async () => {
    let runs = 0
    // a port that is not the same twice
    const matrixOf = (name: string) => {
      runs += 1
      return runs % 2 === 0 ? shippedMatrix('seattle') : shippedMatrix(name)
    }
    const options = { from: 1, seeds: 1, isTwice: true, nodes: 10 }
    const { findings } = await soakHere(options, { ...PORTS, matrixOf, onSeed: () => {} })
    deepEqual(
      findings.map(({ rule }) => rule),
      ['repeatable']
    )
  })

  it('finds units that do not end, and cuts the run down to what shows it', async () => {
    const failing: Scenario = { ...drawScenario(3), until_ms: 1 }
    const { finding } = await runSeed(3, PORTS, failing)
    equal(finding?.rule, 'all_end')
    equal(finding.seed, 3)
    const { scenario } = await shrink(failing, async (smaller) => {
      const { finding: again } = await runSeed(3, PORTS, smaller)
      return again?.rule === finding.rule
    })
    deepEqual(
      [scenario.nodes, scenario.units, scenario.vanish, scenario.partitions],
      [1, 1, [], []]
    )
  })

  it('finds a broken promise of our own code, with its seed', async () => {
    const broken = (): number => {
      assert(false, 'planted')
      return 0
    }
    const { report, finding } = await runSeed(5, { ...PORTS, rssMb: broken })
    equal(report, null)
    deepEqual(finding, { seed: 5, rule: 'assertion', at_ms: null, detail: 'planted' })
  })
})

describe('shrinking', () => {
  it('leaves only the fault that the failure needs', async () => {
    const fault = { at_ms: 5, share_per_mille: 900, back_after_ms: 7 }
    const failing: Scenario = {
      ...drawScenario(11),
      nodes: 24,
      units: 60,
      vanish: [{ ...fault, share_per_mille: 100 }, fault, { ...fault, share_per_mille: 300 }],
      partitions: [
        PartitionKeys.parse({ from_ms: 1, until_ms: 2, share_per_mille: 500, kind: 'bridge' })
      ],
      actors: ActorKeys.parse({ liars: 100, withholders: 100, sybils: 50 })
    }
    const { scenario } = await shrink(failing, async ({ vanish, nodes }) => {
      return nodes >= 4 && vanish.some(({ share_per_mille: share }) => share > 800)
    })
    deepEqual(scenario.vanish, [fault])
    deepEqual(scenario.partitions, [])
    deepEqual(scenario.actors, ActorKeys.parse({}))
    deepEqual([scenario.nodes, scenario.units], [4, 1])
  })
})

describe('bisecting two runs', () => {
  const traced = (digests: readonly number[]) => {
    const trace = new RollingTrace()
    for (const [index, digest] of digests.entries()) trace.add(index, 0, 1, digest)
    return { trace_hash: trace.hash(), trace_marks: trace.marks, events: trace.events }
  }

  it('names the stretch of the first difference', () => {
    const length = fc.integer({ min: 1, max: 5 * MARK_EVERY })
    fc.assert(
      fc.property(length, fc.nat(), (events, place) => {
        const digests = Array.from({ length: events }, (_, index) => index)
        const at = place % events
        const others = digests.with(at, -1)
        equal(partingOf(traced(digests), traced(digests)), null)
        const parting = partingOf(traced(digests), traced(others))
        ok(parting !== null)
        ok(parting.same_until_event <= at && at < parting.differs_by_event)
        ok(parting.differs_by_event - parting.same_until_event <= MARK_EVERY)
      }),
      { numRuns: 60 }
    )
  })

  it('sees a run that only goes on longer', () => {
    const parting = partingOf(traced([1, 2]), traced([1, 2, 3]))
    deepEqual(parting, { same_until_event: 0, differs_by_event: 3 })
  })
})
