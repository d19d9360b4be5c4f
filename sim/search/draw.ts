/**
 * Swarm testing: each seed draws which kinds of faults its run has and how bad each is, so that a few
 * hundred small runs meet combinations that nobody would write down. Every fault ends before the
 * first half of the time is over; the second half must bring each unit to its end.
 */

import { Chance } from '../kernel/chance.ts'
import { drawArrivals } from '../nodes/arrivals.ts'
import { Scenario } from '../world/scenario.ts'
import { NODE_SLOTS } from '../world/simulated-node.ts'
import { drawCut, drawNetwork } from './draw-network.ts'
import { drawActors, drawChurn, drawClocks, drawDevices, drawPauses } from './draw-nodes.ts'
import { drawReplicas } from './draw-replicas.ts'

/** Faults begin and end within this. */
const FAULTS_UNTIL_MS = 120_000
/** Leases of nodes that withhold, retries and backoffs of 5 attempts end well within this. */
const UNTIL_MS = 3_600_000
/** Two nodes of which one withholds give each unit that needs both an end, one after another. */
const SLOW_UNTIL_MS = 43_200_000
/** A lease of the drawn units that is not answered, and the longest pause before the next. */
const TRY_MS = 120_000
/** As often as a unit is done at most: its attempts, and its replicas. */
const TRIES_MAX = 7
/** No scenario may have more. */
const DAY_MS = 86_400_000
/** What a disk does when the control node dies. */
const DISKS = ['keeps', 'forgets', 'tears', 'flips', 'rolls_back'] as const
const NODES_MIN = 2
const NODES_MAX = 24
const NODES_FEW = 5
const UNITS_MAX = 60
const UNITS_MANY_MAX = 240
const PARENTS_MAX = 4
const MACHINES_MAX = 4
/** A write of the ledger on a disk that does much else. */
const LEDGER_MS_MAX = 500
const BUDGET_ENOUGH = 20_000
/** Faults of one kind in one run. */
const REPEATS_MAX = 3

/** A fault class is in a run or not: half of the runs have any one of them. */
const isIn = (chance: Chance): boolean => chance.happens(500_000)

const between = (chance: Chance, min: number, max: number): number =>
  min + chance.below(max - min + 1)

/** The scenario of a seed: the same one for ever, for a given version of this file. */
export function drawScenario(seed: number): Scenario {
  const chance = new Chance(seed, 'swarm')
  const hasActors = isIn(chance)
  const nodes = drawNodes(seed, between(chance, NODES_MIN, NODES_MAX))
  const hasQuorum = isIn(chance)
  const silence = drawSilence(seed)
  const trust = drawTrust(seed)
  const isPaired = hasQuorum || trust.trust === 'probation'
  const isSlow = silence !== null || (hasActors && isPaired)
  const drawn = {
    claim: 'Whatever a swarm of faults does, each unit ends once and is paid at most once.',
    nodes,
    units: drawUnits(seed, between(chance, 1, UNITS_MAX)),
    dependencies: drawDependencies(seed),
    pauses: drawPauses(seed, FAULTS_UNTIL_MS),
    arrive_over_ms: isIn(chance) ? between(chance, 0, FAULTS_UNTIL_MS) : 0,
    quorum_per_mille: hasQuorum ? between(chance, 0, 1_000) : 0,
    service_ms: drawService(seed),
    latency: isIn(chance) ? 'wondernetwork' : { rtt_ms: between(chance, 1, 2_000) },
    clocks: drawClocks(seed, FAULTS_UNTIL_MS),
    churn: drawChurn(seed, FAULTS_UNTIL_MS),
    devices: drawDevices(seed),
    arrivals: drawArrivals(seed, FAULTS_UNTIL_MS),
    actors: silence ?? {
      liars: hasActors ? between(chance, 0, 300) : 0,
      withholders: hasActors ? between(chance, 0, 300) : 0,
      ...(hasActors ? drawActors(seed) : {})
    },
    vanish: isIn(chance) ? repeated(chance, vanishing) : [],
    partitions: (isIn(chance) ? repeated(chance, partition) : []).map((cut, index) => {
      return { ...cut, ...drawCut(seed, index) }
    }),
    ...drawNetwork(seed),
    crashes: isIn(chance) ? repeated(chance, crash) : [],
    ...trust,
    machines_per_owner: drawMachines(seed),
    budget_per_mille: drawBudget(seed),
    replicas: drawReplicas(seed, { nodes, faultsUntilMs: FAULTS_UNTIL_MS }),
    ledger_ms: isIn(chance) ? between(chance, 0, LEDGER_MS_MAX) : 0,
    until_ms: isSlow ? SLOW_UNTIL_MS : UNTIL_MS
  }
  return Scenario.parse({
    ...drawn,
    until_ms: Math.max(drawn.until_ms, heldMs(drawn.units, drawn.actors))
  })
}

