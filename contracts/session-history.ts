/**
 * What the ledger knows of a session's units: the fold builds it, the gateway continues from it and
 * replay checks against it. Facts of the past only; says nothing about what is to be done next.
 */
import type { Receipt } from './attestation.ts'
import type { LeaseId, SessionId, UnitId } from './ids.ts'
import type { EntryBody } from './ledger-entry.ts'
import type { PeerId } from './signing.ts'
import type { FailureClass, StopReason } from './states.ts'
import type { EscalationTrigger } from './task-graph.ts'

type Voided = EntryBody<'units.voided'>['items'][number]

/** A verified result. Exactly one accepted attempt of a unit is canonical. */
export interface AcceptedAttempt {
  readonly attempt: number
  readonly lease: LeaseId
  readonly node: PeerId
  readonly canonical: boolean
  readonly receipt: Receipt
  /** What the fold posted for it. */
  readonly costMicro: number
}

/** An attempt that earned nothing. */
export interface VoidedAttempt {
  readonly attempt: number
  readonly lease: LeaseId
  /** Null where the reservation is not in the log. */
  readonly node: PeerId | null
  readonly reason: Voided['reason']
  readonly fault: Voided['fault']
  readonly receipt: Receipt | null
}

/** A lease that was granted and of which nothing more is written. */
export interface OutstandingLease {
  readonly attempt: number
  readonly lease: LeaseId
  readonly node: PeerId
  readonly maxMicro: number
  readonly expiresAtMs: number
}

/** The end of a unit without a result. */
export interface UnitEnd {
  readonly status: 'failed' | 'timeout' | 'cancelled'
  readonly stopReason: StopReason
  readonly failureClass: FailureClass | null
  readonly code: string
}

/** An edge that was taken for the submitted unit, in the order of the log. */
export interface TakenEdge {
  readonly to: UnitId
  readonly trigger: EscalationTrigger
}

export interface UnitHistory {
  /** The highest attempt number that was ever leased; 0 where none was. Attempts count from 1. */
  readonly attempts: number
  readonly accepted: readonly AcceptedAttempt[]
  readonly voided: readonly VoidedAttempt[]
  readonly outstanding: readonly OutstandingLease[]
  readonly ended: UnitEnd | null
  readonly escalatedTo: readonly TakenEdge[]
}

export interface SessionHistory {
  readonly session: SessionId
  readonly units: ReadonlyMap<UnitId, UnitHistory>
  /** The session's last entry, if it has been written. */
  readonly closed: { readonly stopReason: StopReason; readonly stateHash: string } | null
}
