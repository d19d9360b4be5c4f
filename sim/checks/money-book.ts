/**
 * Money by the checkers' own arithmetic: what is reserved and paid, by session and by node, held against
 * the budget at every record and against the fold after it. Prices follow from the model's cost, the
 * result's own time and the price schedule; tokens are none here.
 */
import {
  DEFAULT_PRICES,
  type EntryContent,
  type LeaseId,
  type PeerId,
  type SessionId,
  type SessionSpec,
  type UnitId
} from '#contracts'
import { escrowAccount, type LedgerFold, nodeAccount } from '#ledger'
import type { GatewayInput, GatewaySnapshot } from '#mesh-node/core'
import type { BookPorts } from './book.ts'
import { EscrowBook } from './escrow-book.ts'
import type { LeaseBook } from './lease-book.ts'

const US_PER_S = 1_000_000n

type GatewayMoney = Pick<
  GatewaySnapshot['sessions'][number],
  'reserved_micro' | 'posted_micro' | 'model_calls'
>

/** What is read of the fold after a record. */
type FoldedMoney = Pick<LedgerFold, 'session' | 'probation' | 'balanceOf'>

export class MoneyBook {
  readonly #ports: BookPorts
  readonly #leases: LeaseBook
  readonly #called = new Set<UnitId>()
  readonly #classes = new Map<PeerId, string>()
  readonly #earned = new Map<PeerId, number>()
  readonly #held = new Map<LeaseId, number>()
  #spec: SessionSpec | null = null
  #modelBaseUs = 0
  #reservedMicro = 0
  #postedMicro = 0
  readonly #escrow: EscrowBook
  /** What came back from escrow, as of the last record: the tenant may spend it again. */
  #returnedMicro = 0
  /** As of the record before it: the gateway hears of the last at its next step. */
  #heardMicro = 0

  constructor(ports: BookPorts, leases: LeaseBook) {
    this.#ports = ports
    this.#leases = leases
    this.#escrow = new EscrowBook(ports)
  }

  took(input: GatewayInput): void {
    if (input.type === 'open') this.#spec ??= input.spec
    if (input.type === 'model') this.#modelBaseUs = input.cost?.baseUs ?? 0
  }

  recorded(content: EntryContent): void {
    switch (content.kind) {
      case 'node.registered':
        this.#classes.set(content.body.node, content.body.node_class)
        return
      case 'units.reserved':
        for (const { lease, unit, max_micro: micro } of content.body.items) {
          this.#held.set(lease, micro)
          this.#called.add(unit)
          this.#reservedMicro += micro
        }
        this.#withinBudget()
        return
      case 'units.accepted':
        for (const { lease } of content.body.items) this.#posted(lease)
        return
      case 'units.voided':
        for (const { lease } of content.body.items) this.#release(lease)
        return
      default:
        return
    }
  }

  /** The fold has come to the same sums. */
  folded(fold: FoldedMoney, session: SessionId): void {
    const summary = fold.session(session)
    if (summary === null) return
    const { reservedMicro, returnedMicro } = summary
    const postedMicro = summary.postedMicro + returnedMicro
    this.#heardMicro = this.#returnedMicro
    this.#returnedMicro = returnedMicro
    if (reservedMicro !== this.#reservedMicro || postedMicro !== this.#postedMicro) {
      const own = `${this.#reservedMicro} reserved, ${this.#postedMicro} posted`
      this.#ports.broken('same_sums', `${own}; the fold ${reservedMicro}, ${postedMicro}`)
    }
    const { probation } = fold
    if (probation === null) return
    this.#escrow.folded({
      convictions: probation.convictions,
      convictionsOf: (node) => probation.convictionsOf(node),
      escrowOf: (node) => fold.balanceOf(escrowAccount(node))?.balance ?? 0
    })
  }

  /** The gateway has come to the same sums. */
  booked({
    reserved_micro: reserved,
    posted_micro: posted,
    model_calls: calls
  }: GatewayMoney): void {
    if (calls !== this.#called.size) {
      this.#ports.broken('same_sums', `${this.#called.size} calls; the gateway ${calls}`)
    }
    const least = this.#postedMicro - this.#returnedMicro
    const isPosted = posted >= least && posted <= this.#postedMicro - this.#heardMicro
    if (reserved === this.#reservedMicro && isPosted) return
    const own = `${this.#reservedMicro} reserved, ${this.#postedMicro} posted`
    this.#ports.broken('same_sums', `${own}; the gateway ${reserved}, ${posted}`)
  }

  /** At the end: every node has what it earned. */
  finished(fold: LedgerFold): void {
    const returnedMicro = fold.sessions().reduce((sum, one) => sum + one.returnedMicro, 0)
    let missingMicro = 0
    for (const [node, micro] of this.#earned) {
      const held = fold.balanceOf(escrowAccount(node))?.balance ?? 0
      const balance = (fold.balanceOf(nodeAccount(node))?.balance ?? 0) + held
      missingMicro += micro - balance
      if (balance > micro || (balance < micro && returnedMicro === 0))
        this.#ports.broken('same_sums', `${node} earned ${micro}, has ${balance}`)
    }
    if (missingMicro !== returnedMicro) {
      this.#ports.broken('same_sums', `${returnedMicro} went back, ${missingMicro} are missing`)
    }
  }

  #posted(id: LeaseId): void {
    const lease = this.#leases.find(id)
    this.#release(id)
    if (lease?.attestation == null) return
    const micro = this.#price(lease.node, lease.attestation.usage.wall_ms, lease.maxMicro)
    this.#postedMicro += micro
    this.#earned.set(lease.node, (this.#earned.get(lease.node) ?? 0) + micro)
    this.#escrow.paid(lease.node, micro)
  }

  #release(id: LeaseId): void {
    this.#reservedMicro -= this.#held.get(id) ?? 0
    this.#held.delete(id)
  }

  #withinBudget(): void {
    if (this.#spec === null) return
    const { max_cost_micro: maxMicro, max_model_calls: maxCalls } = this.#spec.budgets
    const micro = this.#reservedMicro + this.#postedMicro - this.#returnedMicro
    if (micro > maxMicro) this.#ports.broken('within_budget', `${micro} of ${maxMicro}`)
    if (this.#called.size > maxCalls) {
      this.#ports.broken('within_budget', `${this.#called.size} of ${maxCalls} calls`)
    }
  }

  /** The smaller of what the model costs and what the node says, half to even. */
  #price(node: PeerId, wallMs: number, maxMicro: number): number {
    const { compute_micro_per_s: rates } = DEFAULT_PRICES
    const rate = BigInt(rates[this.#classes.get(node) ?? ''] ?? rates['*'] ?? 0)
    const us = BigInt(Math.min(this.#modelBaseUs, Math.floor(wallMs * 1_000)))
    const product = us * rate
    const whole = product / US_PER_S
    const twice = 2n * (product % US_PER_S)
    const isUp = twice > US_PER_S || (twice === US_PER_S && whole % 2n === 1n)
    return Math.min(maxMicro, Number(isUp ? whole + 1n : whole))
  }
}
