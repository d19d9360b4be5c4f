/** Invariant 9: credits sum to zero after every batch. */
import { deepEqual, ok, rejects } from 'node:assert/strict'
import fc from 'fast-check'
import type { EntryContent } from '#contracts'
import { type AccountBalance, balancesSumToZero, type Ledger } from '#ledger'
import { nodeVerifier } from '#mesh-node'
import { Accounts } from '../../ledger/fold/accounts.ts'
import { expectNamed, expectNone } from '../support/invariants/claims.ts'
import { foldAnew } from '../support/invariants/replays.ts'
import { zeroSumFaults } from '../support/invariants/zero-sum.ts'
import {
  accepted,
  closed,
  nodeA,
  nodeB,
  openControl,
  opening,
  type Run,
  reserved,
  unitOf,
  voided
} from '../support/ledger-fixtures.ts'
import { type RealRun, realRun } from '../support/real-run.ts'

const RUNS: readonly Run[] = Array.from({ length: 6 }, (_, number) => ({
  unit: unitOf(number % 3),
  attempt: 1 + Math.floor(number / 3),
  node: number % 2 === 0 ? nodeA : nodeB
}))

const drawnEntry = fc
  .record({
    what: fc.constantFrom('reserve', 'accept', 'void', 'close'),
    runs: fc.subarray([...RUNS], { minLength: 1 })
  })
  .map(({ what, runs }): EntryContent => {
    if (what === 'reserve') return reserved(runs)
    if (what === 'accept') return accepted(runs)
    return what === 'void' ? voided(runs) : closed()
  })
const drawnBatches = fc.array(fc.array(drawnEntry, { minLength: 1, maxLength: 3 }), {
  maxLength: 12
})

/** Accounts whose credits lose a micro of every transfer on the way, while `act` runs. */
async function leaking(act: () => void | Promise<void>): Promise<void> {
  const { transfer, balance, sumsToZero } = Accounts.prototype
  const lost = new Map<number, number>()
  Accounts.prototype.transfer = function leaks(this: Accounts, debit, credit, micro) {
    transfer.call(this, debit, credit, micro)
    if (micro > 0) lost.set(credit, (lost.get(credit) ?? 0) + 1)
  }
  Accounts.prototype.balance = function short(this: Accounts, index) {
    const whole = balance.call(this, index)
    const micro = lost.get(index) ?? 0
    const { creditsPosted } = whole
    return { ...whole, creditsPosted: creditsPosted - micro, balance: whole.balance - micro }
  }
  Accounts.prototype.sumsToZero = function seen(this: Accounts) {
    return balancesSumToZero(this.balances())
  }
  try {
    await act()
  } finally {
    Object.assign(Accounts.prototype, { transfer, balance, sumsToZero })
  }
}

describe('invariant 9: credits sum to zero after every batch', function () {
  this.timeout(300_000)
  let run: RealRun
  before(async () => {
    run = await realRun()
  })

  it('holds after every single entry of a real mesh', () => {
    let entries = 0
    const after = (fold: { balances(): readonly AccountBalance[] }): void => {
      entries += 1
      expectNone(zeroSumFaults(fold.balances()))
    }
    const fold = foldAnew(run.placed, { genesis: run.genesis, verifier: nodeVerifier, after })
    ok(entries > 50)
    deepEqual(fold.balances(), run.ledger.fold.balances())
  })

  it('holds for the bills that people see', () => {
    for (const { document } of run.sessions.values()) {
      const { bill } = document
      ok(bill !== null)
      const sum = Object.values(bill.balances).reduce((total, micro) => total + micro, 0)
      deepEqual([sum, bill.sum_micro], [0, 0])
    }
  })

  it('holds after every batch of any entries in any order, twice, too early and too late', async () => {
    await fc.assert(
      fc.asyncProperty(drawnBatches, async (batches) => {
        const ledger: Ledger = await openControl()
        await ledger.append([...opening()])
        for (const batch of batches) {
          await ledger.append(batch)
          expectNone(zeroSumFaults(ledger.fold.balances()))
        }
        await ledger.close()
      }),
      { numRuns: 40 }
    )
  })

  it('is seen broken by one micro-credit, posted or pending', () => {
    const [first, ...rest] = run.ledger.fold.balances()
    ok(first)
    const more = { balance: first.balance + 1, creditsPosted: first.creditsPosted + 1 }
    expectNamed(zeroSumFaults([{ ...first, ...more }, ...rest]), /posted credits sum to 1/)
    const pending = { creditsPending: first.creditsPending + 1 }
    expectNamed(zeroSumFaults([{ ...first, ...pending }, ...rest]), /pending credits sum to 1/)
    const half = { balance: first.balance + 0.5, creditsPosted: first.creditsPosted + 0.5 }
    expectNamed(zeroSumFaults([{ ...first, ...half }, ...rest]), /no count of micro-credits/)
    expectNamed(zeroSumFaults([{ ...first, balance: 7 }, ...rest]), /balance is not its moves/)
  })

  it('is seen broken where a tenant owes more than it has', () => {
    const poor: AccountBalance = {
      account: 'tenant:poor',
      debitsPending: 5,
      debitsPosted: 0,
      creditsPending: 0,
      creditsPosted: 4,
      balance: 4
    }
    expectNamed(zeroSumFaults([poor]), /tenant:poor: below zero/)
  })

  it('is seen broken in a fold whose transfers have one side, and the ledger stops by itself', async () => {
    const { genesis, placed } = run
    await leaking(() => {
      const planted = foldAnew(placed, { genesis, verifier: nodeVerifier })
      expectNamed(zeroSumFaults(planted.balances()), /posted credits sum to -\d+/)
    })
    const ledger = await openControl()
    await ledger.append([...opening()])
    const runs = RUNS.slice(0, 1)
    await ledger.append([reserved(runs)])
    await leaking(() => rejects(ledger.append([accepted(runs)]), /credits sum to zero/))
    await ledger.close()
  })
})
