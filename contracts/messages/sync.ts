/**
 * Ledger sync, version 1: the frames of a sync stream and the news on the ledger topic. Unsigned: the
 * heads inside are signed by the authors of the logs, and nothing else in a frame is believed.
 */
import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from '../cbor.ts'
import { MeshError } from '../errors.ts'
import {
  FORK_PROOF_BYTES_MAX,
  FRAME_BYTES_MAX,
  GOSSIP_BYTES_MAX,
  LEDGER_BATCH_ENTRIES_MAX,
  LEDGER_ENTRY_BYTES_MAX,
  SYNC_BUNDLE_ENTRIES_MAX,
  SYNC_FORKS_PER_FRAME,
  SYNC_HEADS_PER_FRAME
} from '../limits.ts'
import { bytes, readShape, uint } from '../shape.ts'

const hash = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length === 32,
  '32 bytes'
)
const v = z.literal(1)
const head = bytes(1024)
const entries = (countMax: number) => z.array(bytes(LEDGER_ENTRY_BYTES_MAX)).max(countMax)

/** First word of both sides: a hash over all heads. Where both say the same, that was all. */
const Digest = z.strictObject({ v, t: z.literal('digest'), digest: hash, logs: uint() })
/** Every head that is held, in frames; `more` in all but the last. */
const Heads = z.strictObject({
  v,
  t: z.literal('heads'),
  heads: z.array(z.tuple([hash, uint(), hash])).max(SYNC_HEADS_PER_FRAME),
  more: z.boolean()
})
/** Send whole batches of this log from here on. Answered by one bundle or by `none`. */
const Want = z.strictObject({ v, t: z.literal('want'), log: hash, from: uint() })
const BundleFrame = z.strictObject({
  v,
  t: z.literal('bundle'),
  log: hash,
  from: uint(),
  head,
  entries: entries(SYNC_BUNDLE_ENTRIES_MAX).min(1)
})
const None = z.strictObject({ v, t: z.literal('none'), log: hash, from: uint() })
/** Logs whose authors are known to have said two things: what shows it is here to be asked for. */
const Forks = z.strictObject({
  v,
  t: z.literal('forks'),
  logs: z.array(hash).min(1).max(SYNC_FORKS_PER_FRAME)
})
/** Show it of this log, which the peer has named. Answered by one proof. */
const Prove = z.strictObject({ v, t: z.literal('prove'), log: hash })
const Proof = z.strictObject({
  v,
  t: z.literal('proof'),
  log: hash,
  proof: bytes(FORK_PROOF_BYTES_MAX)
})
const SyncFrame = z.discriminatedUnion('t', [
  Digest,
  Heads,
  Want,
  BundleFrame,
  None,
  Forks,
  Prove,
  Proof
])
export type SyncFrame = z.infer<typeof SyncFrame>

/** A log has grown: its new head, and the entries before it where they fit one gossip message. */
export const LedgerNews = z.strictObject({
  v,
  t: z.literal('news'),
  head,
  entries: entries(LEDGER_BATCH_ENTRIES_MAX)
})
export type LedgerNews = z.infer<typeof LedgerNews>

export function encodeSyncFrame(frame: SyncFrame): Uint8Array {
  const raw = encodeCanonical(frame)
  if (raw.length > FRAME_BYTES_MAX) {
    throw new MeshError('contracts.too_large', { bytes: raw.length, bytesMax: FRAME_BYTES_MAX })
  }
  return raw
}

export const openSyncFrame = (raw: Uint8Array): SyncFrame =>
  readShape(SyncFrame, decodeCanonical(raw, { bytesMax: FRAME_BYTES_MAX }), 'ledger.sync_malformed')

export const openLedgerNews = (raw: Uint8Array): LedgerNews =>
  readShape(
    LedgerNews,
    decodeCanonical(raw, { bytesMax: GOSSIP_BYTES_MAX }),
    'ledger.sync_malformed'
  )
