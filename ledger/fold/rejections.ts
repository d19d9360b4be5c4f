/**
 * What the fold refused and why: every refusal is counted by rule, the latest are kept to be read.
 * A refusal changes no balance, no score and no session; it is part of the state all the same.
 */
import { LEDGER_REJECTIONS_KEPT, type LogId, type UnitId } from '#contracts'
import type { ReceiptRule } from './receipts.ts'

export type RejectionRule =
  | ReceiptRule
  | 'kind_unknown'
  | 'body_malformed'
  | 'unauthorised'
  | 'genesis_misplaced'
  | 'amount_overflow'
  | 'grant_lowered'
  | 'tenant_unknown'
  | 'node_unknown'
  | 'node_state_illegal'
  | 'session_known'
  | 'session_unknown'
  | 'session_closed'
  | 'session_other'
  | 'attempt_known'
  | 'attempt_out_of_range'
  | 'attempts_exhausted'
  | 'reservation_unknown'
  | 'reservation_settled'
  | 'over_balance'
  | 'over_session_budget'
  | 'lease_mismatch'
  | 'node_mismatch'
  | 'unit_mismatch'
  | 'model_mismatch'
  | 'usage_implausible'
  | 'canonical_twice'
  | 'acceptance_unknown'
  | 'acceptance_final'
  | 'fault_unproven'
  | 'head_not_newer'

export interface Rejection {
  readonly log: LogId
  readonly seq: number
  /** Position in the entry's items; null where the whole entry is refused. */
  readonly item: number | null
  readonly rule: RejectionRule
  readonly unit: UnitId | null
  readonly attempt: number | null
}

export class Rejections {
  readonly #counts = new Map<RejectionRule, number>()
  #kept: Rejection[] = []

  record(rejection: Rejection): void {
    this.#counts.set(rejection.rule, (this.#counts.get(rejection.rule) ?? 0) + 1)
    this.#kept.push(rejection)
    if (this.#kept.length >= 2 * LEDGER_REJECTIONS_KEPT) {
      this.#kept = this.#kept.slice(-LEDGER_REJECTIONS_KEPT)
    }
  }

  /** The latest, oldest first. */
  latest(): readonly Rejection[] {
    return this.#kept.slice(-LEDGER_REJECTIONS_KEPT)
  }

  counts(): readonly (readonly [RejectionRule, number])[] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}
