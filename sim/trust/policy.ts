/**
 * The one interface of all policies that the arena compares. A policy hands units to nodes and says
 * which value stands; it sees values and nothing of who is honest.
 */
import type { Arena } from './arena.ts'

export interface SabotagePolicy {
  readonly name: string
  start(arena: Arena): PolicyRun
}

export interface PolicyRun {
  /** Brings a unit to a value that is accepted. Units come in order, each once. */
  settle(unit: number): number
  /** After the last unit: what is still owed. Returns the values that stand, by unit. */
  finish(): Int32Array
  /** Whether no later unit can ever be given to the node. */
  isBanned(node: number): boolean
  /** Whether the node's word alone is taken. */
  believes(node: number): boolean
}
