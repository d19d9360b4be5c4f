/**
 * Where KORA and the fabric meet. KORA hands over sessions and units and judges results; the fabric
 * says what happened. The gateway of a mesh and the local engine of Studio both stand behind this
 * port, and nothing of either shows here.
 */
import type { Backend, Usage } from './attestation.ts'
import type { Cid } from './cid.ts'
import type { ErrorCode, Issue } from './errors.ts'
import type { EventDraft } from './events.ts'
import type { SessionId, UnitId } from './ids.ts'
import type { AdmissionRefusal, FailureClass, StopReason } from './states.ts'
import type { EscalationTrigger, GraphBudgets } from './task-graph.ts'
import type { PackedUnit } from './work-unit.ts'

export interface SessionSpec {
  readonly session: SessionId
  readonly tenant: string
  readonly graphId: string
  readonly graphCid: Cid
  /** Of the map of input names to the content ids of their encoded values. */
  readonly inputsCid: Cid
  readonly requestId: string
  readonly budgets: GraphBudgets
  readonly maxRetriesTotal: number
}

/** A declared way out: when the judge names `trigger`, this unit is run instead. Tried in order, each once. */
export interface UnitEdge {
  readonly trigger: EscalationTrigger
  /** `budget_remaining`: only while at least so much of the session's cost budget is left. */
  readonly remainingMicro: number | null
  readonly unit: PackedUnit
}

export interface UnitSubmission {
  readonly unit: PackedUnit
  readonly edges: readonly UnitEdge[]
}

/** One attempt, for people and for the bill. */
export interface ExecutionRecord {
  readonly attempt: number
  readonly node: string
  readonly backend: Backend | null
  readonly ms: number
  readonly verdict: 'accepted' | 'rejected' | 'redundant' | 'failed' | 'released' | 'expired'
  readonly reason: string
}

export interface UnitOutcome {
  readonly session: SessionId
  /** The unit that was submitted. */
  readonly unitId: UnitId
  /** The unit that gave the result: another than `unitId` after an escalation. */
  readonly finalUnitId: UnitId
  readonly escalations: readonly EscalationTrigger[]
  readonly status: 'success' | 'failed' | 'timeout' | 'cancelled'
  readonly stopReason: StopReason
  readonly failureClass: FailureClass | null
  readonly error: { readonly code: ErrorCode | string; readonly detail: string } | null
  readonly outputCid: Cid | null
  readonly verification: 'none' | 'schema' | 'agreed' | 'unverified'
  readonly usage: Usage | null
  readonly costMicro: number
  readonly executions: readonly ExecutionRecord[]
}

export type FabricSignal =
  | { readonly type: 'event'; readonly event: EventDraft }
  | { readonly type: 'outcome'; readonly outcome: UnitOutcome }
  /**
   * Another result stands for a unit that had succeeded. Whoever has made no use of the first says so
   * by calling `take` at once, and hears of another outcome; otherwise the first stands.
   */
  | {
      readonly type: 'reclaim'
      readonly session: SessionId
      readonly unit: UnitId
      readonly take: () => void
    }
  | {
      readonly type: 'session-refused'
      readonly session: SessionId
      readonly refusal: AdmissionRefusal
    }

/** What KORA may ask of a fabric. Signals come through the listener that the fabric was made with. */
export interface Fabric {
  open(session: SessionSpec): Promise<void>
  submit(session: SessionId, units: readonly UnitSubmission[]): void
  cancel(session: SessionId): void
  /** The session's last word: nothing is submitted after it. */
  close(session: SessionId, stopReason: StopReason, stateHash: string): Promise<void>
}

/**
 * KORA's judgement of one output: schema first, then confidence. Called by the fabric before it
 * accepts; `trigger` names the escalation that a refusal calls for, if the unit declares one.
 */
export interface Judgement {
  readonly ok: boolean
  readonly issues: readonly Issue[]
  readonly trigger: EscalationTrigger | null
}
export type Judge = (unit: PackedUnit, output: Uint8Array) => Judgement

/** Bytes by content id. `get` gives exactly the bytes that hash to the id, or null. */
export interface Blobs {
  has(cid: Cid): Promise<boolean>
  get(cid: Cid): Promise<Uint8Array | null>
  put(bytes: Uint8Array): Promise<Cid>
}
