/**
 * Money of the fold: what reserves, posts and voids, what is refused and by which rule.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { type EntryContent, encodeAttestation, signBatch } from '#contracts'
import { balancesSumToZero, type Ledger, nodeAccount, TREASURY, tenantAccount } from '#ledger'
import {
  accepted,
  attestationOf,
  closed,
  GENESIS,
  GRANT_MICRO,
  leaseOf,
  nodeA,
  nodeB,
  openControl,
  opening,
  type Run,
  receiptOf,
  receiptsOf,
  reserved,
  rulesOf,
  SESSION,
  TENANT,
  testGenesis,
  unitOf,
  voided
} from '../support/ledger-fixtures.ts'

const run: Run = { unit: unitOf('a'), attempt: 1, node: nodeA }
const other: Run = { unit: unitOf('b'), attempt: 1, node: nodeB }

async function ledgerWith(...contents: readonly EntryContent[]): Promise<Ledger> {
  const ledger = await openControl()
  await ledger.append([...opening(), ...contents])
  return ledger
}

const balance = (ledger: Ledger, account: string) => ledger.fold.balanceOf(account)?.balance

describe('money', () => {
  it('grants from the treasury what the genesis gives a tenant', async () => {
    const ledger = await openControl()
    equal(balance(ledger, tenantAccount(TENANT)), GRANT_MICRO)
    equal(balance(ledger, TREASURY), -GRANT_MICRO)
    await ledger.close()
  })

  it('holds a reservation as pending and takes nothing yet', async () => {
    const ledger = await ledgerWith(reserved([run]))
    const tenant = ledger.fold.balanceOf(tenantAccount(TENANT))
    deepEqual([tenant?.debitsPending, tenant?.balance], [5_000, GRANT_MICRO])
    equal(ledger.fold.session(SESSION)?.reservedMicro, 5_000)
    await ledger.close()
  })

  it('posts the calibrated cost of an accepted attempt, not the claimed time', async () => {
    const ledger = await ledgerWith(reserved([run]), accepted([run]))
    equal(balance(ledger, nodeAccount(nodeA.peerId)), 1_000)
    equal(balance(ledger, tenantAccount(TENANT)), GRANT_MICRO - 1_000)
    equal(ledger.fold.balanceOf(tenantAccount(TENANT))?.debitsPending, 0)
    deepEqual(rulesOf(ledger), [])
    await ledger.close()
  })

  it('gives back what a voided attempt held', async () => {
    const ledger = await ledgerWith(reserved([run]), voided([run]))
    equal(balance(ledger, tenantAccount(TENANT)), GRANT_MICRO)
    equal(ledger.fold.balanceOf(nodeAccount(nodeA.peerId))?.creditsPending, 0)
    equal(ledger.fold.attempt(run.unit, 1)?.state, 'voided')
    await ledger.close()
  })

  it('shows a bill whose lines sum to the total and whose balances sum to zero', async () => {
    const tokens = receiptOf(other, {
      usage: { cpu_ms: 0, gpu_ms: 0, wall_ms: 1_000, tokens_in: 100, tokens_out: 400 }
    })
    const ledger = await ledgerWith(
      reserved([run, other]),
      accepted([run]),
      accepted([other], { receipts: [tokens] })
    )
    const bill = ledger.fold.bill(SESSION)
    deepEqual(
      bill?.lines.map(({ unit, node, item, micro }) => [unit, node, item, micro]),
      [
        [run.unit, nodeA.peerId, 'workunit_compute', 1_000],
        [other.unit, nodeB.peerId, 'workunit_compute', 500],
        [other.unit, nodeB.peerId, 'llm_tokens', 1_000]
      ]
    )
    equal(bill?.totalMicro, 2_500)
    ok(balancesSumToZero(bill?.balances ?? []))
    await ledger.close()
  })

  it('takes a grant that is said twice once, and one that is raised by the difference', async () => {
    const admit = (grant_micro: number): EntryContent => ({
      kind: 'tenant.admitted',
      body: { tenant: 'late', grant_micro }
    })
    const ledger = await ledgerWith(admit(50), admit(50), admit(80), admit(10))
    equal(balance(ledger, tenantAccount('late')), 80)
    deepEqual(rulesOf(ledger), ['grant_lowered'])
    await ledger.close()
  })

  it('refuses a grant that no double could carry', async () => {
    const ledger = await ledgerWith({
      kind: 'tenant.admitted',
      body: { tenant: 'rich', grant_micro: Number.MAX_SAFE_INTEGER }
    })
    deepEqual(rulesOf(ledger), ['amount_overflow'])
    equal(ledger.fold.balanceOf(tenantAccount('rich')), null)
    await ledger.close()
  })
})

const forged = receiptOf(run)
const flipped = { ...forged, item: forged.item.map((byte, at) => (at === 9 ? byte ^ 1 : byte)) }
const wrongHead = { ...forged, head: forged.head.map((byte, at) => (at > 200 ? byte ^ 1 : byte)) }
const garbage = signBatch({
  typ: 'application/vnd.kora.attestation.v1+cbor',
  mesh: GENESIS.id,
  items: [Uint8Array.of(0xf6)],
  signer: nodeA
})
const signedByOther = signBatch({
  typ: 'application/vnd.kora.attestation.v1+cbor',
  mesh: GENESIS.id,
  items: [encodeAttestation(attestationOf(run))],
  signer: nodeB
})
const foreign = receiptsOf([attestationOf(run)], nodeA, testGenesis({ name: 'other' }).id)[0]
const bare = (batch: typeof garbage) => ({
  head: batch.head,
  item: batch.items[0] ?? new Uint8Array(),
  index: 0,
  path: []
})
const withReceipt = (receipt: typeof forged | undefined) =>
  accepted([run], { receipts: receipt === undefined ? [] : [receipt] })
const otherNode = { ...run, node: nodeB }

/** Entries after a reservation of `run`, and the one rule that refuses them. */
const REFUSED: Readonly<Record<string, readonly [readonly EntryContent[], string]>> = {
  'a second reservation of one attempt': [[reserved([run])], 'attempt_known'],
  'a second post': [[accepted([run]), accepted([run])], 'reservation_settled'],
  'a post of what was voided': [[voided([run]), accepted([run])], 'reservation_settled'],
  'a second void': [[voided([run]), voided([run])], 'reservation_settled'],
  'a void of what was posted': [[accepted([run]), voided([run])], 'reservation_settled'],
  'a post that nothing reserved': [[accepted([other])], 'reservation_unknown'],
  'a void that nothing reserved': [[voided([other])], 'reservation_unknown'],
  'a receipt with a flipped byte': [[withReceipt(flipped)], 'receipt_path'],
  'a receipt with another index': [[withReceipt({ ...forged, index: 1 })], 'receipt_path'],
  'a receipt with a longer path': [
    [withReceipt({ ...forged, path: [new Uint8Array(32)] })],
    'receipt_path'
  ],
  'a receipt whose head is forged': [[withReceipt(wrongHead)], 'receipt_head'],
  'a receipt of another mesh': [[withReceipt(foreign)], 'receipt_head'],
  'a receipt of no attestation': [[withReceipt(bare(garbage))], 'receipt_malformed'],
  'a receipt that another node signed': [[withReceipt(bare(signedByOther))], 'receipt_signer'],
  'a receipt of another unit': [
    [withReceipt(receiptOf({ ...other, node: nodeA }))],
    'unit_mismatch'
  ],
  'a receipt under another lease': [
    [withReceipt(receiptOf(run, { lease_id: leaseOf(other) }))],
    'lease_mismatch'
  ],
  'a receipt of a node that held no lease': [
    [withReceipt(receiptOf(otherNode, { lease_id: leaseOf(run) }))],
    'node_mismatch'
  ],
  'a receipt of another model': [
    [withReceipt(receiptOf(run, { model_cid: null }))],
    'model_mismatch'
  ],
  'a receipt of endless time': [
    [
      withReceipt(
        receiptOf(run, {
          usage: { ...attestationOf(run).usage, tokens_in: 2 ** 53 - 1, tokens_out: 2 ** 53 - 1 }
        })
      )
    ],
    'usage_implausible'
  ],
  'an acceptance under a lease that was not granted': [[accepted([otherNode])], 'lease_mismatch'],
  'a second canonical result': [
    [reserved([{ ...run, attempt: 2 }]), accepted([run]), accepted([{ ...run, attempt: 2 }])],
    'canonical_twice'
  ],
  'a reservation beyond the session budget': [
    [reserved([other], GRANT_MICRO - 4_999)],
    'over_session_budget'
  ],
  'an attempt number that no unit reaches': [
    [reserved([{ ...other, attempt: 1_000_001 }])],
    'attempt_out_of_range'
  ],
  'anything after the end of the session': [[closed(), reserved([other])], 'session_closed'],
  'a genesis in the middle': [
    [{ kind: 'mesh.genesis', body: { genesis: GENESIS.bytes } }],
    'genesis_misplaced'
  ],
  'a session that is known': [[...opening().slice(-1)], 'session_known'],
  'a state that the node cannot come to': [
    [
      {
        kind: 'node.observed',
        body: { node: nodeA.peerId, state: 'quarantined', health_milli: 1, reason: 'x' }
      }
    ],
    'node_state_illegal'
  ]
}

