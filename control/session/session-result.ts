/**
 * What a session gives its caller: outputs, a row for every unit and handler run, the calls made and
 * avoided, the trace and the state hash. Names are the contract's, so that `--json` prints it as it is.
 */
import type {
  ExecutionRecord,
  SessionId,
  StageRecord,
  StopReason,
  Task,
  ValueMap
} from '#contracts'
import { kindOf } from '#contracts'
import type { Failure, PartReport } from '../conductor/messages.ts'
import { KORA_NODE } from '../conductor/telemetry.ts'

export interface SessionUnitRow {
  readonly unit: string
  readonly task: string
  readonly index: number
  readonly kind: string
  /** Model name or content id, or the handler, as the graph names it. */
  readonly runs: string
  readonly status: PartReport['status']
  /** `kora` where KORA did it itself; null where nobody did. */
  readonly node: string | null
  /** `runtime/provider`, null for handlers and cached results. */
  readonly backend: string | null
  readonly ms: number
  readonly attempts: number
  readonly verification: string
  readonly output_cid: string | null
  readonly cost_micro: number
  readonly escalations: readonly string[]
  readonly executions: readonly ExecutionRecord[]
  readonly error: { readonly code: string; readonly detail: string } | null
}

export interface SessionResult {
  readonly session: SessionId
  readonly graph_id: string
  readonly request_id: string
  readonly outputs: ValueMap
  readonly units: readonly SessionUnitRow[]
  /** Runs of models, replicas, retries and escalations included. */
  readonly model_calls: number
  readonly avoided: number
  readonly avoided_because: readonly string[]
  readonly stages: readonly StageRecord[]
  readonly stop_reason: StopReason
  readonly state_hash: string
  readonly cost_micro: number
  readonly elapsed_ms: number
  /** Why it did not succeed: the failure of the first task of the graph that failed. */
  readonly error: (Failure & { readonly task: string | null }) | null
}

/** Verdicts of attempts in which a model ran. */
const RAN: ReadonlySet<ExecutionRecord['verdict']> = new Set([
  'accepted',
  'rejected',
  'redundant',
  'failed'
])

export const callsOf = (executions: readonly ExecutionRecord[]): number =>
  executions.filter(({ verdict }) => RAN.has(verdict)).length

export function unitRow(report: PartReport, task: Task): SessionUnitRow {
  const { outcome } = report
  const executions = outcome?.executions ?? []
  const winner = executions.find(({ verdict }) => verdict === 'accepted') ?? executions.at(-1)
  const { unit, index, status } = report
  const isHandler = task.type !== 'model'
  const backend = winner?.backend ?? null
  return {
    unit,
    task: task.id,
    index,
    kind: kindOf(task.type, task.tier),
    runs: task.handler ?? task.model ?? '',
    status,
    node: isHandler || status === 'cached' ? KORA_NODE : (winner?.node ?? null),
    backend: backend === null ? null : `${backend.runtime}/${backend.provider}`,
    ms: Math.round(isHandler ? report.ms : (winner?.ms ?? 0)),
    attempts: isHandler ? 1 : executions.length,
    verification: outcome?.verification ?? (status === 'cached' ? 'cached' : 'none'),
    output_cid: report.outputCid,
    cost_micro: outcome?.costMicro ?? 0,
    escalations: outcome?.escalations ?? [],
    executions,
    error: outcome?.error ?? null
  }
}
