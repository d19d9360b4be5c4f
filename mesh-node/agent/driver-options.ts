/**
 * What the parts of the agent driver share: its options, and the way back into the machine. Types
 * alone; nothing here acts.
 */
import type { MeshId } from '#contracts'
import type { AgentInput, AgentOptions } from '#mesh-node/core'
import type { Drill } from './drill.ts'

export interface AgentDriverOptions extends AgentOptions {
  readonly mesh: MeshId
  /** Memory of one executor process. */
  readonly runMemoryMb: number
  /** A lie that operators order to see it caught; null in every honest node. */
  readonly drill: Drill | null
  readonly freeMemoryMb: () => number
}

export type Untimed = AgentInput extends infer Input
  ? Input extends AgentInput
    ? Omit<Input, 'nowMs'>
    : never
  : never
/** Gives the machine an input, at the time it is given. */
export type Feed = (input: Untimed) => void
