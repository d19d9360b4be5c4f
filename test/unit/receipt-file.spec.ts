/**
 * Receipt files: what a tab writes from its ledger is genuine for anybody, and every way of changing
 * one breaks the rule that it should.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import fc from 'fast-check'
import {
  ATTESTATION_TYP,
  decodeReceiptFile,
  encodeAttestation,
  encodeReceiptFile,
  type ReceiptFile,
  signBatch
} from '#contracts'
import { receiptOf as receiptFileOf, verifyReceipt } from '../../browser-node/tab/receipt.ts'
import { code } from '../support/expect-code.ts'
import {
  accepted,
  attestationOf,
  GENESIS,
  nodeA,
  nodeB,
  openControl,
  opening,
  receiptOf,
  reserved,
  testGenesis,
  unitOf
} from '../support/ledger-fixtures.ts'

const run = { unit: unitOf(1), attempt: 1, node: nodeA }
const other = { unit: unitOf(2), attempt: 1, node: nodeB }

async function genuine(): Promise<Uint8Array> {
  const ledger = await openControl()
  try {
    await ledger.append(opening())
    await ledger.append([reserved([run, other])])
    await ledger.append([
      accepted([other]),
      accepted([run]),
      reserved([{ ...run, unit: unitOf(3) }])
    ])
    return await receiptFileOf(ledger, run.unit, nodeA.peerId)
  } finally {
    await ledger.close()
  }
}

const flip = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, index) => (index === (at + bytes.length) % bytes.length ? byte ^ 1 : byte))

describe('a receipt file', () => {
  let bytes: Uint8Array
  let file: ReceiptFile
  before(async () => {
    bytes = await genuine()
    file = decodeReceiptFile(bytes)
  })

  const ruleOf = (change: Partial<ReceiptFile>): string | undefined =>
    verifyReceipt(encodeReceiptFile({ ...file, ...change })).failed?.rule

  it('is genuine, off line, and says what was done', () => {
    const { failed, facts } = verifyReceipt(bytes)
    equal(failed, null)
    deepEqual([facts?.unit, facts?.node, facts?.meshId], [run.unit, nodeA.peerId, file.mesh])
  })

  it('is not had of a unit that nobody accepted', async () => {
    const ledger = await openControl()
    await ledger.append(opening())
    await ledger.append([reserved([run])])
    await rejects(receiptFileOf(ledger, run.unit, nodeA.peerId), code('receipt.not_found'))
    await ledger.close()
  })

  it('is not had of a unit that another node did', async () => {
    const ledger = await openControl()
    await ledger.append(opening())
    await ledger.append([reserved([other])])
    await ledger.append([accepted([other])])
    await rejects(receiptFileOf(ledger, other.unit, nodeA.peerId), code('receipt.not_found'))
    await ledger.close()
  })

  it('is no receipt where its bytes are not one', () => {
    for (const wrong of [new Uint8Array(), Uint8Array.of(1), bytes.subarray(1), flip(bytes, 0)]) {
      equal(verifyReceipt(wrong).failed?.rule, 'file')
    }
  })

  it('is held to its mesh', () => {
    equal(ruleOf({ mesh: 'ab'.repeat(32) }), 'mesh')
    equal(ruleOf({ genesis: flip(file.genesis, -1) }), 'mesh')
    const elsewhere = testGenesis({ name: 'other' })
    equal(ruleOf({ mesh: elsewhere.id, genesis: elsewhere.bytes }), 'signature')
  })

  it('is held to the node’s signature, to its batch and to its signer', () => {
    const { receipt } = file
    equal(ruleOf({ receipt: { ...receipt, head: flip(receipt.head, -1) } }), 'signature')
    equal(ruleOf({ receipt: { ...receipt, item: flip(receipt.item, 9) } }), 'path')
    equal(ruleOf({ receipt: { ...receipt, index: 7 } }), 'path')
    const signed = (item: Uint8Array) => {
      const { head } = signBatch({
        typ: ATTESTATION_TYP,
        mesh: GENESIS.id,
        items: [item],
        signer: nodeB
      })
      return { receipt: { head, item, index: 0, path: [] } }
    }
    equal(ruleOf(signed(encodeAttestation(attestationOf(run)))), 'signer')
    equal(ruleOf(signed(Uint8Array.of(0xf6))), 'attestation')
  })

  it('is held to the record that accepted it', () => {
    const { acceptance } = file
    equal(ruleOf({ receipt: receiptOf(other) }), 'acceptance')
    const [first, ...rest] = acceptance.entries
    equal(ruleOf({ acceptance: { ...acceptance, head: flip(acceptance.head, -1) } }), 'acceptance')
    equal(ruleOf({ acceptance: { ...acceptance, entries: rest } }), 'acceptance')
    const cut = first === undefined ? [] : [first]
    equal(ruleOf({ acceptance: { ...acceptance, entries: cut } }), 'acceptance')
    const twice = first === undefined ? [] : [first, first, ...rest]
    equal(ruleOf({ acceptance: { ...acceptance, entries: twice } }), 'acceptance')
  })

  it('is never genuine with one bit changed, and no file makes the check throw', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const changed = bytes.slice()
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        return verifyReceipt(changed).failed !== null
      }),
      { numRuns: 150 }
    )
    fc.assert(fc.property(fc.uint8Array(), (noise) => verifyReceipt(noise).failed !== null))
  })
})
