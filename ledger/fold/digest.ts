/**
 * The digest of the fold's state: SHA-256 over its canonical form, sorted, with the place in the log
 * it stands for. Settled attempts are in it through the sums they became and through the hash of
 * the entry they came with; attempts that still hold money are in it one by one.
 */
import { bytesToHex, encodeCanonical, type LogId, type MeshId, sha256 } from '#contracts'
import { ATTEMPT } from './attempts.ts'
import type { Money } from './money.ts'
import type { RejectionRule } from './rejections.ts'
import type { SessionSummary, Sessions } from './sessions.ts'
import type { NodeTrust } from './trust.ts'

/** How far another author's log has joined the order. */
export interface JoinedHead {
  readonly log: LogId
  readonly seq: number
  readonly hash: Uint8Array
}

export interface DigestInput {
  readonly mesh: MeshId
  readonly nextSeq: number
  readonly lastHash: Uint8Array
  readonly money: Money
  readonly sessions: Sessions
  readonly nodes: readonly NodeTrust[]
  readonly rejections: readonly (readonly [RejectionRule, number])[]
  readonly joined: readonly JoinedHead[]
  /** Of the policy `probation`; null where the mesh has another. */
  readonly standing: unknown
}

export function digestOf(state: DigestInput): string {
  const { money, sessions } = state
  return hashOf({
    mesh: state.mesh,
    next_seq: state.nextSeq,
    last_hash: state.lastHash,
    accounts: money.accounts
      .balances()
      .map((one) => [
        one.account,
        one.debitsPending,
        one.debitsPosted,
        one.creditsPending,
        one.creditsPosted
      ]),
    outstanding: outstanding(money),
    models: money.modelCosts().map(([model, cost]) => [model, cost.base_us, cost.us_per_kib]),
    sessions: sessions.summaries().map(sessionState),
    nodes: state.nodes.map(nodeState),
    rejections: state.rejections,
    joined: [...state.joined]
      .sort((a, b) => (a.log < b.log ? -1 : 1))
      .map(({ log, seq, hash }) => [log, seq, hash]),
    ...(state.standing === null ? {} : { standing: state.standing })
  })
}

const hashOf = (state: unknown): string => bytesToHex(sha256(encodeCanonical(state)))

function outstanding({ attempts }: Money): readonly unknown[] {
  const rows: [string, number, string, number][] = []
  for (let row = 0; row < attempts.count; row++) {
    if (attempts.state(row) !== ATTEMPT.reserved) continue
    const unit = attempts.units[row] ?? ''
    rows.push([unit, attempts.attempt(row), attempts.leases[row] ?? '', attempts.maxMicro(row)])
  }
  return rows.sort(([a, m], [b, n]) => (a === b ? m - n : a < b ? -1 : 1))
}

const sessionState = (one: SessionSummary): unknown => [
  one.session,
  one.tenant,
  one.state,
  one.stopReason,
  one.stateHash,
  one.reservedMicro,
  one.postedMicro,
  one.attempts.reserved,
  one.attempts.posted,
  one.attempts.voided
]

const nodeState = (one: NodeTrust): unknown => [
  one.node,
  one.owner,
  one.nodeClass,
  one.log,
  one.state,
  one.healthMilli,
  one.scoreMilli,
  one.accepted,
  one.faulted,
  one.voided
]
