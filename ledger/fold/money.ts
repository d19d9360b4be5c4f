/**
 * Money of the mesh: grants, and a reservation per attempt that is posted or voided once. Transfers
 * are derived here from reservations, receipts and the price schedule; nobody authors one. Each
 * function changes everything or nothing and then says which rule refused it.
 */
import {
  assert,
  type EntryBody,
  type PeerId,
  type PriceSchedule,
  UNIT_ATTEMPTS_MAX,
  type UnitId
} from '#contracts'
import { Accounts } from './accounts.ts'
import { ATTEMPT, AttemptTable, NO_ROW } from './attempts.ts'
import { type ModelCost, priceOf } from './price.ts'
import type { CheckedReceipt, ReceiptFacts } from './receipts.ts'
import type { RejectionRule } from './rejections.ts'
import type { SessionRow } from './sessions.ts'

export const TREASURY = 'treasury'
export const tenantAccount = (tenant: string): string => `tenant:${tenant}`
export const nodeAccount = (node: PeerId): string => `node:${node}`
/** What a node was accepted for and what may still be taken back. */
export const escrowAccount = (node: PeerId): string => `escrow:${node}`

type ReservedItem = EntryBody<'units.reserved'>['items'][number]
type AcceptedItem = EntryBody<'units.accepted'>['items'][number]
type VoidedItem = EntryBody<'units.voided'>['items'][number]
type WithdrawnItem = EntryBody<'units.withdrawn'>['items'][number]

/** Attempts are counted from 1 and are few; the bound keeps them in one column of 32 bits. */
const ATTEMPT_MAX = 1_000_000

export class Money {
  readonly accounts = new Accounts()
  readonly attempts = new AttemptTable()
  readonly #treasury = this.accounts.open(TREASURY)
  readonly #prices: PriceSchedule
  readonly #models = new Map<string, ModelCost>()
  readonly #nodes = new Map<PeerId, number>()
  readonly #peers: PeerId[] = []
  readonly #escrows = new Map<number, number>()
  readonly #granted = new Map<string, number>()
  readonly #holds: (node: PeerId) => boolean

  /** `holds`: the node's pay stays in escrow until its results are final. */
  constructor(prices: PriceSchedule, holds: (node: PeerId) => boolean = () => false) {
    this.#prices = prices
    this.#holds = holds
  }

