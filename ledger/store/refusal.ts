/**
 * What checking found wrong with a stored entry, as bytes beside it: its shape, or receipts in it.
 * An entry without such a record was whole, so opening a store need not check it again.
 */

import { z } from 'zod'
import {
  decodeCanonical,
  encodeCanonical,
  MESSAGE_ITEMS_MAX,
  type PlacedEntry,
  readCheckedEntry,
  readEntry,
  readShape
} from '#contracts'
import {
  NO_REFUSED_RECEIPTS,
  type PreparedEntry,
  prepareCheckedEntry,
  type RefusedReceipts,
  refusedReceipts
} from '../fold/prepared.ts'
import { RECEIPT_RULES } from '../fold/receipts.ts'

const Refusal = z.strictObject({
  v: z.literal(1),
  shape: z.boolean(),
  receipts: z.array(z.tuple([z.int().min(0), z.enum(RECEIPT_RULES)])).max(MESSAGE_ITEMS_MAX)
})
/** A rule for each of MESSAGE_ITEMS_MAX receipts. */
const REFUSAL_BYTES_MAX = 64 * 1024

/** Null where nothing is to be remembered. */
export function encodeRefusal(prepared: PreparedEntry): Uint8Array | null {
  const shape = prepared.entry.kind === 'refused'
  const receipts = refusedReceipts(prepared)
  if (!shape && receipts.size === 0) return null
  return encodeCanonical({ v: 1, shape, receipts: [...receipts] })
}

/** Reads a stored entry whose bytes the chain has vouched for. */
export function readPlaced(
  raw: Uint8Array,
  hash: Uint8Array,
  refusal: Uint8Array | undefined
): PlacedEntry {
  const isWhole = refusal === undefined || !decodeRefusal(refusal).shape
  return isWhole ? readCheckedEntry(raw, hash) : readEntry(raw)
}

/** The same, with what its receipts say. */
export function readStored(
  raw: Uint8Array,
  hash: Uint8Array,
  refusal: Uint8Array | undefined
): PreparedEntry {
  const entry = readPlaced(raw, hash, refusal)
  if (refusal === undefined) return prepareCheckedEntry(entry, NO_REFUSED_RECEIPTS)
  const refused: RefusedReceipts = new Map(decodeRefusal(refusal).receipts)
  return prepareCheckedEntry(entry, refused)
}

const decodeRefusal = (refusal: Uint8Array): z.infer<typeof Refusal> =>
  readShape(
    Refusal,
    decodeCanonical(refusal, { bytesMax: REFUSAL_BYTES_MAX }),
    'ledger.store_corrupted'
  )
