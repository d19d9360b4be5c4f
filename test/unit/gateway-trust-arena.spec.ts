/** The product's gateway and fold on the populations of the sabotage arena: one policy, the same figures. */
import { deepEqual, ok } from 'node:assert/strict'
import { columnsNamed } from '../../sim/trust/columns.ts'
import { compareCase } from '../../sim/trust/compare.ts'
import { policyNamed } from '../../sim/trust/policies.ts'
import { runScenario } from '../../sim/world/run.ts'
import { Scenario } from '../../sim/world/scenario.ts'

const NODES = 40
const UNITS = 1_600

async function meshRun(actors: object) {
  const scenario = Scenario.parse({
    claim: 'The gateway checks nodes as the arena does.',
    nodes: NODES,
    units: UNITS,
    arrive_over_ms: 320_000,
    trust: 'probation',
    actors,
    cheat_per_mille: 100,
    service_ms: { min: 20, max: 100 },
    latency: { rtt_ms: 40 }
  })
  return runScenario(
    { name: 'trust', scenario, seed: 1 },
    {
      goesOn: async () => true,
      wallMs: () => 0,
      rssMb: () => 0,
      matrixOf: () => {
        throw new Error('one round trip for all')
      }
    }
  )
}

function arenaRun(name: string) {
  const [column] = columnsNamed([name])
  if (column === undefined) throw new Error(name)
  const small = { ...column, nodes: NODES, units: UNITS }
  const policy = policyNamed('probation')(small)
  return compareCase({ column: small, policy, seeds: [1, 2, 3, 4, 5, 6] })
}

describe('the gateway and the arena', () => {
  it('spend as much on checks of colluders who lie one time in ten, and let as few lies stand', async () => {
    const { units, violations } = await meshRun({ colluders: 200 })
    const { executionsPerUnit: arena, wrongAccepted } = arenaRun('f20-s10')
    const executions = units.executions / units.accepted
    deepEqual(violations, [])
    const spread = Math.max(0.03, 4 * arena.deviation)
    const beside = `${executions} beside ${arena.mean}`
    ok(Math.abs(executions - arena.mean) < spread, beside)
    const wrong = units.wrong_accepted / UNITS
    ok(wrong <= wrongAccepted.mean + 4 * wrongAccepted.deviation + 2 / UNITS, `${wrong} are wrong`)
  })

  it('spend as much where all are honest', async () => {
    const { units, violations } = await meshRun({})
    const { executionsPerUnit: arena } = arenaRun('honest-1pct')
    deepEqual(violations, [])
    ok(units.executions / units.accepted <= arena.mean + 0.03, `${units.executions}`)
  })
})
