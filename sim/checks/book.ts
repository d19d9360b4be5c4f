/**
 * What the checkers' books have in common: when it is, and how a broken rule is told. Books are written
 * from what goes into the machines and what comes out of them, by arithmetic of their own.
 */
import type { PeerId } from '#contracts'

export type Broken = (rule: string, detail: string) => void

export interface BookPorts {
  /** By the gateway's clock, as it stands in leases and entries; it may be set. */
  readonly wallMs: () => number
  /** By a right clock. */
  readonly nowMs: () => number
  /** Since some machine's clock was set: what is timed by it may be early or late for a while. */
  readonly sinceClockSetMs: () => number
  readonly broken: Broken
  /** Nothing keeps a word of a node that is linked from the gateway for long. */
  readonly isQuiet: boolean
  readonly isHonest: (node: PeerId) => boolean
  /** What a write takes: so much later than it was decided a record may be seen. */
  readonly ledgerMs: number
  /** The mesh has its nodes' results compared though a graph asks for one. */
  readonly checksNodes: boolean
}
