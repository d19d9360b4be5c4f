/**
 * What goes into the conductor and what it asks for. Time comes with the inputs; every effect is
 * carried out by the session's driver, in the order given.
 */
import type {
  Cid,
  EventDraft,
  FailureClass,
  JsonSchema,
  SessionId,
  StageRecord,
  StopReason,
  TaskGraph,
  UnitId,
  UnitOutcome,
  UnitSubmission,
  Value,
  ValueMap
} from '#contracts'
import type { ModelTable } from '../registry/model-table.ts'
import type { ConfidenceRule } from './unit-maker.ts'

export interface ConductorOptions {
  readonly graph: TaskGraph
  readonly graphCid: Cid
  /** Every input that the graph names, defaults filled in. */
  readonly inputs: ValueMap
  readonly inputsCid: Cid
  readonly session: SessionId
  readonly models: ModelTable
  /** Faults of a handler's result against the schema of its task. */
  readonly checkOutput: (schema: JsonSchema, value: Value) => readonly string[]
  /** Units submitted and not ended, at most; the default stays under the fabric's admission bound. */
  readonly openUnitsMax?: number
  /** Units after fan-out, at most. */
  readonly unitsMax?: number
}

/** Why something failed, for people and programs. */
export interface Failure {
  readonly stopReason: StopReason
  readonly failureClass: FailureClass | null
  readonly code: string
  readonly detail: string
}

export interface Place {
  /** Position of the task in the graph. */
  readonly task: number
  /** Position in the task's fan-out. */
  readonly index: number
}

export interface CacheLookup extends Place {
  readonly key: string
  readonly unit: UnitId
}

export interface CacheAnswer extends Place {
  readonly hit: { readonly outputCid: Cid; readonly value: Value } | null
}

export interface HandlerAnswer extends Place {
  readonly ms: number
  readonly result:
    | { readonly ok: true; readonly value: Value }
    | { readonly ok: false; readonly code: string; readonly detail: string }
}

export type ConductorInput = { readonly nowMs: number } & (
  | { readonly type: 'start' }
  | ({ readonly type: 'handled' } & HandlerAnswer)
  | { readonly type: 'cache-answers'; readonly answers: readonly CacheAnswer[] }
  /** `value`: the output that `outcome.outputCid` names, decoded; null where there is none. */
  | { readonly type: 'outcome'; readonly outcome: UnitOutcome; readonly value: Value | null }
  /** Room to make more units of a fan-out: the answer to `continue`. */
  | { readonly type: 'continue' }
  /** The session is to end: its caller's wish, its deadline, or the fabric's refusal. */
  | { readonly type: 'stop'; readonly failure: Failure }
  /** Outcomes that were waited for after a stop will not come. */
  | { readonly type: 'give-up' }
)

export interface SubmittedUnit extends UnitSubmission {
  readonly confidence: ReadonlyMap<string, readonly ConfidenceRule[]>
}

export type ConductorEffect =
  | ({ readonly type: 'run-handler'; readonly handler: string; readonly args: Value } & Place)
  | { readonly type: 'lookup-cache'; readonly lookups: readonly CacheLookup[] }
  /** Bytes that units name by id; to be kept before the units are submitted. */
  | { readonly type: 'store'; readonly cid: Cid; readonly bytes: Uint8Array }
  | { readonly type: 'submit'; readonly units: readonly SubmittedUnit[] }
  /** A verified result that later sessions may use. */
  | {
      readonly type: 'remember'
      readonly key: string
      readonly outputCid: Cid
      readonly unit: UnitId
    }
  | { readonly type: 'stage'; readonly record: StageRecord }
  | { readonly type: 'event'; readonly event: EventDraft }
  /** Come back with `continue` after others have had their turn. */
  | { readonly type: 'continue' }
  | { readonly type: 'cancel' }
  | { readonly type: 'finish'; readonly result: Conclusion }

export type UnitStatus = 'success' | 'cached' | 'failed' | 'timeout' | 'cancelled'

/** One unit or handler run, as it ended. */
export interface PartReport {
  readonly unit: UnitId
  readonly task: string
  readonly index: number
  readonly status: UnitStatus
  readonly outputCid: Cid | null
  /** null for handlers and cached results. */
  readonly outcome: UnitOutcome | null
  readonly ms: number
}

/** The session's last word. */
export interface Conclusion {
  readonly stopReason: StopReason
  readonly failure: (Failure & { readonly task: string | null }) | null
  readonly outputs: ValueMap
  /** In canonical order: by task, position, stage. */
  readonly stages: readonly StageRecord[]
  /** SHA-256 of `stateBytes`, in hex. */
  readonly stateHash: string
  /** The canonical state itself, so that two states can be compared part by part. */
  readonly stateBytes: Uint8Array
}

export interface ConductorProgress {
  readonly tasks: { readonly total: number; readonly done: number }
  readonly units: {
    readonly known: number
    readonly open: number
    readonly done: number
    readonly cached: number
    readonly failed: number
  }
  readonly spentMicro: number
  readonly committedMicro: number
  readonly budgetMicro: number
}
