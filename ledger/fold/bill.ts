/**
 * The itemised bill of a session, read from the attempts that the fold posted. Shows what was
 * decided when each attempt was posted; prices nothing again.
 */
import { assert, type LeaseId, type PeerId, type SessionId, type UnitId } from '#contracts'
import type { AccountBalance } from './accounts.ts'
import { ATTEMPT, NO_ROW } from './attempts.ts'
import type { Money } from './money.ts'
import type { SessionRow } from './sessions.ts'

export const LINE_ITEMS = ['workunit_compute', 'llm_tokens'] as const
export type LineItem = (typeof LINE_ITEMS)[number]

export interface BillLine {
  readonly unit: UnitId
  readonly attempt: number
  readonly node: PeerId
  readonly item: LineItem
  readonly micro: number
}

export interface SessionBill {
  readonly session: SessionId
  readonly tenant: string
  /** One line per posted attempt and line item that costs something, in the order of reservation. */
  readonly lines: readonly BillLine[]
  readonly totalMicro: number
  /** Promised to attempts that have not ended. */
  readonly reservedMicro: number
  readonly maxCostMicro: number
  /** What each node earned in this session. */
  readonly earnedMicro: readonly { readonly node: PeerId; readonly micro: number }[]
  /** All accounts of the mesh; they sum to zero. */
  readonly balances: readonly AccountBalance[]
}

export function billOf(session: SessionRow, money: Money): SessionBill {
  const lines = session.rows.flatMap((row) => linesOf(row, money))
  const earned = new Map<PeerId, number>()
  let totalMicro = 0
  for (const { node, micro } of lines) {
    earned.set(node, (earned.get(node) ?? 0) + micro)
    totalMicro += micro
  }
  assert(totalMicro === session.postedMicro, 'the lines of a bill sum to what was posted')
  return {
    session: session.body.session,
    tenant: session.body.tenant,
    lines,
    totalMicro,
    reservedMicro: session.reservedMicro,
    maxCostMicro: session.body.max_cost_micro,
    earnedMicro: [...earned]
      .map(([node, micro]) => ({ node, micro }))
      .sort((a, b) => (a.node < b.node ? -1 : 1)),
    balances: money.accounts.balances()
  }
}

function linesOf(row: number, money: Money): BillLine[] {
  const { attempts } = money
  const state = attempts.state(row)
  if (state !== ATTEMPT.posted && state !== ATTEMPT.held) return []
  const unit = attempts.units[row]
  assert(unit !== undefined, 'a session lists rows of the table')
  const common = { unit, attempt: attempts.attempt(row), node: money.nodeOf(row) }
  const amounts: readonly (readonly [LineItem, number])[] = [
    ['workunit_compute', attempts.compute(row)],
    ['llm_tokens', attempts.tokens(row)]
  ]
  return amounts
    .filter(([, micro]) => micro > 0)
    .map(([item, micro]) => ({ ...common, item, micro }))
}

const STATE_NAMES = ['reserved', 'posted', 'voided', 'held', 'returned', 'withdrawn'] as const
STATE_NAMES.forEach((name, index) => {
  assert(ATTEMPT[name] === index, 'names stand in the order of the states')
})

/** One attempt that reserved money. */
export interface AttemptFacts {
  readonly lease: LeaseId
  readonly node: PeerId
  readonly state: keyof typeof ATTEMPT
  /** Its result stands for the unit. */
  readonly isCanonical: boolean
  readonly maxMicro: number
  readonly postedMicro: number
  readonly expiresAtMs: number
}

export function attemptFacts(money: Money, unit: UnitId, attempt: number): AttemptFacts | null {
  const { attempts } = money
  const row = attempts.find(unit, attempt)
  if (row === NO_ROW) return null
  const lease = attempts.leases[row]
  assert(lease !== undefined, 'every row has its lease')
  const state = attempts.state(row)
  return {
    lease,
    node: money.nodeOf(row),
    state: STATE_NAMES[state] ?? 'voided',
    isCanonical: attempts.isCanonical(unit, row),
    maxMicro: attempts.maxMicro(row),
    postedMicro: attempts.compute(row) + attempts.tokens(row),
    expiresAtMs: attempts.expiresAtMs(row)
  }
}