  /** Brings a tenant's grant to the given amount; grants are levels, so saying one twice is harmless. */
  grant(tenant: string, micro: number): RejectionRule | null {
    const granted = this.#granted.get(tenant) ?? 0
    if (micro < granted) return 'grant_lowered'
    const more = micro - granted
    const total = this.accounts.debitsPosted(this.#treasury) + more
    if (!Number.isSafeInteger(total)) return 'amount_overflow'
    const account = this.accounts.open(tenantAccount(tenant))
    this.accounts.transfer(this.#treasury, account, more)
    this.#granted.set(tenant, micro)
    return null
  }

  setModelCost(model: string, cost: ModelCost): void {
    this.#models.set(model, cost)
  }

  modelCost(model: string): ModelCost | null {
    return this.#models.get(model) ?? null
  }

  modelCosts(): readonly (readonly [string, ModelCost])[] {
    return [...this.#models].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  reserve(session: SessionRow, item: ReservedItem): RejectionRule | null {
    const { unit, attempt, max_micro } = item
    if (attempt > ATTEMPT_MAX) return 'attempt_out_of_range'
    const latest = this.attempts.latest(unit)
    if (latest !== NO_ROW) {
      if (this.attempts.session(latest) !== session.index) return 'session_other'
      if (this.attempts.find(unit, attempt) !== NO_ROW) return 'attempt_known'
      if (this.attempts.rowsOf(unit).length >= UNIT_ATTEMPTS_MAX) return 'attempts_exhausted'
    }
    const held = session.reservedMicro + session.postedMicro
    if (max_micro > session.body.max_cost_micro - held) return 'over_session_budget'
    if (max_micro > this.accounts.available(session.tenantAccount)) return 'over_balance'
    const node = this.#nodeIndex(item.node)
    this.accounts.reserve(session.tenantAccount, node, max_micro)
    session.reservedMicro += max_micro
    session.reserved += 1
    const row = this.attempts.add({
      unit,
      attempt,
      lease: item.lease,
      session: session.index,
      node,
      model: item.model,
      inputBytes: item.input_bytes,
      maxMicro: max_micro,
      expiresAtMs: item.expires_at_ms
    })
    session.rows.push(row)
    return null
  }

  post(
    session: SessionRow,
    item: AcceptedItem,
    receipt: CheckedReceipt,
    classOf: (node: PeerId) => string
  ): RejectionRule | null {
    const row = this.attempts.find(item.unit, item.attempt)
    const refusal = this.#outstanding(session, item, row) ?? this.#fits(row, item, receipt)
    if (refusal !== null) return refusal
    if (item.canonical && this.attempts.hasCanonical(item.unit)) return 'canonical_twice'
    assert(typeof receipt !== 'string', 'a receipt that fits was read')
    const reserved = this.attempts.maxMicro(row)
    const model = this.attempts.models[row] ?? null
    const price = priceOf({
      cost: model === null ? null : (this.#models.get(model) ?? null),
      inputBytes: this.attempts.inputBytes(row),
      wallMs: receipt.wallMs,
      tokensIn: receipt.tokensIn,
      tokensOut: receipt.tokensOut,
      nodeClass: classOf(receipt.node),
      prices: this.#prices,
      maxMicro: reserved
    })
    const node = this.attempts.node(row)
    const { total_micro: total } = price
    const isHeld = this.#holds(receipt.node)
    if (isHeld) {
      this.accounts.void(session.tenantAccount, node, reserved)
      this.accounts.transfer(session.tenantAccount, this.#escrowOf(node), total)
    } else this.accounts.post(session.tenantAccount, node, reserved, total)
    const state = isHeld ? ATTEMPT.held : ATTEMPT.posted
    this.attempts.settle(row, state, price.compute_micro, price.tokens_micro)
    if (item.canonical) this.attempts.setCanonical(item.unit, row)
    session.reservedMicro -= reserved
    session.postedMicro += price.total_micro
    session.reserved -= 1
    session.posted += 1
    return null
  }

  void(session: SessionRow, item: VoidedItem): RejectionRule | null {
    const row = this.attempts.find(item.unit, item.attempt)
    const refusal = this.#outstanding(session, item, row)
    if (refusal !== null) return refusal
    const reserved = this.attempts.maxMicro(row)
    this.accounts.void(session.tenantAccount, this.attempts.node(row), reserved)
    this.attempts.settle(row, ATTEMPT.voided, 0, 0)
    session.reservedMicro -= reserved
    session.reserved -= 1
    session.voided += 1
    return null
  }

  /** The row of an accepted attempt that is not final, or the rule that forbids to withdraw it. */
  openRow(session: SessionRow, { unit, attempt, lease }: WithdrawnItem): number | RejectionRule {
    const row = this.attempts.find(unit, attempt)
    if (row === NO_ROW) return 'acceptance_unknown'
    if (this.attempts.session(row) !== session.index) return 'session_other'
    if (this.attempts.leases[row] !== lease) return 'lease_mismatch'
    const state = this.attempts.state(row)
    if (state === ATTEMPT.posted) return 'acceptance_final'
    const isOpen = state === ATTEMPT.held || state === ATTEMPT.returned
    return isOpen ? row : 'acceptance_unknown'
  }

  /** Rows of the unit whose pay is in escrow, by the node that held them. */
  heldRowsOf(unit: UnitId): readonly { readonly row: number; readonly node: PeerId }[] {
    return this.attempts
      .rowsOf(unit)
      .filter((row) => this.attempts.state(row) === ATTEMPT.held)
      .map((row) => ({ row, node: this.nodeOf(row) }))
  }

  /** The result is final: its pay is the node's. */
  release(row: number): void {
    const node = this.attempts.node(row)
    this.accounts.transfer(this.#escrowOf(node), node, this.#paid(row))
    this.attempts.clear(row)
  }

  /** The pay goes back to the tenant; what was given stands for the unit all the same. */
  takeBack(session: SessionRow, row: number): void {
    const micro = this.#paid(row)
    const node = this.attempts.node(row)
    this.accounts.transfer(this.#escrowOf(node), session.tenantAccount, micro)
    this.attempts.leaveEscrow(row)
    session.postedMicro -= micro
    session.returnedMicro += micro
  }

  #paid(row: number): number {
    return this.attempts.compute(row) + this.attempts.tokens(row)
  }

  #escrowOf(node: number): number {
    const known = this.#escrows.get(node)
    if (known !== undefined) return known
    const peer = this.#peers[node]
    assert(peer !== undefined, 'a node holds reservations before it is paid')
    const escrow = this.accounts.open(escrowAccount(peer))
    this.#escrows.set(node, escrow)
    return escrow
  }

  /** Whether a receipt is of this very attempt, by the node that held it, with sane usage. */
  proves(item: AcceptedItem | VoidedItem, receipt: CheckedReceipt): RejectionRule | null {
    return this.#fits(this.attempts.find(item.unit, item.attempt), item, receipt)
  }

  #outstanding(
    session: SessionRow,
    { lease }: AcceptedItem | VoidedItem,
    row: number
  ): RejectionRule | null {
    if (row === NO_ROW) return 'reservation_unknown'
    if (this.attempts.session(row) !== session.index) return 'session_other'
    if (this.attempts.leases[row] !== lease) return 'lease_mismatch'
    if (this.attempts.state(row) !== ATTEMPT.reserved) return 'reservation_settled'
    return null
  }

  #fits(
    row: number,
    { unit, attempt, lease }: AcceptedItem | VoidedItem,
    receipt: CheckedReceipt
  ): RejectionRule | null {
    if (typeof receipt === 'string') return receipt
    if (receipt.unit !== unit || receipt.attempt !== attempt) return 'unit_mismatch'
    if (receipt.lease !== lease) return 'lease_mismatch'
    const node = this.attempts.node(row)
    if (this.#nodes.get(receipt.node) !== node) return 'node_mismatch'
    if (receipt.model !== this.attempts.models[row]) return 'model_mismatch'
    return isSane(receipt) ? null : 'usage_implausible'
  }

  /** The tenant's account; none before it was admitted. */
  tenant(tenant: string): number | undefined {
    return this.accounts.find(tenantAccount(tenant))
  }

  /** The node that holds, or held, an attempt. */
  nodeOf(row: number): PeerId {
    const peer = this.#peers[this.attempts.node(row)]
    assert(peer !== undefined, 'an attempt is held by a node')
    return peer
  }

  #nodeIndex(node: PeerId): number {
    const known = this.#nodes.get(node)
    if (known !== undefined) return known
    const index = this.accounts.open(nodeAccount(node))
    this.#nodes.set(node, index)
    this.#peers[index] = node
    return index
  }
}

/** JSON numbers may be infinite in CBOR, and more tokens than a double counts are none. */
const isSane = ({ wallMs, tokensIn, tokensOut }: ReceiptFacts): boolean =>
  Number.isFinite(wallMs) && wallMs >= 0 && Number.isSafeInteger(tokensIn + tokensOut)