/** Where nodes let leases end, all tries may come to one of them, which holds as many as it has slots. */
function heldMs(units: number, { withholders = 0, late = 0 }: Partial<Scenario['actors']>): number {
  if (withholders + late === 0) return 0
  const triesMs = (units * TRIES_MAX * TRY_MS) / NODE_SLOTS
  return Math.min(DAY_MS, FAULTS_UNTIL_MS + triesMs)
}

/** In some meshes most nodes never answer, so that units come to the end of their tries. */
function drawSilence(seed: number): Partial<Scenario['actors']> | null {
  const chance = new Chance(seed, 'swarm silence')
  return chance.happens(80_000) ? { withholders: between(chance, 500, 950) } : null
}

/** In a quarter of the meshes owners have several machines. */
function drawMachines(seed: number): number {
  const chance = new Chance(seed, 'swarm owners')
  return chance.happens(250_000) ? between(chance, 2, MACHINES_MAX) : 1
}

/** A tenth of the meshes have far more work than they can take on at once. */
function drawUnits(seed: number, drawn: number): number {
  const chance = new Chance(seed, 'swarm units')
  return chance.happens(100_000) ? between(chance, UNITS_MAX, UNITS_MANY_MAX) : drawn
}

/** A third of the runs do graphs: some of their units wait for others. */
function drawDependencies(seed: number): Scenario['dependencies'] {
  const chance = new Chance(seed, 'swarm dependencies')
  if (!chance.happens(333_333)) return null
  return {
    share_per_mille: between(chance, 100, 900),
    parents_max: between(chance, 1, PARENTS_MAX)
  }
}

/** A quarter of the meshes have hardly as many owners as must agree. */
function drawNodes(seed: number, drawn: number): number {
  const chance = new Chance(seed, 'swarm size')
  return chance.happens(250_000) ? between(chance, NODES_MIN, NODES_FEW) : drawn
}

/** From a stream of its own. */
function drawTrust(seed: number) {
  const chance = new Chance(seed, 'trust')
  return {
    trust: isIn(chance) ? ('probation' as const) : ('credibility' as const),
    cheat_per_mille: isIn(chance) ? between(chance, 1, 1_000) : 1_000
  }
}

/** A quarter of the runs may not be able to pay for all that they ask for. */
function drawBudget(seed: number): number {
  const chance = new Chance(seed, 'swarm budget')
  return chance.happens(250_000) ? between(chance, 100, 3_000) : BUDGET_ENOUGH
}

/** Half of the meshes have work that is short beside the way to it, so that nodes hold more at once. */
function drawService(seed: number): { readonly min: number; readonly max: number } {
  const chance = new Chance(seed, 'swarm service')
  const isShort = isIn(chance)
  const min = between(chance, 0, isShort ? 50 : 2_000)
  return { min, max: min + between(chance, 0, isShort ? 300 : 20_000) }
}

const repeated = <Fault>(chance: Chance, draw: (chance: Chance) => Fault): readonly Fault[] =>
  Array.from({ length: between(chance, 1, REPEATS_MAX) }, () => draw(chance))

/** Everyone comes back: a mesh without nodes ends nothing. */
const vanishing = (chance: Chance) => ({
  at_ms: chance.below(FAULTS_UNTIL_MS >> 1),
  share_per_mille: between(chance, 50, 1_000),
  back_after_ms: chance.below(FAULTS_UNTIL_MS >> 1)
})

/** An operator who puts a copy back takes a minute: all is up again before the first half is over. */
const crash = (chance: Chance) => ({
  at_ms: chance.below(FAULTS_UNTIL_MS >> 1),
  down_ms: chance.below(FAULTS_UNTIL_MS >> 2),
  disk: DISKS[chance.below(DISKS.length)]
})

function partition(chance: Chance) {
  const fromMs = chance.below(FAULTS_UNTIL_MS >> 1)
  return {
    from_ms: fromMs,
    until_ms: fromMs + chance.below(FAULTS_UNTIL_MS >> 1),
    share_per_mille: between(chance, 50, 1_000)
  }
}
