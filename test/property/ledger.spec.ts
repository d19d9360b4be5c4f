/**
 * Invariants of the fold under arbitrary histories: honest, late, duplicated, forged and meaningless
 * entries in any order and any pieces.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { type EntryContent, openReceipt, packEntry, type Receipt } from '#contracts'
import {
  balancesSumToZero,
  type Ledger,
  LedgerFold,
  type PreparedEntry,
  prepareEntry,
  priceOf,
  ReceiptChecker,
  tenantAccount
} from '#ledger'
import { nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  accepted,
  attestationOf,
  CONTROL_LOG,
  closed,
  everything,
  GENESIS,
  nodeA,
  nodeB,
  openControl,
  opening,
  openNode,
  type Run,
  receiptOf,
  receiptsOf,
  reserved,
  SESSION,
  TENANT,
  unitOf,
  voided
} from '../support/ledger-fixtures.ts'

const RUNS = 60

const runs: fc.Arbitrary<Run> = fc.record({
  unit: fc.constantFrom(unitOf(1), unitOf(2), unitOf(3)),
  attempt: fc.integer({ min: 1, max: 3 }),
  node: fc.constantFrom(nodeA, nodeB)
})
const several = fc.array(runs, { minLength: 1, maxLength: 4 })

/** A receipt that may be another's, forged or cut. */
const receiptFor = (run: Run, fault: number): Receipt => {
  const receipt = receiptOf(fault === 1 ? { ...run, attempt: run.attempt + 1 } : run)
  if (fault === 2) return { ...receipt, item: receipt.item.with(30, 1) }
  if (fault === 3) return { ...receipt, path: [new Uint8Array(32)] }
  if (fault === 4) return receiptOf({ ...run, node: run.node === nodeA ? nodeB : nodeA })
  return receipt
}

const contents: fc.Arbitrary<EntryContent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(several, fc.integer({ min: 0, max: 300_000 }))
      .map(([of, max]) => reserved(of, max))
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(several, fc.boolean(), fc.integer({ min: 0, max: 6 }))
      .map(([of, canonical, fault]) =>
        accepted(of, { canonical, receipts: of.map((run) => receiptFor(run, fault)) })
      )
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        several,
        fc.constantFrom('failed', 'rejected', 'redundant'),
        fc.constantFrom('none', 'schema', 'copied')
      )
      .map(([of, reason, fault]) =>
        voided(of, { reason, fault, receipt: of[0] === undefined ? null : receiptOf(of[0]) })
      )
  },
  { weight: 1, arbitrary: fc.constantFrom(...opening(), closed()) },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 2_000_000 }).map(
      (grant_micro): EntryContent => ({
        kind: 'tenant.admitted',
        body: { tenant: TENANT, grant_micro }
      })
    )
  }
)
const histories = fc.array(contents, { maxLength: 25 })

/** Folds contents as the sequencer's log, and hands the fold over after every entry. */
function foldOf(
  history: readonly EntryContent[],
  after: (fold: LedgerFold, prepared: PreparedEntry) => void = () => {}
): LedgerFold {
  const fold = new LedgerFold(GENESIS, CONTROL_LOG)
  const checker = new ReceiptChecker({ mesh: GENESIS.id, verifier: nodeVerifier })
  let prev = new Uint8Array(32)
  history.forEach((content, seq) => {
    const entry = packEntry(content, { log: CONTROL_LOG, seq, prev })
    prev = Uint8Array.from(entry.hash)
    const prepared = prepareEntry(entry, checker)
    fold.apply(prepared)
    after(fold, prepared)
  })
  return fold
}

