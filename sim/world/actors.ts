/**
 * Who in the mesh is honest, and how the others misbehave. An actor lies or withholds at the driver of
 * its node and nowhere else: its machine is everybody's.
 */
import type { Cid, UnitId } from '#contracts'
import type { Chance } from '../kernel/chance.ts'
import type { ClockTraits } from '../nodes/clock.ts'
import type { Scenario } from './scenario.ts'
import { rightAnswer, wrongAnswer } from './work.ts'

export type Role = 'honest' | 'liar' | 'withholder'

export interface NodeTraits {
  readonly role: Role
  readonly serviceMs: number
  readonly clock: ClockTraits
}

/** Drawn for one node, from a stream of its own. */
export function drawTraits(scenario: Scenario, chance: Chance): NodeTraits {
  const { service_ms: service, actors } = scenario
  const role = roleAt(chance.below(1_000), actors)
  const serviceMs = service.min + chance.below(service.max - service.min + 1)
  return { role, serviceMs, clock: drawClock(scenario, chance) }
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

function roleAt(draw: number, { liars, withholders }: Scenario['actors']): Role {
  if (draw < liars) return 'liar'
  return draw < liars + withholders ? 'withholder' : 'honest'
}

/** What such a node says a unit gave; null: it never says anything. */
export function answerOf(role: Role, unit: UnitId): Cid | null {
  if (role === 'withholder') return null
  return role === 'liar' ? wrongAnswer(unit) : rightAnswer(unit)
}