describe('the fold refuses, and changes nothing by it:', () => {
  for (const [name, [contents, rule]] of Object.entries(REFUSED)) {
    it(name, async () => {
      const ledger = await ledgerWith(reserved([run]), ...contents)
      deepEqual(rulesOf(ledger), [rule])
      ok(balancesSumToZero(ledger.fold.balances()))
      const [rejection] = ledger.fold.rejections()
      equal(rejection?.log, ledger.ownLog)
      await ledger.close()
    })
  }

  it('what speaks of unknown tenants, sessions and nodes', async () => {
    const ledger = await openControl()
    const [, , , session] = opening()
    await ledger.append([
      reserved([run]),
      voided([run]),
      ...(session?.kind === 'session.opened'
        ? [{ ...session, body: { ...session.body, tenant: 'nobody' } }]
        : []),
      {
        kind: 'node.observed',
        body: { node: nodeA.peerId, state: 'active', health_milli: 1, reason: 'x' }
      },
      ...opening().slice(-1),
      reserved([run])
    ])
    deepEqual(rulesOf(ledger), [
      'session_unknown',
      'session_unknown',
      'tenant_unknown',
      'node_unknown',
      'node_unknown'
    ])
    await ledger.close()
  })

  it('a reservation that the tenant cannot pay, however large the session budget', async () => {
    const ledger = await openControl()
    await ledger.append([
      ...opening(10 * GRANT_MICRO),
      reserved([run], GRANT_MICRO),
      reserved([other], 1)
    ])
    deepEqual(rulesOf(ledger), ['over_balance'])
    equal(ledger.fold.balanceOf(tenantAccount(TENANT))?.debitsPending, GRANT_MICRO)
    await ledger.close()
  })

  it('more attempts of a unit than any retry policy makes', async () => {
    const attempts = Array.from({ length: 129 }, (_, index) => ({ ...run, attempt: index + 1 }))
    const ledger = await openControl()
    await ledger.append([...opening(), reserved(attempts, 0)])
    deepEqual(rulesOf(ledger), ['attempts_exhausted'])
    await ledger.close()
  })

  it('a unit that belongs to another session', async () => {
    const ledger = await ledgerWith(reserved([run]))
    const second = `s${'1'.repeat(32)}`
    const move = (content: EntryContent | undefined): EntryContent => {
      if (content === undefined || !('session' in content.body)) throw new Error('has a session')
      Object.assign(content.body, { session: second })
      return content
    }
    await ledger.append([
      move(opening().at(-1)),
      move(reserved([{ ...run, attempt: 2 }])),
      move(accepted([run]))
    ])
    deepEqual(rulesOf(ledger), ['session_other', 'session_other'])
    await ledger.close()
  })
})

describe('a batch of receipts', () => {
  it('is posted whole, each proven by its own path', async () => {
    const runs = Array.from({ length: 37 }, (_, index) => ({ ...run, unit: unitOf(index) }))
    const receipts = receiptsOf(
      runs.map((one) => attestationOf(one)),
      nodeA
    )
    const ledger = await ledgerWith(reserved(runs), accepted(runs, { receipts }))
    deepEqual(rulesOf(ledger), [])
    equal(balance(ledger, nodeAccount(nodeA.peerId)), 37_000)
    await ledger.close()
  })

  it('posts all but the one whose path is wrong, though its neighbours are proven', async () => {
    const runs = Array.from({ length: 8 }, (_, index) => ({ ...run, unit: unitOf(index) }))
    const receipts = receiptsOf(
      runs.map((one) => attestationOf(one)),
      nodeA
    ).map((receipt, index) =>
      index === 5 ? { ...receipt, path: receipt.path.toReversed() } : receipt
    )
    const ledger = await ledgerWith(reserved(runs), accepted(runs, { receipts }))
    deepEqual(
      ledger.fold.rejections().map(({ rule, item }) => [rule, item]),
      [['receipt_path', 5]]
    )
    await ledger.close()
  })
})
