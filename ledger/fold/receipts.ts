/**
 * Checks receipts for the fold: signature, path, shape and signer, with the verdicts of `openReceipt`.
 * Remembers the heads and tree nodes it has verified, so a batch of receipts costs one signature
 * and about one hash each. Never throws at a receipt: a bad one gets a rule instead of facts.
 */
import {
  ATTESTATION_TYP,
  type Attestation,
  assert,
  BATCH_HEAD_BYTES_MAX,
  bytesToHex,
  type Cid,
  decodeAttestation,
  equalBytes,
  type LeaseId,
  leafHash,
  MeshError,
  type MeshId,
  nodeHash,
  openBatchHead,
  type PeerId,
  RECEIPT_HEADS_MAX,
  type Receipt,
  readCheckedAttestation,
  type UnitId,
  type Verifier
} from '#contracts'

/** What the fold takes from a receipt. */
export interface ReceiptFacts {
  readonly unit: UnitId
  readonly attempt: number
  readonly lease: LeaseId
  readonly node: PeerId
  readonly model: Cid | null
  readonly wallMs: number
  readonly tokensIn: number
  readonly tokensOut: number
}

export const RECEIPT_RULES = [
  'receipt_head',
  'receipt_path',
  'receipt_malformed',
  'receipt_signer'
] as const
export type ReceiptRule = (typeof RECEIPT_RULES)[number]
export type CheckedReceipt = ReceiptFacts | ReceiptRule

interface KnownHead {
  readonly bytes: Uint8Array
  readonly kid: PeerId
  readonly root: Uint8Array
  readonly size: number
  /** Verified tree nodes by level and position; with a node its siblings up to the root are known. */
  readonly nodes: Map<number, Uint8Array>
}

const HASH_BYTES = 32
/** More than BATCH_ITEMS_MAX positions, so that level and position make one number. */
const LEVEL_STRIDE = 8192
/** Bytes from a head's end, which are its signature's, that find it again. */
const KEY_BYTES = 8

export class ReceiptChecker {
  readonly #mesh: MeshId
  readonly #verifier: Verifier
  readonly #heads = new Map<string, KnownHead>()

  constructor({ mesh, verifier }: { readonly mesh: MeshId; readonly verifier: Verifier }) {
    this.#mesh = mesh
    this.#verifier = verifier
  }

  check(receipt: Receipt): CheckedReceipt {
    const head = this.#head(receipt.head)
    if (head === undefined) return 'receipt_head'
    if (!isProven(head, receipt)) return 'receipt_path'
    try {
      const attestation = decodeAttestation(receipt.item)
      return attestation.node === head.kid ? factsOf(attestation) : 'receipt_signer'
    } catch (error) {
      if (error instanceof MeshError) return 'receipt_malformed'
      throw error
    }
  }

  #head(bytes: Uint8Array): KnownHead | undefined {
    const key = bytesToHex(bytes.subarray(-KEY_BYTES))
    const known = this.#heads.get(key)
    if (known !== undefined && equalBytes(known.bytes, bytes)) return known
    try {
      const { kid, root, size } = openBatchHead(bytes, {
        typ: ATTESTATION_TYP,
        mesh: this.#mesh,
        verifier: this.#verifier,
        bytesMax: BATCH_HEAD_BYTES_MAX
      })
      const head = { bytes, kid, root, size, nodes: new Map<number, Uint8Array>() }
      this.#remember(key, head)
      return head
    } catch (error) {
      if (error instanceof MeshError) return undefined
      throw error
    }
  }

  #remember(key: string, head: KnownHead): void {
    const oldest = this.#heads.keys().next()
    if (this.#heads.size >= RECEIPT_HEADS_MAX && !oldest.done) this.#heads.delete(oldest.value)
    this.#heads.set(key, head)
  }
}

/** Facts of a receipt that was checked before it was stored. */
export const checkedFacts = (receipt: Receipt): ReceiptFacts =>
  factsOf(readCheckedAttestation(receipt.item))

const factsOf = (attestation: Attestation): ReceiptFacts => ({
  unit: attestation.work_unit_id,
  attempt: attestation.attempt,
  lease: attestation.lease_id,
  node: attestation.node,
  model: attestation.model_cid,
  wallMs: attestation.usage.wall_ms,
  tokensIn: attestation.usage.tokens_in,
  tokensOut: attestation.usage.tokens_out
})

/** RFC 9162 section 2.1.3.2, stopping at the first node that an earlier proof has shown. */
function isProven(head: KnownHead, { index, item, path }: Receipt): boolean {
  if (index >= head.size) return false
  let position = index
  let last = head.size - 1
  let level = 0
  let used = 0
  let running = leafHash(item)
  const found: [number, Uint8Array][] = []
  while (last > 0) {
    const known = head.nodes.get(level * LEVEL_STRIDE + position)
    if (known !== undefined) {
      if (!equalBytes(known, running)) return false
      return isKnownFrom(head, path, { level, position, last, used }) && keep(head, found)
    }
    found.push([level * LEVEL_STRIDE + position, running])
    const sibling = position ^ 1
    if (sibling <= last) {
      const hash = path[used++]
      if (hash?.length !== HASH_BYTES) return false
      found.push([level * LEVEL_STRIDE + sibling, hash])
      running = sibling < position ? nodeHash(hash, running) : nodeHash(running, hash)
    }
    position >>>= 1
    last >>>= 1
    level += 1
  }
  return used === path.length && equalBytes(running, head.root) && keep(head, found)
}

interface PathPlace {
  readonly level: number
  readonly position: number
  readonly last: number
  readonly used: number
}

/** The rest of the path must be the very hashes that were verified, or a cold check would refuse it. */
function isKnownFrom(head: KnownHead, path: readonly Uint8Array[], place: PathPlace): boolean {
  let { level, position, last, used } = place
  while (last > 0) {
    const sibling = position ^ 1
    if (sibling <= last) {
      const known = head.nodes.get(level * LEVEL_STRIDE + sibling)
      const given = path[used++]
      assert(known !== undefined, 'with a node its siblings up to the root are known')
      if (given === undefined || !equalBytes(known, given)) return false
    }
    position >>>= 1
    last >>>= 1
    level += 1
  }
  return used === path.length
}

function keep(head: KnownHead, found: readonly [number, Uint8Array][]): true {
  for (const [key, hash] of found) head.nodes.set(key, hash)
  return true
}
