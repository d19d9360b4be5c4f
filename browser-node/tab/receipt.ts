/**
 * Receipts as files: made from the ledger that a tab holds, and checked by anybody, off line, from
 * the bytes alone. A check asks nobody and throws at no file.
 */
import {
  decodeAttestation,
  decodeReceiptFile,
  encodeReceiptFile,
  equalBytes,
  MeshError,
  openGenesis,
  openHead,
  type PeerId,
  parseMeshId,
  type Receipt,
  type ReceiptFile,
  readEntry,
  type SignedGenesis,
  type UnitId,
  type Verifier
} from '#contracts'
import { type Ledger, ReceiptChecker } from '#ledger'
import type { ReceiptReport, ReceiptRule } from '../tab-contract.ts'
import { QuickVerifier } from './quick-keys.ts'

/** The smallest run of whole batches: the one that the acceptance is in. */
const ONE_BATCH_BYTES = 1

/** The receipt of a unit's accepted result by this node; throws `receipt.not_found`. */
export async function receiptOf(ledger: Ledger, unit: UnitId, node: PeerId): Promise<Uint8Array> {
  const { genesis, sequencerLog: log } = ledger
  for await (const entry of ledger.entries(log, 0)) {
    if (entry.kind !== 'units.accepted') continue
    for (const item of entry.body.items) {
      if (item.unit !== unit || ledger.fold.attempt(unit, item.attempt)?.node !== node) continue
      const batch = await ledger.bundle(log, entry.seq, ONE_BATCH_BYTES)
      if (batch === null) continue
      const acceptance = { entries: [...batch.entries], head: batch.head }
      const { receipt } = item
      return encodeReceiptFile({
        ...{ v: 1, mesh: genesis.id, genesis: genesis.bytes, receipt, acceptance }
      })
    }
  }
  throw new MeshError('receipt.not_found', { unit })
}

/** The first rule that the file breaks, or none; and what it says, as far as it can be read. */
export function verifyReceipt(
  bytes: Uint8Array,
  verifier: Verifier = new QuickVerifier()
): ReceiptReport {
  const check = new ReceiptCheck(verifier)
  try {
    check.run(bytes)
    return { failed: null, facts: check.facts }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { failed: { rule: check.rule, code: error.code }, facts: check.facts }
  }
}

class ReceiptCheck {
  rule: ReceiptRule = 'file'
  facts: ReceiptReport['facts'] = null
  readonly #verifier: Verifier

  constructor(verifier: Verifier) {
    this.#verifier = verifier
  }

  run(bytes: Uint8Array): void {
    const file = decodeReceiptFile(bytes)
    this.facts = factsOf(file, '')
    this.rule = 'mesh'
    const genesis = openGenesis(file.genesis, this.#verifier, parseMeshId(file.mesh))
    this.facts = factsOf(file, genesis.genesis.name)
    this.#result(file, genesis)
    this.rule = 'acceptance'
    this.#acceptance(file, genesis)
  }

  /** Signature, path, shape and signer, by the checker of the ledger. */
  #result({ receipt }: ReceiptFile, { id: mesh }: SignedGenesis): void {
    const checked = new ReceiptChecker({ mesh, verifier: this.#verifier }).check(receipt)
    if (typeof checked !== 'string') return
    this.rule = RULE_OF[checked]
    throw new MeshError('receipt.malformed', { rule: checked })
  }

  #acceptance({ acceptance, receipt }: ReceiptFile, genesis: SignedGenesis): void {
    const { sequencer, sequencer_log: log } = genesis.genesis
    const head = openHead(acceptance.head, { mesh: genesis.id, verifier: this.#verifier })
    const refuse = (why: string) => new MeshError('receipt.not_accepted', { why })
    if (head.author !== sequencer || head.log !== log) throw refuse('another author')
    const entries = acceptance.entries.map(readEntry)
    for (const [index, entry] of entries.entries()) {
      const before = entries[index - 1]
      const follows =
        before === undefined ||
        (entry.seq === before.seq + 1 && equalBytes(entry.prev, before.hash))
      if (entry.log !== log || !follows) throw refuse('a broken chain')
    }
    const last = entries.at(-1)
    if (last?.seq !== head.seq || !equalBytes(last.hash, head.hash)) throw refuse('another head')
    const [first] = entries
    const isAccepted =
      first?.kind === 'units.accepted' &&
      first.body.items.some((item) => isSame(item.receipt, receipt))
    if (!isAccepted) throw refuse('another result')
  }
}

const RULE_OF = {
  receipt_head: 'signature',
  receipt_path: 'path',
  receipt_malformed: 'attestation',
  receipt_signer: 'signer'
} as const satisfies Record<string, ReceiptRule>

const isSame = (one: Receipt, other: Receipt): boolean =>
  one.index === other.index && equalBytes(one.head, other.head) && equalBytes(one.item, other.item)

function factsOf({ mesh, receipt }: ReceiptFile, meshName: string): ReceiptReport['facts'] {
  try {
    const attestation = decodeAttestation(receipt.item)
    const { runtime, version, provider } = attestation.backend
    return {
      meshId: mesh,
      meshName,
      node: attestation.node,
      unit: attestation.work_unit_id,
      lease: attestation.lease_id,
      model: attestation.model_cid,
      output: attestation.output_cid,
      runtime: `${runtime} ${version} (${provider})`,
      startedMs: attestation.started_ms,
      finishedMs: attestation.finished_ms
    }
  } catch (error) {
    if (error instanceof MeshError) return null
    throw error
  }
}
