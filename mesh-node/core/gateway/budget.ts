/**
 * What a session and its tenant may still spend. Money is reserved before a lease
 * is granted and posted or returned when it ends; nothing here ever raises a budget.
 */
import { assert } from '#contracts'
import { isLive, type LeaseRecord, type SessionRecord, type UnitRecord } from './gateway-state.ts'

/**
 * `later`: it fits once leases that are under way have ended; `held`: once others give back what they
 * hold, and nothing is under way that makes them; `never`: it does not fit.
 */
export type Affordable = 'now' | 'later' | 'held' | 'never'

/** Whether so many leases of the unit may be granted. */
export function affordable(unit: UnitRecord, leases: number): Affordable {
  const { session } = unit.root
  const costMicro = leases * unit.packed.unit.budget.max_cost_micro
  const ownMicro = reservedBy(unit)
  const money = worst(
    sessionMoney(session, costMicro, ownMicro),
    tenantMoney(session, costMicro, ownMicro)
  )
  return worst(money, unit.tokens === 'none' ? callsAndTokens(unit) : 'now')
}

function sessionMoney(session: SessionRecord, costMicro: number, ownMicro: number): Affordable {
  const left = session.spec.budgets.max_cost_micro - session.postedMicro
  if (costMicro + ownMicro > left) return 'never'
  return costMicro + session.reservedMicro <= left ? 'now' : onceOver(session.activeLeases)
}

function tenantMoney({ tenant }: SessionRecord, costMicro: number, ownMicro: number): Affordable {
  if (tenant.availableMicro === null || costMicro <= tenant.availableMicro) return 'now'
  const mayReturn = tenant.reservedMicro - ownMicro
  const mayFit = costMicro <= tenant.availableMicro + mayReturn
  return mayFit ? onceOver(tenant.activeLeases) : 'never'
}

/** A unit counts once, however often it is run: all else checks and mends the one call. */
function callsAndTokens({ packed, root }: UnitRecord): Affordable {
  const { session } = root
  const { budgets } = session.spec
  const isCall = packed.unit.model.cid !== null
  if (isCall && session.modelCalls + 1 > budgets.max_model_calls) return 'never'
  const tokens = packed.unit.budget.max_tokens
  if (tokens === 0) return 'now'
  const left = budgets.max_tokens - session.tokensUsed
  if (tokens > left) return 'never'
  return tokens + session.tokensReserved <= left ? 'now' : onceOver(session.activeLeases)
}

const onceOver = (activeLeases: number): Affordable => (activeLeases > 0 ? 'later' : 'held')

function reservedBy(unit: UnitRecord): number {
  let micro = 0
  for (const lease of unit.leases) if (isLive(lease)) micro += lease.maxMicro
  return micro
}

const ORDER: readonly Affordable[] = ['now', 'later', 'held', 'never']
const worst = (a: Affordable, b: Affordable): Affordable =>
  ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b

/**
 * Whether one of the tenant's units that hold money needs no more than there is: its pause will be over,
 * or a node will come. Where there is none, units wait for each other's money, and one of them has to end.
 */
export function anyGoesOn(sessions: Iterable<SessionRecord>, { root }: UnitRecord): boolean {
  for (const { tenant, returning } of sessions) {
    if (tenant !== root.session.tenant) continue
    for (const unit of returning) {
      if (unit.wanted === 0) returning.delete(unit)
      else if (unit.leases.some(isLive) && affordable(unit, unit.wanted) === 'now') return true
    }
  }
  return false
}

/** The unit's call and tokens are set aside at its first lease; checks that come later take no more. */
export function holdTokens(unit: UnitRecord): void {
  if (unit.tokens !== 'none') return
  const { session } = unit.root
  unit.tokens = 'held'
  session.tokensReserved += unit.packed.unit.budget.max_tokens
  if (unit.packed.unit.model.cid !== null) session.modelCalls += 1
}

/** The unit has ended; what it really used stays used. */
export function releaseTokens(unit: UnitRecord, usedTokens: number): void {
  if (unit.tokens !== 'held') return
  const { session } = unit.root
  unit.tokens = 'counted'
  session.tokensReserved -= unit.packed.unit.budget.max_tokens
  session.tokensUsed += usedTokens
  assert(session.tokensReserved >= 0, 'tokens are returned once')
}

/** Sets aside the most that the lease may cost. `isNew`: the tenant's balance does not show it yet. */
export function reserve(
  { unit, maxMicro }: LeaseRecord,
  options: { readonly isNew: boolean }
): void {
  const { session } = unit.root
  session.reservedMicro += maxMicro
  session.tenant.reservedMicro += maxMicro
  session.tenant.leases += 1
  if (!options.isNew) return
  const spentMicro = session.reservedMicro + session.postedMicro
  assert(spentMicro <= session.spec.budgets.max_cost_micro, 'a session stays within its budget')
  if (session.tenant.availableMicro === null) return
  session.tenant.availableMicro -= maxMicro
  assert(session.tenant.availableMicro >= 0, 'a balance never goes below zero')
}

/** The lease has ended: `postedMicro` of its reservation is spent, the rest returns. */
export function settle({ unit, maxMicro }: LeaseRecord, postedMicro: number): void {
  const { root } = unit
  const { session } = root
  assert(postedMicro >= 0 && postedMicro <= maxMicro, 'no more is posted than was reserved')
  session.reservedMicro -= maxMicro
  session.postedMicro += postedMicro
  session.tenant.reservedMicro -= maxMicro
  session.tenant.leases -= 1
  if (session.tenant.availableMicro !== null) {
    session.tenant.availableMicro += maxMicro - postedMicro
  }
  root.costMicro += postedMicro
  assert(session.reservedMicro >= 0, 'a reservation is settled once')
}

/** What was paid for the lease came back from escrow: once, whoever says so first. */
export function giveBack(lease: LeaseRecord): void {
  const { told } = lease
  const { root } = lease.unit
  const micro = told?.earnedMicro ?? 0
  if (told !== null) lease.told = { ...told, earnedMicro: 0 }
  const { session } = root
  session.postedMicro -= micro
  root.costMicro -= micro
  if (session.tenant.availableMicro !== null) session.tenant.availableMicro += micro
  assert(session.postedMicro >= 0 && root.costMicro >= 0, 'no more comes back than was paid')
}

/** What of the session's cost budget is not spoken for. */
export const remainingMicro = (session: SessionRecord): number =>
  session.spec.budgets.max_cost_micro - session.postedMicro - session.reservedMicro