describe('the fold, whatever the history', () => {
  it('sums to zero after every entry, and no tenant goes below nothing', () => {
    fc.assert(
      fc.property(histories, (history) => {
        foldOf([...opening(), ...history], (fold) => {
          ok(balancesSumToZero(fold.balances()))
          const tenant = fold.balanceOf(tenantAccount(TENANT))
          ok(tenant !== null && tenant.balance - tenant.debitsPending >= 0)
          const session = fold.session(SESSION)
          ok(
            session === null || session.reservedMicro + session.postedMicro <= session.maxCostMicro
          )
        })
      }),
      { numRuns: RUNS }
    )
  })

  it('pays every attempt at most once, whatever is duplicated', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const twice = history.flatMap((content) => [content, content])
        const lines = foldOf([...opening(), ...twice]).bill(SESSION)?.lines ?? []
        const keys = lines.map(({ unit, attempt, item }) => `${unit}/${attempt}/${item}`)
        equal(new Set(keys).size, keys.length)
        const posted = lines.reduce((sum, { micro }) => sum + micro, 0)
        equal(posted, foldOf([...opening(), ...twice]).session(SESSION)?.postedMicro)
      }),
      { numRuns: RUNS }
    )
  })

  it('is a function of the log: the same prefix gives the same digest', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const digests: string[] = []
        foldOf(history, (fold) => digests.push(fold.digest()))
        history.forEach((_, index) => {
          if (index % 5 === 0) equal(foldOf(history.slice(0, index + 1)).digest(), digests[index])
        })
        equal(new Set(digests).size, digests.length)
      }),
      { numRuns: RUNS / 3 }
    )
  })

  it('takes entries that mean nothing as refusals', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 20 }), { maxLength: 10 }), (claims) => {
        const fold = new LedgerFold(GENESIS, CONTROL_LOG)
        const digestBefore = fold.balances()
        claims.forEach((claimed, seq) => {
          const place = { log: CONTROL_LOG, seq, prev: new Uint8Array(32) }
          const found = { ...place, hash: new Uint8Array(32), bytes: new Uint8Array(0) }
          const entry = { kind: 'refused', claimed, reason: 'kind_unknown', ...found } as const
          fold.apply({ entry, receipts: [] })
        })
        deepEqual(fold.balances(), digestBefore)
        equal(fold.rejections().length, claims.length)
      })
    )
  })
})

describe('replicas', () => {
  it('that receive one log in other pieces have equal digests, and again after opening', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        fc.infiniteStream(fc.integer({ min: 1, max: 6 })),
        async (history, sizes) => {
          const control = await openControl()
          const heads: Uint8Array[] = []
          for (const content of [...opening(), ...history]) {
            heads.push((await control.append([content])).bytes)
          }
          const { entries } = await everything(control)
          const replica = await openNode()
          let have = 0
          for (const size of sizes) {
            have = Math.min(entries.length, have + size)
            // the first entry is the genesis, which opening has appended
            const head = heads[have - 2] ?? control.head(control.ownLog)?.bytes
            if (have >= 2) await replica.receive(head ?? new Uint8Array(), entries.slice(0, have))
            if (have === entries.length) break
          }
          equal(replica.fold.digest(), control.fold.digest())
          deepEqual(await historyText(replica), await historyText(control))
          await Promise.all([replica.close(), control.close()])
        }
      ),
      { numRuns: RUNS / 4 }
    )
  })

  const historyText = async (ledger: Ledger) => [...((await ledger.history(SESSION))?.units ?? [])]
})

