/** Nodes that misbehave, each kind alone at a fifth of a mesh: what becomes of them, and who stops them. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { type Scenario, shippedMatrix } from '#sim'
import type { RoleFigures } from '../../sim/nodes/role-book.ts'
import { ACTOR_KEYS, type ActorKey, ROLE_OF_KEY } from '../../sim/nodes/role-names.ts'
import type { RunReport } from '../../sim/world/report.ts'
import { runScenario } from '../../sim/world/run.ts'
import { Scenario as ScenarioShape } from '../../sim/world/scenario.ts'

const PORTS = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}
const UNITS = 80
const scenario = (changes: object): Scenario =>
  ScenarioShape.parse({
    claim: 'a test',
    nodes: 20,
    units: UNITS,
    quorum_per_mille: 1_000,
    trust: 'credibility',
    service_ms: { min: 200, max: 1_000 },
    latency: { rtt_ms: 60 },
    ...changes
  })

interface Run {
  readonly report: RunReport
  readonly honest: RoleFigures
  readonly actor: RoleFigures
}

/** Each kind runs once, however many tests look at it. */
const runs = new Map<ActorKey, Promise<Run>>()
function run(key: ActorKey): Promise<Run> {
  const known = runs.get(key) ?? runOnce(key)
  runs.set(key, known)
  return known
}

/** Every unit asks two owners to agree, and a fifth of the nodes are of that kind. */
async function runOnce(key: ActorKey): Promise<Run> {
  const actors = { [key]: 200 }
  const options = { name: key, scenario: scenario({ actors }), seed: 1 }
  const report = await runScenario(options, PORTS)
  deepEqual(report.violations, [], key)
  equal(report.units.accepted, UNITS, key)
  const of = (role: string) => report.roles.find((one) => one.role === role)
  const [honest, actor] = [of('honest'), of(ROLE_OF_KEY[key])]
  ok(honest !== undefined && actor !== undefined && actor.nodes > 0, key)
  return { report, honest, actor }
}

/** Nothing wrong is accepted, and the actor's work is refused. */
const REFUSED = ['liars', 'whitewashers', 'copiers', 'sybils', 'thieves'] as const
/** They are paid where two of them meet on one unit, and refused where they meet an honest node. */
const COLLUDE = ['colluders', 'sleepers', 'lazy', 'swappers'] as const
/** They say nothing in time, and are paid nothing. */
const SILENT = ['withholders', 'late'] as const
/** Their work is right, and what they do beside it earns them nothing. */
const HARMLESS = ['detectors', 'equivocators', 'replayers', 'inflators', 'flooders'] as const

describe('a fifth of a mesh whose units ask two owners', () => {
  it('is of one of four sorts', () => {
    const named = [...REFUSED, ...COLLUDE, ...SILENT, ...HARMLESS]
    deepEqual(named.toSorted(), [...ACTOR_KEYS].toSorted())
  })

  for (const key of REFUSED) {
    it(`is refused and paid nothing: ${key}`, async () => {
      const { report, honest, actor } = await run(key)
      equal(report.units.wrong_accepted, 0)
      ok(actor.rejected > 0)
      deepEqual([actor.accepted, actor.earned_micro], [0, 0])
      equal(honest.rejected, 0, 'no honest node pays for it')
    })
  }

  for (const key of COLLUDE) {
    it(`passes only where two of them meet: ${key}`, async () => {
      const { report, actor } = await run(key)
      ok(actor.rejected > 0, 'those that met an honest node were refused')
      ok(2 * report.units.wrong_accepted <= actor.accepted, 'two of them stood for each')
    })
  }

  for (const key of SILENT) {
    it(`costs time and is paid nothing: ${key}`, async () => {
      const { report, actor } = await run(key)
      equal(report.units.wrong_accepted, 0)
      equal(actor.earned_micro, 0)
      ok(report.units.executions > 2 * UNITS, 'others did its work')
    })
  }

  for (const key of HARMLESS) {
    it(`is paid for its right answers alone: ${key}`, async () => {
      const { report, honest, actor } = await run(key)
      equal(report.units.wrong_accepted, 0)
      ok(actor.accepted > 0)
      equal(honest.accepted + actor.accepted, 2 * UNITS)
    })
  }
})

describe('an actor', () => {
  it('that comes back under another name is nobody again, and has earned nothing', async () => {
    const { actor } = await run('whitewashers')
    ok(actor.names > actor.nodes, `${actor.names} names of ${actor.nodes} machines`)
  })

  it('that answers late is told that its lease is over', async () => {
    const { actor } = await run('late')
    ok((actor.refused['lease.expired'] ?? 0) > 0)
    equal(actor.accepted, 0)
  })

  it('that says it used a thousand times as much is paid the calibrated price at most', async () => {
    const { actor } = await run('inflators')
    ok(actor.rejected > 0, 'more tokens than the unit may cost are refused')
    // 600 ms on the machine in the middle, at half a micro-credit a millisecond
    ok(actor.earned_micro <= actor.accepted * 300)
  })

  it('that talks without end is answered and takes no work from others', async () => {
    const { report, actor } = await run('flooders')
    ok((actor.refused['lease.unknown'] ?? 0) > 100)
    ok((actor.refused['claim.refused'] ?? 0) > 100, 'a node has so many claims and no more')
    ok((report.ended_ms ?? Number.POSITIVE_INFINITY) < 60_000)
  })

  it('that lies only where nobody checks is not seen by a quorum that nobody asked for', async () => {
    const report = await runScenario(
      {
        name: 'detectors',
        scenario: scenario({ quorum_per_mille: 500, actors: { detectors: 200 } }),
        seed: 2
      },
      PORTS
    )
    deepEqual(report.violations, [])
    ok(report.units.wrong_accepted > 0, 'units that ask for one owner take its word')
    ok(report.units.wrong_accepted < UNITS / 2)
  })
})
