/** What became of this node's work since it started: the numbers that `krako-node status` shows. */
import { assertNever } from '#contracts'
import type { RunResult, Verdicts } from './agent-contract.ts'
import type { OfferRule } from './offer-rules.ts'

export const LEASE_ENDS = [
  'accepted',
  'rejected',
  'redundant',
  'failed',
  'released',
  'revoked',
  'expired'
] as const
export type LeaseEnd = (typeof LEASE_ENDS)[number]

export class AgentTotals {
  readonly ends: Record<LeaseEnd, number> = {
    accepted: 0,
    rejected: 0,
    redundant: 0,
    failed: 0,
    released: 0,
    revoked: 0,
    expired: 0
  }
  /** Offers handed back at once, by the rule that refused them. */
  readonly refused = new Map<OfferRule, number>()
  earnedMicro = 0
  ranMs = 0
  /** The gateway's reason for the last result that it did not accept. */
  lastRejection: string | null = null
  lastFailure: string | null = null

  count(end: LeaseEnd): void {
    this.ends[end] += 1
  }

  refuse(rule: OfferRule): void {
    this.refused.set(rule, (this.refused.get(rule) ?? 0) + 1)
  }

  ran({ usage }: RunResult): void {
    this.ranMs += usage.wall_ms
  }

  failed(code: string): void {
    this.lastFailure = code
    this.count('failed')
  }

  judged({ verdict, reason, earned_micro }: Verdicts[number]): void {
    this.earnedMicro += earned_micro
    switch (verdict) {
      case 'rejected':
        this.lastRejection = reason
        this.count('rejected')
        return
      case 'accepted':
      case 'redundant':
        this.count(verdict)
        return
      default:
        assertNever(verdict)
    }
  }
}