describe('a receipt checker', () => {
  it('says what openReceipt says, whatever it has seen before', () => {
    const size = 13
    const receipts = receiptsOf(
      Array.from({ length: size }, (_, index) =>
        attestationOf({ unit: unitOf(index), attempt: 1, node: nodeA })
      ),
      nodeA
    )
    const anyReceipt = fc
      .record({
        from: fc.nat({ max: size - 1 }),
        index: fc.option(fc.nat({ max: size + 2 })),
        path: fc.option(fc.nat({ max: size - 1 })),
        cut: fc.option(fc.nat({ max: 4 }))
      })
      .map(({ from, index, path, cut }): Receipt => {
        const receipt = receipts[from] ?? receiptOf({ unit: unitOf(0), attempt: 1, node: nodeA })
        const hashes = receipts[path ?? from]?.path ?? []
        return {
          ...receipt,
          index: index ?? receipt.index,
          path: cut === null ? hashes : hashes.slice(0, cut)
        }
      })
    const isOpen = (receipt: Receipt): boolean => {
      try {
        return openReceipt(receipt, { mesh: GENESIS.id, verifier: nodeVerifier }) !== null
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(fc.array(anyReceipt, { maxLength: 30 }), (sequence) => {
        const checker = new ReceiptChecker({ mesh: GENESIS.id, verifier: nodeVerifier })
        for (const receipt of sequence) {
          equal(typeof checker.check(receipt) === 'object', isOpen(receipt))
        }
      }),
      { numRuns: RUNS }
    )
  })
})

describe('a price', () => {
  const prices = { compute_micro_per_s: { '*': 500, gpu: 9_999 }, tokens_micro_per_1000: 2_000 }
  const amount = fc.maxSafeNat()
  const input = fc.record({
    cost: fc.option(fc.record({ base_us: amount, us_per_kib: amount })),
    inputBytes: amount,
    wallMs: fc.double({ min: 0, noNaN: true }),
    tokensIn: fc.nat(),
    tokensOut: fc.nat(),
    nodeClass: fc.constantFrom('gpu', 'cpu'),
    prices: fc.constant(prices),
    maxMicro: amount
  })

  it('is an integer between nothing and the most that was reserved', () => {
    fc.assert(
      fc.property(input, (given) => {
        const price = priceOf(given)
        equal(price.total_micro, price.compute_micro + price.tokens_micro)
        ok(Number.isSafeInteger(price.total_micro))
        ok(
          price.compute_micro >= 0 && price.tokens_micro >= 0 && price.total_micro <= given.maxMicro
        )
      })
    )
  })

  it('does not rise with a claim beyond the calibrated cost, and never with one where none is known', () => {
    fc.assert(
      fc.property(input, fc.double({ min: 1, max: 1e6, noNaN: true }), (given, times) => {
        const honest = (((given.cost?.base_us ?? 0) + 1) * 1_025) / 1_000 + given.inputBytes
        const claimed = {
          ...given,
          cost: given.cost && { ...given.cost, us_per_kib: 0 },
          wallMs: honest
        }
        const inflated = { ...claimed, wallMs: honest * times }
        equal(priceOf(inflated).compute_micro, priceOf(claimed).compute_micro)
      })
    )
  })

  it('never falls when the claim, the input or the bound grows', () => {
    fc.assert(
      fc.property(input, fc.nat({ max: 1_000_000 }), (given, more) => {
        const less = priceOf(given).compute_micro
        ok(priceOf({ ...given, wallMs: given.wallMs + more }).compute_micro >= less)
      })
    )
  })

  it('rounds half to even at the micro-credit', () => {
    const micro = (us: number) =>
      priceOf({
        cost: { base_us: us, us_per_kib: 0 },
        inputBytes: 0,
        wallMs: 1e9,
        tokensIn: 0,
        tokensOut: 0,
        nodeClass: 'cpu',
        prices,
        maxMicro: 1_000
      }).compute_micro
    deepEqual([999, 1_000, 1_001, 2_999, 3_000, 3_001, 5_000].map(micro), [0, 0, 1, 1, 2, 2, 2])
  })

  it('bills tokens by the thousand, after compute and within what is left', () => {
    const price = priceOf({
      cost: { base_us: 2_000_000, us_per_kib: 0 },
      inputBytes: 0,
      wallMs: 5_000,
      tokensIn: 100,
      tokensOut: 400,
      nodeClass: 'cpu',
      prices,
      maxMicro: 1_500
    })
    deepEqual(price, { compute_micro: 1_000, tokens_micro: 500, total_micro: 1_500 })
  })
})
