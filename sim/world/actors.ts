/** What is drawn for a node before a run begins: its role, how fast it is, and how its clock goes. */
import type { Chance } from '../kernel/chance.ts'
import type { ClockTraits } from '../nodes/clock.ts'
import { Device } from '../nodes/devices.ts'
import { ACTOR_KEYS, ROLE_OF_KEY, type Role } from '../nodes/role-names.ts'
import type { Scenario } from './scenario.ts'

export interface NodeTraits {
  readonly role: Role
  readonly cheatPerMille: number
  /** What its runs take, where nothing else says so. */
  readonly serviceMs: number
  /** Null: every run takes the same. */
  readonly device: Device | null
  readonly clock: ClockTraits
  /** Machines of one owner have the same; a new name is a new owner. */
  readonly owner: string
}

/** Drawn for the node of that number, from a stream of its own. */
export function drawTraits(scenario: Scenario, number: number, chance: Chance): NodeTraits {
  const { service_ms: service, actors, devices } = scenario
  const role = roleAt(chance.below(1_000), actors)
  const serviceMs = service.min + chance.below(service.max - service.min + 1)
  const { cheat_per_mille: cheatPerMille } = scenario
  const clock = drawClock(scenario, chance)
  // its stream goes on with the runs: nothing else is drawn from it
  const device = devices === null ? null : new Device(devices, chance)
  const owner = `${Math.floor(number / scenario.machines_per_owner)}`
  return { role, cheatPerMille, serviceMs, clock, device, owner }
}

function drawClock({ clocks }: Scenario, chance: Chance): ClockTraits {
  const eitherWay = (most: number): number => chance.below(2 * most + 1) - most
  return { offMs: eitherWay(clocks.off_ms), driftPpm: eitherWay(clocks.drift_ppm) }
}

/** All others are compared with it: it is right where it begins. */
export const gatewayClock = ({ clocks }: Scenario, chance: Chance): ClockTraits => ({
  offMs: 0,
  driftPpm: chance.below(2 * clocks.drift_ppm + 1) - clocks.drift_ppm
})

/** Roles lie beside each other on the thousandths, honest nodes behind them all. */
function roleAt(draw: number, actors: Scenario['actors']): Role {
  let end = 0
  for (const key of ACTOR_KEYS) {
    end += actors[key]
    if (draw < end) return ROLE_OF_KEY[key]
  }
  return 'honest'
}
