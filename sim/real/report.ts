/** What a run of the real fidelity found, as plain data: it comes from a process of its own. */

export interface RealUnits {
  readonly submitted: number
  readonly accepted: number
  readonly wrong_accepted: number
  /** Ended otherwise. */
  readonly failed: number
  readonly executions: number
}

export interface RealGossipFigures {
  readonly published: number
  readonly delivered: number
  /** Of every message to every other node. */
  readonly missed: number
  readonly delivery_p50_ms: number
  readonly delivery_p99_ms: number
  /** Further copies that reached a node, for each that it delivered. */
  readonly duplicates: number
}

export interface RealReport {
  readonly scenario: string
  readonly fidelity: 'real'
  readonly seed: number
  readonly nodes: number
  /** Connections that stood when the first message was sent, each counted once. */
  readonly connections: number
  /** Timers, immediates and arrivals. */
  readonly events: number
  readonly virtual_ms: number
  /** Of the machine that ran it: not repeatable, and in no trace. */
  readonly wall_ms: number
  readonly rss_mb: number
  readonly trace_hash: string
  readonly trace_events: number
  /** The hash as it stood after every thousand events, to find where two runs part. */
  readonly trace_marks: readonly string[]
  readonly violations: readonly string[]
  readonly units: RealUnits
  readonly gossip: RealGossipFigures
  /** Words of nodes that ask for units; 0 where nothing is worked. */
  readonly bids_per_unit: number
  /** Of the sequencer's ledger; null where nothing was worked. */
  readonly ledger_digest: string | null
  /** Stopped before its end. */
  readonly is_partial: boolean
}

export interface RealProgress {
  readonly virtual_ms: number
  readonly events: number
}
