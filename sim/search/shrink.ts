/**
 * Cuts a failing scenario down to what the failure needs: faults are taken out one by one, kinds of
 * trouble switched off, mesh and work made smaller, as long as the same rule is still broken. Gives a
 * scenario in which nothing that is tried can be left out.
 */
import { ARRIVALS_DEFAULT } from '../nodes/arrivals.ts'
import { ACTOR_KEYS } from '../nodes/role-names.ts'
import type { Scenario } from '../world/scenario.ts'
import { calmerNetworks } from './draw-network.ts'
import { fewerReplicas } from './draw-replicas.ts'

/** Runs that one shrinking may take: each try is a whole run. */
const TRIES_MAX = 400

export interface Shrunk {
  readonly scenario: Scenario
  readonly tries: number
}

/** `fails`: whether the same failure is still there. It held of the scenario given. */
export async function shrink(
  failing: Scenario,
  fails: (scenario: Scenario) => Promise<boolean>
): Promise<Shrunk> {
  let scenario = failing
  let tries = 0
  for (let hasShrunk = true; hasShrunk && tries < TRIES_MAX; ) {
    hasShrunk = false
    for (const smaller of smallerOnes(scenario)) {
      if (tries >= TRIES_MAX) break
      tries += 1
      if (!(await fails(smaller))) continue
      scenario = smaller
      hasShrunk = true
      break
    }
  }
  return { scenario, tries }
}

/** What is worth a try, the largest steps first. */
function* smallerOnes(scenario: Scenario): Generator<Scenario> {
  for (const key of ['vanish', 'partitions', 'pauses', 'crashes'] as const) {
    const faults = scenario[key]
    if (faults.length > 1) yield { ...scenario, [key]: [] }
    for (let index = 0; index < faults.length; index++) {
      yield { ...scenario, [key]: faults.toSpliced(index, 1) }
    }
  }
  for (const [index, fault] of scenario.crashes.entries()) {
    if (fault.disk === 'keeps') continue
    yield { ...scenario, crashes: scenario.crashes.with(index, { ...fault, disk: 'keeps' }) }
  }
  for (const key of ACTOR_KEYS) {
    const { actors } = scenario
    if (actors[key] > 0) yield { ...scenario, actors: { ...actors, [key]: 0 } }
  }
  if (scenario.trust !== 'credibility') yield { ...scenario, trust: 'credibility' }
  if (scenario.cheat_per_mille < 1_000) yield { ...scenario, cheat_per_mille: 1_000 }
  if (scenario.dependencies !== null) yield { ...scenario, dependencies: null }
  if (scenario.churn !== null) yield { ...scenario, churn: null }
  if (scenario.devices !== null) yield { ...scenario, devices: null }
  yield* calmerClocks(scenario)
  yield* calmerNetworks(scenario)
  yield* fewerReplicas(scenario)
  for (const key of ['quorum_per_mille', 'arrive_over_ms', 'ledger_ms'] as const) {
    if (scenario[key] > 0) yield { ...scenario, [key]: 0 }
  }
  if (scenario.arrivals.length > 1) yield { ...scenario, arrivals: ARRIVALS_DEFAULT }
  if (scenario.budget_per_mille < 20_000) yield { ...scenario, budget_per_mille: 20_000 }
  for (const key of ['units', 'nodes'] as const) {
    const count = scenario[key]
    // replicas are nodes: they are taken away first
    if (key === 'nodes' && scenario.replicas.nodes > count >> 1) continue
    if (count > 3) yield { ...scenario, [key]: Math.ceil(count / 2) }
    if (count > 1) yield { ...scenario, [key]: count - 1 }
  }
  const { min, max } = scenario.service_ms
  if (max > min) yield { ...scenario, service_ms: { min, max: min } }
  if (typeof scenario.latency === 'string') yield { ...scenario, latency: { rtt_ms: 50 } }
}

function* calmerClocks(scenario: Scenario): Generator<Scenario> {
  const { clocks } = scenario
  for (let index = 0; index < clocks.jumps.length; index++) {
    yield { ...scenario, clocks: { ...clocks, jumps: clocks.jumps.toSpliced(index, 1) } }
  }
  for (const key of ['off_ms', 'drift_ppm'] as const) {
    if (clocks[key] > 0) yield { ...scenario, clocks: { ...clocks, [key]: 0 } }
  }
}
