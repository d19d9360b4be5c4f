/**
 * What a seed of the swarm draws for its machines: their clocks, and when the control node dies. From
 * streams of its own, so that what others draw for a seed stays what it was.
 */
import { Chance } from '../kernel/chance.ts'
import { PAUSE_KINDS } from '../nodes/keys.ts'
import { ACTOR_KEYS, type ActorKey } from '../nodes/role-names.ts'
import type { Scenario } from '../world/scenario.ts'

const HOUR_MS = 3_600_000
const MORE_KINDS_MAX = 3
const MORE_KINDS_PER_MILLION = 667_000
/** In thousandths of the nodes: with liars and withholders, 300 at most each, no more than all. */
const MORE_MIN = 60
const MORE_SPAN = 70
const MORE_KINDS = ACTOR_KEYS.filter((key) => key !== 'liars' && key !== 'withholders')
const JUMPS_MAX = 3
const PAUSES_MAX = 3

/** Up to three more kinds of those who misbehave, beside the ones that every such run may have. */
export function drawActors(seed: number): Partial<Scenario['actors']> {
  const chance = new Chance(seed, 'swarm actors')
  const actors: Partial<Record<ActorKey, number>> = {}
  for (let kind = 0; kind < MORE_KINDS_MAX; kind++) {
    const key = MORE_KINDS[chance.below(MORE_KINDS.length)]
    if (key !== undefined && chance.happens(MORE_KINDS_PER_MILLION)) {
      actors[key] = MORE_MIN + chance.below(MORE_SPAN)
    }
  }
  return actors
}

/** A third of the runs have machines of several kinds. */
export function drawDevices(seed: number): Scenario['devices'] {
  const chance = new Chance(seed, 'swarm devices')
  if (!chance.happens(333_333)) return null
  const native = chance.below(1_001)
  const wasm = chance.below(1_001 - native)
  return { model: 'moonshine-tiny', native, wasm, webgpu: 1_000 - native - wasm }
}

/** As fast as to be felt within the minutes in which a run has faults. */
export function drawChurn(seed: number, faultsUntilMs: number): Scenario['churn'] {
  const chance = new Chance(seed, 'swarm churn')
  if (chance.happens(500_000)) return null
  return { fit: 'combos', speed: 50 + chance.below(1_000), until_ms: chance.below(faultsUntilMs) }
}

/** In a third of the runs owners want some machines back for a while. */
export function drawPauses(seed: number, faultsUntilMs: number): Scenario['pauses'] {
  const chance = new Chance(seed, 'swarm pauses')
  if (!chance.happens(333_333)) return []
  return Array.from({ length: 1 + chance.below(PAUSES_MAX) }, () => ({
    at_ms: chance.below(faultsUntilMs >> 1),
    for_ms: chance.below(faultsUntilMs >> 1),
    share_per_mille: 50 + chance.below(951),
    how: PAUSE_KINDS[chance.below(PAUSE_KINDS.length)] ?? 'pause'
  }))
}

/** Half of the runs have clocks that are wrong, and half of these have some that are set. */
export function drawClocks(seed: number, faultsUntilMs: number): Scenario['clocks'] {
  const chance = new Chance(seed, 'swarm clocks')
  if (chance.happens(500_000)) return { off_ms: 0, drift_ppm: 0, jumps: [] }
  const jumps = chance.happens(500_000) ? 0 : 1 + chance.below(JUMPS_MAX)
  return {
    off_ms: chance.below(HOUR_MS),
    drift_ppm: chance.happens(500_000) ? 0 : chance.below(1_000),
    jumps: Array.from({ length: jumps }, () => ({
      at_ms: chance.below(faultsUntilMs >> 1),
      by_ms: chance.below(2 * HOUR_MS) - HOUR_MS,
      who: chance.happens(300_000) ? ('gateway' as const) : ('nodes' as const),
      share_per_mille: 50 + chance.below(951)
    }))
  }
}
