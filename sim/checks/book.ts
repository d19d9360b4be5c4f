/**
 * What the checkers' books have in common: when it is, and how a broken rule is told. Books are written
 * from what goes into the machines and what comes out of them, by arithmetic of their own.
 */

export type Broken = (rule: string, detail: string) => void

export interface BookPorts {
  /** By the gateway's clock, as it stands in leases and entries; it may be set. */
  readonly wallMs: () => number
  /** By a right clock. */
  readonly nowMs: () => number
  readonly broken: Broken
  /** What a write takes: so much later than it was decided a record may be seen. */
  readonly ledgerMs: number
  /** The mesh has its nodes' results compared though a graph asks for one. */
  readonly checksNodes: boolean
}
