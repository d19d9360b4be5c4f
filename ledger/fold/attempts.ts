/**
 * Every attempt that reserved money, one row each in typed arrays; a unit's rows are linked from the
 * latest back. A table and nothing more: which changes of a row are allowed is `money.ts`'s affair.
 */
import { assert, type LeaseId, type UnitId } from '#contracts'
import { at } from './accounts.ts'

/**
 * `held`: accepted, its pay in escrow; `returned`: accepted, its pay went back, what it gave stands;
 * `withdrawn`: accepted once, and refuted since.
 */
export const ATTEMPT = {
  reserved: 0,
  posted: 1,
  voided: 2,
  held: 3,
  returned: 4,
  withdrawn: 5
} as const
export type AttemptState = (typeof ATTEMPT)[keyof typeof ATTEMPT]

/** No row: the end of a unit's list. */
export const NO_ROW = -1
const FIRST_CAPACITY = 256

export interface NewAttempt {
  readonly unit: UnitId
  readonly attempt: number
  readonly lease: LeaseId
  readonly session: number
  readonly node: number
  readonly model: string | null
  readonly inputBytes: number
  readonly maxMicro: number
  readonly expiresAtMs: number
}

export class AttemptTable {
  readonly #latest = new Map<UnitId, number>()
  /** The row whose result stands for the unit. */
  readonly #canonical = new Map<UnitId, number>()
  readonly units: UnitId[] = []
  readonly leases: LeaseId[] = []
  readonly models: (string | null)[] = []
  #previous = new Int32Array(FIRST_CAPACITY)
  #attempt = new Int32Array(FIRST_CAPACITY)
  #session = new Int32Array(FIRST_CAPACITY)
  #node = new Int32Array(FIRST_CAPACITY)
  #state = new Uint8Array(FIRST_CAPACITY)
  #inputBytes = new Float64Array(FIRST_CAPACITY)
  #maxMicro = new Float64Array(FIRST_CAPACITY)
  #compute = new Float64Array(FIRST_CAPACITY)
  #tokens = new Float64Array(FIRST_CAPACITY)
  #expiresAtMs = new Float64Array(FIRST_CAPACITY)

  get count(): number {
    return this.units.length
  }

  add(row: NewAttempt): number {
    const index = this.units.length
    if (index === this.#state.length) this.#grow()
    this.units.push(row.unit)
    this.leases.push(row.lease)
    this.models.push(row.model)
    this.#previous[index] = this.#latest.get(row.unit) ?? NO_ROW
    this.#attempt[index] = row.attempt
    this.#session[index] = row.session
    this.#node[index] = row.node
    this.#state[index] = ATTEMPT.reserved
    this.#inputBytes[index] = row.inputBytes
    this.#maxMicro[index] = row.maxMicro
    this.#expiresAtMs[index] = row.expiresAtMs
    this.#latest.set(row.unit, index)
    return index
  }

  /** The unit's latest row, or NO_ROW. */
  latest(unit: UnitId): number {
    return this.#latest.get(unit) ?? NO_ROW
  }

  /** The row of this attempt of this unit, or NO_ROW. */
  find(unit: UnitId, attempt: number): number {
    let row = this.#latest.get(unit) ?? NO_ROW
    while (row !== NO_ROW && this.#attempt[row] !== attempt) row = at(this.#previous, row)
    return row
  }

  /** The unit's rows, the latest first. */
  rowsOf(unit: UnitId): number[] {
    const rows: number[] = []
    let row = this.#latest.get(unit) ?? NO_ROW
    while (row !== NO_ROW) {
      rows.push(row)
      row = at(this.#previous, row)
    }
    return rows
  }

  hasCanonical(unit: UnitId): boolean {
    return this.#canonical.has(unit)
  }

  settle(row: number, state: AttemptState, compute: number, tokens: number): void {
    assert(this.state(row) === ATTEMPT.reserved, 'only what is reserved is settled')
    this.#state[row] = state
    this.#compute[row] = compute
    this.#tokens[row] = tokens
  }

  setCanonical(unit: UnitId, row: number): void {
    assert(!this.#canonical.has(unit), 'one result stands for a unit')
    this.#canonical.set(unit, row)
  }

  isCanonical(unit: UnitId, row: number): boolean {
    return this.#canonical.get(unit) === row
  }

  /** What was held in escrow is the node's. */
  clear(row: number): void {
    assert(this.state(row) === ATTEMPT.held, 'only what is held is cleared')
    this.#state[row] = ATTEMPT.posted
  }

  /** What was held in escrow went back. */
  leaveEscrow(row: number): void {
    assert(this.state(row) === ATTEMPT.held, 'only what is held goes back')
    this.#state[row] = ATTEMPT.returned
  }

  /** The row's result stands no more; another may. */
  withdraw(unit: UnitId, row: number): void {
    assert(this.state(row) === ATTEMPT.returned, 'what is withdrawn was paid back')
    this.#state[row] = ATTEMPT.withdrawn
    if (this.isCanonical(unit, row)) this.#canonical.delete(unit)
  }

  state(row: number): number {
    return at(this.#state, row)
  }

  attempt(row: number): number {
    return at(this.#attempt, row)
  }

  session(row: number): number {
    return at(this.#session, row)
  }

  node(row: number): number {
    return at(this.#node, row)
  }

  inputBytes(row: number): number {
    return at(this.#inputBytes, row)
  }

  maxMicro(row: number): number {
    return at(this.#maxMicro, row)
  }

  compute(row: number): number {
    return at(this.#compute, row)
  }

  tokens(row: number): number {
    return at(this.#tokens, row)
  }

  expiresAtMs(row: number): number {
    return at(this.#expiresAtMs, row)
  }

  #grow(): void {
    const capacity = 2 * this.#state.length
    this.#previous = grown(this.#previous, new Int32Array(capacity))
    this.#attempt = grown(this.#attempt, new Int32Array(capacity))
    this.#session = grown(this.#session, new Int32Array(capacity))
    this.#node = grown(this.#node, new Int32Array(capacity))
    this.#state = grown(this.#state, new Uint8Array(capacity))
    this.#inputBytes = grown(this.#inputBytes, new Float64Array(capacity))
    this.#maxMicro = grown(this.#maxMicro, new Float64Array(capacity))
    this.#compute = grown(this.#compute, new Float64Array(capacity))
    this.#tokens = grown(this.#tokens, new Float64Array(capacity))
    this.#expiresAtMs = grown(this.#expiresAtMs, new Float64Array(capacity))
  }
}

function grown<Column extends Int32Array | Uint8Array | Float64Array>(
  from: Column,
  into: Column
): Column {
  into.set(from)
  return into
}
