/** The policy `probation` in the ledger's fold: escrow, convictions, what goes back and what stands. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import {
  type EntryContent,
  openGenesis,
  packEntry,
  type SessionHistory,
  type Signer,
  type TrustSettings,
  type UnitId
} from '#contracts'
import {
  balancesSumToZero,
  creditOf,
  escrowAccount,
  historyOf,
  LedgerFold,
  nodeAccount,
  PROBATION_DEFAULTS,
  type PreparedEntry,
  prepareEntry,
  probationSettingsOf,
  ReceiptChecker,
  tenantAccount,
  trustSettingsOf
} from '#ledger'
import { nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  accepted,
  attestationOf,
  CONTROL_LOG,
  closed,
  leaseOf,
  nodeA,
  nodeB,
  opening,
  type Run,
  receiptOf,
  receiptsOf,
  reserved,
  SESSION,
  TENANT,
  testGenesis,
  unitOf,
  voided
} from '../support/ledger-fixtures.ts'

const DEFAULTS = trustSettingsOf(PROBATION_DEFAULTS)
/** Short records, so that a few results show every turn. */
const SETTINGS: TrustSettings = {
  ...DEFAULTS,
  calm: { ...DEFAULTS.calm, passes_first: 3, convict_at: 40, clear_after: 3 }
}
const GENESIS = testGenesis({
  policies: { trust: 'probation', scheduler: 'default', trust_settings: SETTINGS }
})
const PAY = 1_000

const withdrawn = (runs: readonly Run[], stands = false): EntryContent => ({
  kind: 'units.withdrawn',
  body: {
    session: SESSION,
    items: runs.map((run) => ({
      unit: run.unit,
      attempt: run.attempt,
      lease: leaseOf(run),
      reason: 'disagreed',
      stands
    }))
  }
})

const receipts = (runs: readonly Run[]) =>
  runs.flatMap((run) => receiptsOf([attestationOf(run)], run.node, GENESIS.id))
const take = (runs: readonly Run[], canonical = true): EntryContent =>
  accepted(runs, { canonical, receipts: receipts(runs) })

class Book {
  readonly fold = new LedgerFold(GENESIS, CONTROL_LOG)
  readonly entries: PreparedEntry[] = []
  readonly #checker = new ReceiptChecker({ mesh: GENESIS.id, verifier: nodeVerifier })
  #prev: Uint8Array = new Uint8Array(32)

  constructor(contents: readonly EntryContent[] = opening()) {
    this.add(...contents)
  }

