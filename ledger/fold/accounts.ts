/**
 * Accounts in TigerBeetle's shape: debits and credits, each pending and posted, in typed arrays by
 * dense index. Moves integers of micro-credits and nothing else: whether a transfer is due, and who
 * may ask for it, is decided by the caller. Every move has two sides, so the sums are always equal.
 */
import { assert } from '#contracts'

const FIRST_CAPACITY = 64

export interface AccountBalance {
  readonly account: string
  readonly debitsPending: number
  readonly debitsPosted: number
  readonly creditsPending: number
  readonly creditsPosted: number
  /** creditsPosted − debitsPosted; the balances of all accounts sum to zero. */
  readonly balance: number
}

export class Accounts {
  readonly #names: string[] = []
  readonly #indices = new Map<string, number>()
  #debitsPending = new Float64Array(FIRST_CAPACITY)
  #debitsPosted = new Float64Array(FIRST_CAPACITY)
  #creditsPending = new Float64Array(FIRST_CAPACITY)
  #creditsPosted = new Float64Array(FIRST_CAPACITY)

  get count(): number {
    return this.#names.length
  }

  /** The account's index; a name that is new opens an account. */
  open(name: string): number {
    const known = this.#indices.get(name)
    if (known !== undefined) return known
    const index = this.#names.length
    if (index === this.#debitsPending.length) this.#grow()
    this.#names.push(name)
    this.#indices.set(name, index)
    return index
  }

  find(name: string): number | undefined {
    return this.#indices.get(name)
  }

  name(index: number): string {
    const name = this.#names[index]
    assert(name !== undefined, 'an account that was opened has a name')
    return name
  }

  /** What the account may still spend: posted credits less everything owed or promised. */
  available(index: number): number {
    return (
      at(this.#creditsPosted, index) -
      at(this.#debitsPosted, index) -
      at(this.#debitsPending, index)
    )
  }

  /** What the account was ever credited with. */
  creditsPosted(index: number): number {
    return at(this.#creditsPosted, index)
  }

  debitsPosted(index: number): number {
    return at(this.#debitsPosted, index)
  }

  /** Moves an amount at once. */
  transfer(debit: number, credit: number, micro: number): void {
    add(this.#debitsPosted, debit, micro)
    add(this.#creditsPosted, credit, micro)
  }

  /** Promises an amount: neither side has it yet. */
  reserve(debit: number, credit: number, micro: number): void {
    add(this.#debitsPending, debit, micro)
    add(this.#creditsPending, credit, micro)
  }

  /** Ends a promise of `reserved` by moving `posted` of it. */
  post(debit: number, credit: number, reserved: number, posted: number): void {
    assert(posted <= reserved, 'no more is posted than was reserved')
    this.void(debit, credit, reserved)
    this.transfer(debit, credit, posted)
  }

  /** Ends a promise with nothing moved. */
  void(debit: number, credit: number, reserved: number): void {
    add(this.#debitsPending, debit, -reserved)
    add(this.#creditsPending, credit, -reserved)
  }

  balance(index: number): AccountBalance {
    const creditsPosted = at(this.#creditsPosted, index)
    const debitsPosted = at(this.#debitsPosted, index)
    return {
      account: this.name(index),
      debitsPending: at(this.#debitsPending, index),
      debitsPosted,
      creditsPending: at(this.#creditsPending, index),
      creditsPosted,
      balance: creditsPosted - debitsPosted
    }
  }

  /** All accounts by name. */
  balances(): readonly AccountBalance[] {
    const all = this.#names.map((_, index) => this.balance(index))
    return all.sort((a, b) => (a.account < b.account ? -1 : 1))
  }

  /** Invariant 9: what is credited anywhere was debited somewhere, pending and posted alike. */
  sumsToZero(): boolean {
    let posted = 0
    let pending = 0
    for (let i = 0; i < this.#names.length; i++) {
      posted += at(this.#creditsPosted, i) - at(this.#debitsPosted, i)
      pending += at(this.#creditsPending, i) - at(this.#debitsPending, i)
    }
    return posted === 0 && pending === 0
  }

  #grow(): void {
    this.#debitsPending = doubled(this.#debitsPending)
    this.#debitsPosted = doubled(this.#debitsPosted)
    this.#creditsPending = doubled(this.#creditsPending)
    this.#creditsPosted = doubled(this.#creditsPosted)
  }
}

/** Whether balances that were shown to somebody sum to zero: for those who hold no ledger. */
export function balancesSumToZero(balances: readonly AccountBalance[]): boolean {
  let posted = 0
  let pending = 0
  for (const one of balances) {
    posted += one.creditsPosted - one.debitsPosted
    pending += one.creditsPending - one.debitsPending
  }
  return posted === 0 && pending === 0
}

export function at(column: Float64Array | Int32Array | Uint8Array, index: number): number {
  const value = column[index]
  assert(value !== undefined, 'the row is in the table')
  return value
}

/** Micro-credits are integers that a double carries exactly, and no column goes below nothing. */
function add(column: Float64Array, index: number, micro: number): void {
  const sum = at(column, index) + micro
  assert(Number.isSafeInteger(sum) && sum >= 0, 'a column is a safe integer, not below zero')
  column[index] = sum
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * column.length)
  larger.set(column)
  return larger
}
