/**
 * Who lives in the arena. An actor turns a unit into a value: right, the colluders' one wrong value,
 * or a wrong value of its own. It never learns which executions are checks; what a ledger shows to
 * all, its own standing, it may read.
 */
import { Chance } from './chance.ts'

/** The value of a result that is right; any other is wrong, and equal numbers are equal results. */
export const RIGHT = 0
/** No node is left that may do the unit. */
export const UNSETTLED = -1
/** The one value that all who collude agree on. */
export const COLLUDED = 1

export interface Population {
  readonly nodes: number
  readonly saboteursPerMille: number
  /** How often a saboteur that is awake cheats. */
  readonly sabotagePerMillion: number
  /** Executions for which a saboteur is honest before its first lie. */
  readonly patience: number
  /** How often an honest node is wrong by accident; no two accidents give one value. */
  readonly faultsPerMillion: number
  /**
   * `each`: colluders draw for themselves whether to cheat; `unit`: they cheat on the same units, as
   * those do who all run the same smaller model; `none`: each lies with a value of its own.
   */
  readonly collusion: 'each' | 'unit' | 'none'
  /** `standing`: cheats only while its word alone is taken; `flash`: all wake at the middle unit. */
  readonly cunning: 'none' | 'standing' | 'flash'
  /** New names that convicted saboteurs may take, all together. */
  readonly newNames: number
}

export interface Execution {
  readonly unit: number
  /** Executions that the node did before. */
  readonly before: number
  /** Whether the policy takes the node's word alone. */
  believed(): boolean
  /** A wrong value that nobody else will give. */
  fault(): number
}

export interface Actor {
  readonly honest: boolean
  run(execution: Execution): number
}

interface Place {
  readonly seed: number
  readonly node: number
  /** Units of the whole run. */
  readonly units: number
}

export function honestActor({ faultsPerMillion }: Population, { seed, node }: Place): Actor {
  const chance = new Chance(seed, 'fault', node)
  return {
    honest: true,
    run: ({ fault }) => (chance.happens(faultsPerMillion) ? fault() : RIGHT)
  }
}

export function saboteur(population: Population, { seed, node, units }: Place): Actor {
  const { sabotagePerMillion, patience, collusion, cunning } = population
  const chance = new Chance(seed, 'sabotage', node)
  const cheats = (unit: number): boolean =>
    collusion === 'unit'
      ? new Chance(seed, 'plot', unit).happens(sabotagePerMillion)
      : chance.happens(sabotagePerMillion)
  const isAwake = ({ unit, before, believed }: Execution): boolean => {
    if (before < patience) return false
    if (cunning === 'standing') return believed()
    return cunning === 'none' || unit * 2 >= units
  }
  return {
    honest: false,
    run(execution) {
      if (!isAwake(execution) || !cheats(execution.unit)) return RIGHT
      return collusion === 'none' ? execution.fault() : COLLUDED
    }
  }
}
