/**
 * What memory a run takes, more or less, so that one that does not fit is refused before it begins and
 * not in its midst. Measured with Node 24 on meshes of 1,000 to 50,000 nodes and up to 20,000 units, of 21
 * and 61 nodes on the real stack; rounded up, for peaks lie above what is held.
 */
import { MeshError } from '#contracts'
import type { Scenario } from './scenario.ts'

/** The program, with all that it loads. */
const BASE_KB = 200 * 1_024
/** A node with its agent, its links and its place in the gossip. */
const NODE_KB = 40
/** On the real network stack: with its own connections, streams and drivers. */
const REAL_NODE_KB = 5 * 1_024
/** A unit with what the gateway, the ledger and the checkers keep of it. */
const UNIT_KB = 25
const KB_PER_MB = 1_024

export type Fidelity = 'model' | 'real'

function memoryMbOf({ nodes, units, attack }: Scenario, fidelity: Fidelity): number {
  const hosts = nodes + (attack?.sybils ?? 0)
  const hostKb = fidelity === 'real' ? REAL_NODE_KB : NODE_KB
  return Math.ceil((BASE_KB + hosts * hostKb + units * UNIT_KB) / KB_PER_MB)
}

/** Throws `sim.memory_short` where the scenario takes more than there is. */
export function checkMemory(
  scenario: Scenario,
  memoryMb: number,
  fidelity: Fidelity = 'model'
): void {
  const neededMb = memoryMbOf(scenario, fidelity)
  if (neededMb <= memoryMb) return
  throw new MeshError('sim.memory_short', {
    nodes: scenario.nodes,
    units: scenario.units,
    needed_mb: neededMb,
    available_mb: Math.floor(memoryMb)
  })
}
