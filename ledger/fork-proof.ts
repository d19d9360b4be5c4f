/**
 * The proof that an author said two things: two signed heads of one log that cannot both be right, as a
 * ledger keeps them when it finds them. Whoever has it needs no ledger to check it. It accuses nobody
 * whose signatures it does not hold.
 */
import { z } from 'zod'
import {
  bytes,
  decodeCanonical,
  encodeCanonical,
  equalBytes,
  FORK_PROOF_BYTES_MAX,
  LEDGER_ENTRY_BYTES_MAX,
  type LogId,
  MeshError,
  type MeshId,
  openHead,
  readEntry,
  readShape,
  type SignedHead,
  SYNC_BUNDLE_ENTRIES_MAX,
  type Verifier
} from '#contracts'

const Proof = z.strictObject({
  v: z.literal(1),
  held: bytes(1024),
  offered: bytes(1024),
  /** From behind the shorter head to the longer one, where they are not of one length. */
  entries: z.array(bytes(LEDGER_ENTRY_BYTES_MAX)).max(SYNC_BUNDLE_ENTRIES_MAX).optional()
})

export interface ProofContext {
  readonly mesh: MeshId
  readonly verifier: Verifier
}

export interface ForkProof {
  readonly log: LogId
  readonly held: SignedHead
  readonly offered: SignedHead
}

/** Throws what is wrong with it: then it shows nothing. */
export function openForkProof(raw: Uint8Array, { mesh, verifier }: ProofContext): ForkProof {
  const plain = decodeCanonical(raw, { bytesMax: FORK_PROOF_BYTES_MAX })
  const { held, offered, entries = [] } = readShape(Proof, plain, 'ledger.sync_malformed')
  const [one, other] = [held, offered].map((head) => openHead(head, { mesh, verifier }))
  if (one === undefined || other === undefined) throw new MeshError('ledger.head_malformed')
  if (one.log !== other.log) throw unproven(one, 'the heads are of two logs')
  const [shorter, longer] = one.seq <= other.seq ? [one, other] : [other, one]
  if (shorter.seq === longer.seq) {
    if (equalBytes(one.hash, other.hash)) throw unproven(one, 'the heads say the same')
  } else checkBetween(shorter, longer, entries)
  return { log: one.log, held: one, offered: other }
}

/** Two heads of one author, and what shows that they cannot both be right. */
export interface Contradiction {
  readonly held: SignedHead
  readonly offered: SignedHead
  /**
   * Of heads that are not of one length: the entries from behind the shorter one to the longer one,
   * which do not follow the shorter. Empty where both are of one length.
   */
  readonly between: readonly Uint8Array[]
}

export function packForkProof({ held, offered, between }: Contradiction): Uint8Array {
  const two = { v: 1, held: held.bytes, offered: offered.bytes }
  return encodeCanonical(between.length === 0 ? two : { ...two, entries: [...between] })
}

/** The first of the entries follows another than the shorter head's; the last is the longer one's. */
function checkBetween(shorter: SignedHead, longer: SignedHead, raws: readonly Uint8Array[]): void {
  let hash: Uint8Array | null = null
  let seq = shorter.seq
  for (const raw of raws) {
    const entry = readEntry(raw)
    seq += 1
    if (entry.log !== longer.log || entry.seq !== seq) throw unproven(longer, 'an entry is missing')
    const follows = equalBytes(entry.prev, hash ?? shorter.hash)
    if (hash === null && follows) throw unproven(longer, 'one head follows the other')
    if (hash !== null && !follows) throw unproven(longer, 'an entry does not follow')
    hash = entry.hash
  }
  if (hash === null || seq !== longer.seq || !equalBytes(hash, longer.hash)) {
    throw unproven(longer, 'the entries do not reach the head')
  }
}

const unproven = ({ log, seq }: SignedHead, what: string): MeshError =>
  new MeshError('ledger.chain_broken', { log, seq, what })
