/** Nodes and the control node of the simulated mesh: crashes, disks, clocks, churn. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readScenario, type Scenario, scenarioFolder, shippedMatrix } from '#sim'
import { Chance } from '../../sim/kernel/chance.ts'
import { AVAILABLE_MS, AWAY_MS } from '../../sim/nodes/churn-combos.data.ts'
import { runScenario } from '../../sim/world/run.ts'
import { Scenario as ScenarioShape } from '../../sim/world/scenario.ts'
import { Sequencer } from '../../sim/world/sequencer.ts'
import { SESSION } from '../../sim/world/work.ts'

const PORTS = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}
const scenario = (changes: object = {}): Scenario =>
  ScenarioShape.parse({ claim: 'a test', nodes: 12, units: 60, quorum_per_mille: 500, ...changes })
const run = (changes: object = {}, seed = 1) =>
  runScenario({ name: 'test', scenario: scenario(changes), seed }, PORTS)
/** As it ships, with less work and fewer nodes. */
function shipped(name: string): Scenario {
  const scenario = readScenario(readFileSync(new URL(`${name}.yaml`, scenarioFolder())))
  return { ...scenario, nodes: 30, units: 200 }
}

/** Work that is under way for half a minute. */
const SPREAD = { service_ms: { min: 200, max: 2_000 }, arrive_over_ms: 30_000 }

describe('a control node that dies', () => {
  it('goes on where its ledger ends, whatever became of the write that was under way', async () => {
    for (const disk of ['keeps', 'forgets'] as const) {
      const crashes = [{ at_ms: 9_000, down_ms: 2_000, disk }]
      const report = await run({ ...SPREAD, ledger_ms: 300, crashes }, 3)
      deepEqual(report.violations, [], disk)
      equal(report.units.accepted, 60)
      ok((report.ended_ms ?? 0) > 11_000, 'it died in the midst of the work')
    }
  })

  it('refuses a store that was torn, changed or set back, and goes on from a copy', async () => {
    for (const disk of ['tears', 'flips', 'rolls_back'] as const) {
      const crashes = [{ at_ms: 9_000, disk }]
      const report = await run({ ...SPREAD, crashes }, 5)
      deepEqual(report.violations, [], disk)
      equal(report.units.accepted, 60)
      ok((report.ended_ms ?? 0) > 60_000, 'nothing is done while the operator looks for a copy')
    }
  })

  it('tells each bit that is flipped in its store, with a code', async () => {
    const sequencer = new Sequencer(new Uint8Array(32), { keepsDisk: true })
    sequencer.append([
      { kind: 'session.closed', body: { session: SESSION, stop_reason: 'success', state_hash: '' } }
    ])
    const codes = new Set<string | null>()
    for (let seed = 0; seed < 60; seed++) {
      codes.add(await sequencer.codeOf('flips', new Chance(seed, 'disk')))
    }
    ok(!codes.has(null), 'each was noticed')
    ok(codes.has('ledger.store_corrupted'))
    equal(await sequencer.codeOf('rolls_back', new Chance(1, 'disk')), 'ledger.store_rolled_back')
    equal(await sequencer.codeOf('tears', new Chance(1, 'disk')), 'ledger.store_corrupted')
    ok((await sequencer.reopen(SESSION)).isSame)
  })

  it('loses nothing beside a third of the nodes, in two runs that are the same', async () => {
    const both = []
    for (let time = 0; time < 2; time++) {
      both.push(
        await runScenario({ name: 'crash', scenario: shipped('control-crash'), seed: 1 }, PORTS)
      )
    }
    const [first, second] = both
    deepEqual(first?.violations, [])
    equal(first?.units.accepted, 200)
    equal(first?.trace_hash, second?.trace_hash)
    equal(first?.ledger_digest, second?.ledger_digest)
  })

  it('writes together what comes while a slow ledger writes', async () => {
    const slow = await run({ ledger_ms: 1_500 })
    const quick = await run()
    deepEqual(slow.violations, [])
    equal(slow.units.accepted, 60)
    ok((slow.ended_ms ?? 0) > (quick.ended_ms ?? 0) + 3_000)
  })
})

describe('the machines of a mesh', () => {
  it('take for each run what was measured, and are of the kinds that were asked for', async () => {
    const devices = { model: 'ppocr-recognize', native: 400, wasm: 600 }
    const report = await run({ devices, units: 40, nodes: 20 })
    deepEqual(report.violations, [])
    equal(report.units.accepted, 40)
    const none = { ...devices, wasm: 500 }
    equal(ScenarioShape.safeParse({ ...scenario(), devices: none }).success, false)
  })

  it("lose no unit while clocks are off, drift and are set, the control node's as well", async () => {
    const clocks = {
      off_ms: 3_600_000,
      drift_ppm: 500,
      jumps: [
        { at_ms: 8_000, by_ms: 1_800_000 },
        { at_ms: 12_000, by_ms: -7_200_000 },
        { at_ms: 15_000, by_ms: -60_000, who: 'gateway' },
        { at_ms: 18_000, by_ms: 45_000, who: 'gateway' }
      ]
    }
    const report = await run({ ...SPREAD, clocks, crashes: [{ at_ms: 16_000 }] })
    deepEqual(report.violations, [])
    equal(report.units.accepted, 60)
  })

  it('are cut off one way twice at a time, and what is held waits for the end of both', async () => {
    const cut = { kind: 'one_way', share_per_mille: 500 }
    const partitions = [
      { ...cut, from_ms: 8_000, until_ms: 13_500 },
      { ...cut, from_ms: 12_000, until_ms: 30_000 }
    ]
    const report = await run({ ...SPREAD, partitions })
    deepEqual(report.violations, [])
    equal(report.units.accepted, 60)
  })

  it('come and go as published fits say, and are all back at the end', async () => {
    const churn = { speed: 500, until_ms: 60_000 }
    const report = await run({ ...SPREAD, churn })
    deepEqual(report.violations, [])
    equal(report.units.accepted, 60)
    ok(report.units.executions > 60)
  })

  it('are there and away as long as the fits say', () => {
    const hours = (ms: readonly number[], share: number) =>
      (ms[Math.floor(share * ms.length)] ?? 0) / 3_600_000
    // medians: 2.964 ln(2)^(1 / 0.393), and e^-0.586
    ok(Math.abs(hours(AVAILABLE_MS, 0.5) / 1.167 - 1) < 0.02, `${hours(AVAILABLE_MS, 0.5)}`)
    ok(Math.abs(hours(AWAY_MS, 0.5) / 0.5566 - 1) < 0.02, `${hours(AWAY_MS, 0.5)}`)
  })
})

describe('the scenarios that ship', () => {
  for (const name of ['churn', 'control-crash'] as const) {
    it(`let things go wrong in the midst of the work: ${name}`, async () => {
      const scenario = shipped(name)
      const { ended_ms } = await runScenario({ name, scenario, seed: 1 }, PORTS)
      const faults = [...scenario.vanish, ...scenario.crashes].map(({ at_ms }) => at_ms)
      ok(
        faults.every((atMs) => atMs < (ended_ms ?? 0)),
        `${faults} and ${ended_ms}`
      )
    })
  }
})
