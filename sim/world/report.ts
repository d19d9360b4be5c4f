/** What a run of the simulator found, as plain data. Field names are those of the JSON. */

import type { ReplicaFigures } from '../checks/replica-book.ts'
import type { RoleFigures } from '../nodes/role-book.ts'
import type { RunSeries } from './chronicle.ts'

export interface Violation {
  /** The rule that was broken, by its name in `checks.ts`. */
  readonly rule: string
  readonly at_ms: number
  readonly detail: string
}

/** A workflow's run beside what any run of it keeps to where bytes cost nothing. */
export interface WorkflowReport {
  readonly name: string
  readonly tasks: number
  /** So many times as fast as in the trace. */
  readonly faster: number
  readonly critical_path_ms: number
  /** No number of machines like these is faster. */
  readonly least_ms: number
  /** What a scheduler that never idles keeps to (Graham, 1969). */
  readonly greedy_most_ms: number
  /** When the last task had ended; null: not all have. */
  readonly makespan_ms: number | null
}

export interface RunReport {
  readonly scenario: string
  readonly claim: string
  readonly fidelity: 'model'
  readonly seed: number
  readonly nodes: number
  readonly events: number
  readonly virtual_ms: number
  /** When the last unit ended; null: not all have. */
  readonly ended_ms: number | null
  readonly wall_ms: number
  readonly rss_mb: number
  readonly trace_hash: string
  /** The hash after every thousand events: where two runs part. */
  readonly trace_marks: readonly string[]
  readonly violations: readonly Violation[]
  readonly units: {
    readonly submitted: number
    readonly accepted: number
    readonly wrong_accepted: number
    readonly failed: number
    readonly executions: number
  }
  readonly gossip: {
    readonly published: number
    readonly delivery_p50_ms: number
    readonly delivery_p99_ms: number
    /** Further copies that reached a node, for each that it took. */
    readonly duplicates: number
    /** Copies that were not sent since the other had said that it has the message, for each too. */
    readonly spared: number
    /** Of every message to every honest node, where that is asked: not there in time. */
    readonly missed?: number
  }
  readonly bids_per_unit: number
  /** What became of each role's work. */
  readonly roles: readonly RoleFigures[]
  /** Where nodes kept the ledger too. */
  readonly replicas?: ReplicaFigures
  /** Where the units were the tasks of a workflow. */
  readonly workflow?: WorkflowReport
  /** How it went over its time: for plots, left out where only the end is asked for. */
  readonly series?: RunSeries
  readonly ledger_digest: string
  /** Stopped before its end. */
  readonly is_partial: boolean
}