  add(...contents: readonly EntryContent[]): this {
    for (const content of contents) {
      const place = { log: CONTROL_LOG, seq: this.entries.length, prev: this.#prev }
      const entry = packEntry(content, place)
      this.#prev = entry.hash
      const prepared = prepareEntry(entry, this.#checker)
      this.entries.push(prepared)
      this.fold.apply(prepared)
      this.fold.assertBalanced()
    }
    return this
  }

  /** Units that one node gave alone. */
  alone(node: Signer, ...units: UnitId[]): Run[] {
    const runs = units.map((unit) => ({ unit, attempt: 1, node }))
    this.add(reserved(runs), take(runs))
    return runs
  }

  /** Units on which both nodes agree; the first stands. */
  both(...units: UnitId[]): void {
    for (const unit of units) {
      const first = { unit, attempt: 1, node: nodeA }
      const second = { unit, attempt: 2, node: nodeB }
      this.add(reserved([first, second]), take([first]), take([second], false))
    }
  }

  balance(account: string): number {
    return this.fold.balanceOf(account)?.balance ?? 0
  }

  escrow(node: Signer): number {
    return this.balance(escrowAccount(node.peerId))
  }

  paid(node: Signer): number {
    return this.balance(nodeAccount(node.peerId))
  }

  history(): SessionHistory {
    const entries = this.entries.filter(({ entry }) =>
      this.fold.sessionSeqs(SESSION).includes(entry.seq)
    )
    const attempt = this.fold.attempt.bind(this.fold)
    return historyOf({ session: SESSION, entries, attempt })
  }

  /** Attempts that were accepted for the unit: number, whether it is the one that stands, its cost. */
  standing(unit: UnitId): unknown[] {
    const accepted = this.history().units.get(unit)?.accepted ?? []
    return accepted.map(({ attempt, canonical, costMicro }) => [attempt, canonical, costMicro])
  }

  reasons(node: Signer): string[] {
    return (this.fold.trustOf(node.peerId)?.reasons ?? []).map(({ rule }) => rule)
  }

  get refused(): string[] {
    return this.fold.rejections().map(({ rule }) => rule)
  }
}

const named = (prefix: string, count: number): UnitId[] =>
  Array.from({ length: count }, (_, index) => unitOf(`${prefix}${index}`))

/** Two results that the other node refutes: a newcomer is convicted by the second. */
function convict(book: Book, node: Signer, units = 'refuted'): void {
  const other = node === nodeA ? nodeB : nodeA
  for (const unit of named(units, 2)) {
    const wrong = { unit, attempt: 1, node }
    const right = { unit, attempt: 2, node: other }
    book.add(reserved([wrong, right]), take([right]))
    const [receipt = null] = receipts([wrong])
    book.add(voided([wrong], { reason: 'rejected', fault: 'disagreed', receipt }))
  }
}

describe('a mesh on probation', () => {
  it('reads its settings from the genesis as they were written', () => {
    const { genesis } = openGenesis(GENESIS.bytes, nodeVerifier)
    deepEqual(genesis.policies.trust_settings, SETTINGS)
    deepEqual(trustSettingsOf(probationSettingsOf(SETTINGS)), SETTINGS)
  })

  it('holds what a node earns in escrow, and shows it there', () => {
    const book = new Book()
    book.alone(nodeA, unitOf(1))
    equal(book.escrow(nodeA), PAY)
    equal(book.paid(nodeA), 0)
    const credit = creditOf(book.fold, GENESIS, nodeA.peerId)
    deepEqual(credit, { inVerificationMicro: 0, escrowMicro: PAY, clearedMicro: 0 })
    equal(book.fold.bill(SESSION)?.totalMicro, PAY)
  })

  it('clears a result once its node has passed enough checks after it', () => {
    const book = new Book()
    book.alone(nodeA, unitOf('early'))
    book.both(...named('both', 3))
    equal(book.paid(nodeA), 2 * PAY, 'three checks passed since the first two results')
    equal(book.escrow(nodeA), 2 * PAY)
    equal(book.paid(nodeB), PAY, 'what both gave is final for both')
    book.both(...named('more', 3))
    equal(book.paid(nodeB), 4 * PAY)
    equal(book.escrow(nodeB), 2 * PAY)
  })

  it('pays nodes of the operator at once, whose word is taken', () => {
    const trusted = testGenesis({
      policies: { trust: 'probation', scheduler: 'default' },
      zones: { trusted: [nodeA.peerId] }
    })
    const fold = new LedgerFold(trusted, CONTROL_LOG)
    equal(fold.probation?.isProven(nodeA.peerId), true)
    equal(fold.probation?.isProven(nodeB.peerId), false)
  })

  it('takes the word of a node once enough of its results were confirmed, and says why', () => {
    const book = new Book()
    book.both(...named('both', 3))
    equal(book.fold.probation?.isProven(nodeA.peerId), true)
    deepEqual(book.reasons(nodeA), [
      'probation.confirmed',
      'probation.confirmed',
      'probation.proven'
    ])
    equal(book.fold.trustChanges(0).changes.length, 6)
    deepEqual(book.fold.trustChanges(6), { changes: [], next: 6 })
  })

  it('gives back all that a convicted node has in escrow, and opens what it alone stood for', () => {
    const book = new Book()
    book.both(...named('both', 2))
    const alone = book.alone(nodeA, unitOf('alone'))
    const before = book.balance(tenantAccount(TENANT))
    convict(book, nodeA)
    equal(book.escrow(nodeA), 0)
    equal(book.balance(tenantAccount(TENANT)), before + 3 * PAY - 2 * PAY)
    deepEqual(
      book.fold.reopenings(0).map(({ unit, isOpen }) => [unit, isOpen]),
      alone.map(({ unit }) => [unit, true])
    )
    equal(book.fold.probation?.isAbandoned(unitOf('alone')), true)
    equal(book.fold.probation?.isAbandoned(unitOf('both0')), false, 'another stands for it')
    deepEqual(book.standing(unitOf('alone')), [[1, true, 0]], 'it stands until another does')
    ok(book.reasons(nodeA).includes('probation.convicted'))
    deepEqual(book.refused, [])
  })

  for (const [first, then] of [
    [nodeA, nodeB],
    [nodeB, nodeA]
  ] as const) {
    it(`opens what two gave when both are convicted, the ${first === nodeA ? 'first' : 'second'} of them first`, () => {
      const book = new Book()
      const lie = unitOf('lie')
      book.both(lie)
      convict(book, first, 'x')
      equal(book.fold.probation?.isAbandoned(lie), false)
      convict(book, then, 'y')
      equal(book.fold.probation?.isAbandoned(lie), true)
      equal(book.fold.reopenings(0).filter(({ unit }) => unit === lie).length, 1)
      deepEqual(book.refused, [])
    })
  }

  it('lets another result take the place of what a convicted node gave', () => {
    const book = new Book()
    const [wrong] = book.alone(nodeA, unitOf('alone'))
    ok(wrong !== undefined)
    convict(book, nodeA)
    const again = { unit: wrong.unit, attempt: 2, node: nodeB }
    book.add(reserved([again]), withdrawn([wrong]), take([again]))
    deepEqual(book.standing(wrong.unit), [[2, true, PAY]])
    equal(book.fold.probation?.isAbandoned(wrong.unit), false)
    equal(book.fold.trustOf(nodeA.peerId)?.faulted.disagreed, 2, 'it was convicted for others')
    deepEqual(book.refused, [])
  })

  it('leaves what was made use of standing, unpaid', () => {
    const book = new Book()
    const [wrong] = book.alone(nodeA, unitOf('used'))
    ok(wrong !== undefined)
    book.add(withdrawn([wrong], true))
    deepEqual(book.standing(wrong.unit), [[1, true, 0]])
    equal(book.fold.trustOf(nodeA.peerId)?.faulted.disagreed, 1)
    equal(book.escrow(nodeA), 0)
  })

  it('leaves the outputs of a session that has ended, takes the pay back and names what is in doubt', () => {
    const book = new Book()
    book.alone(nodeA, unitOf('alone'))
    const other = lateConviction(book)
    book.add(closed())
    other()
    equal(book.escrow(nodeA), 0)
    deepEqual(
      book.fold.reopenings(0).map(({ isOpen }) => isOpen),
      [false]
    )
    deepEqual(book.standing(unitOf('alone')), [[1, true, 0]])
    equal(book.fold.bill(SESSION)?.totalMicro, 0)
  })

  it('withdraws an accepted result that others refute, and never a final one', () => {
    const book = new Book()
    const [wrong] = book.alone(nodeA, unitOf('wrong'))
    ok(wrong !== undefined)
    const right = { unit: wrong.unit, attempt: 2, node: nodeB }
    book.add(withdrawn([wrong]), reserved([right]), take([right]))
    deepEqual(book.refused, [])
    equal(book.escrow(nodeA), 0)
    equal(book.escrow(nodeB), PAY)
    equal(book.fold.trustOf(nodeA.peerId)?.faulted.disagreed, 1)
    book.add(withdrawn([wrong]))
    deepEqual(book.refused, ['acceptance_unknown'])

    const calm = new Book()
    const [early] = calm.alone(nodeA, unitOf('early'))
    ok(early !== undefined)
    calm.both(...named('both', 3))
    calm.add(withdrawn([early]))
    deepEqual(calm.refused, ['acceptance_final'])
  })

  it('never opens again what is final, whoever of those who gave it later is convicted', () => {
    const book = new Book()
    const [early] = book.alone(nodeA, unitOf('early'))
    ok(early !== undefined)
    equal(book.fold.probation?.isFinal(early.unit), false)
    book.both(...named('both', 3))
    equal(book.fold.probation?.isFinal(early.unit), true)
    const late = { unit: early.unit, attempt: 2, node: nodeB }
    book.add(reserved([late]), take([late], false))
    convict(book, nodeB)
    equal(book.fold.probation?.convictionsOf(nodeB.peerId), 1)
    deepEqual(book.standing(early.unit), [
      [1, true, PAY],
      [2, false, 0]
    ])
    equal(book.fold.probation?.isAbandoned(early.unit), false, 'what is paid for stands')
    ok(!book.fold.reopenings(0).some(({ unit }) => unit === early.unit))
    deepEqual(book.refused, [])
  })

  it('lets a convicted node work itself up again', () => {
    const book = new Book()
    convict(book, nodeA)
    equal(book.fold.probation?.convictionsOf(nodeA.peerId), 1)
    book.both(...named('again', 6))
    equal(book.fold.probation?.isProven(nodeA.peerId), true)
  })

  it('is folded as before where the genesis names another policy', () => {
    const fold = new LedgerFold(testGenesis(), CONTROL_LOG)
    equal(fold.probation, null)
  })
})

/** Convicts node A in the test's session before it closes, short of the last word. */
function lateConviction(book: Book): () => void {
  const units = named('late', 2)
  const wrong = units.map((unit) => ({ unit, attempt: 1, node: nodeA }))
  book.add(reserved(wrong))
  const all = receipts(wrong)
  return () =>
    wrong.forEach((run, index) => {
      const receipt = all[index] ?? receiptOf(run)
      book.add(voided([run], { reason: 'rejected', fault: 'disagreed', receipt }))
    })
}

describe('the fold on probation, whatever the history', () => {
  const runs: fc.Arbitrary<Run> = fc.record({
    unit: fc.constantFrom(unitOf(1), unitOf(2), unitOf(3), unitOf(4)),
    attempt: fc.integer({ min: 1, max: 3 }),
    node: fc.constantFrom(nodeA, nodeB)
  })
  const several = fc.array(runs, { minLength: 1, maxLength: 3 })
  const contents: fc.Arbitrary<EntryContent> = fc.oneof(
    several.map((of) => reserved(of)),
    fc.tuple(several, fc.boolean()).map(([of, canonical]) => take(of, canonical)),
    several.map((of) =>
      voided(of, {
        reason: 'rejected',
        fault: 'disagreed',
        receipt: receipts(of.slice(0, 1))[0] ?? null
      })
    ),
    fc.tuple(several, fc.boolean()).map(([of, stands]) => withdrawn(of, stands)),
    { weight: 1, arbitrary: fc.constant(closed()) }
  )
  const histories = fc.array(contents, { maxLength: 30 })

  it('sums to zero after every entry, and nobody goes below nothing', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const book = new Book()
        for (const content of history) {
          book.add(content)
          const balances = book.fold.balances()
          ok(balancesSumToZero(balances))
          for (const { account, balance } of balances)
            ok(account === 'treasury' || balance >= 0, account)
          const bill = book.fold.bill(SESSION)
          equal(bill?.totalMicro, book.fold.session(SESSION)?.postedMicro)
        }
      }),
      { numRuns: 60 }
    )
  })

  it('gives the same state and the same history of units when it is folded again', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const one = new Book([...opening(), ...history])
        const two = new Book([...opening(), ...history])
        equal(one.fold.digest(), two.fold.digest())
        deepEqual(one.history(), two.history())
      }),
      { numRuns: 30 }
    )
  })
})
