/**
 * A receipt as a file that its owner may show to anybody: the genesis of the mesh, the node's signed
 * result, and the sequencer's signed record that accepted it. Whoever has the file needs neither the
 * mesh nor a network to check it. Reads and writes the shape; what it proves is checked elsewhere.
 */
import { z } from 'zod'
import { Receipt } from './attestation.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { MeshError } from './errors.ts'
import { LEDGER_ENTRY_BYTES_MAX, MESSAGE_ITEMS_MAX, RECEIPT_FILE_BYTES_MAX } from './limits.ts'
import { bytes, hex32, readShape } from './shape.ts'

const GENESIS_BYTES_MAX = 64 * 1024
const HEAD_BYTES_MAX = 1024

export const ReceiptFile = z.strictObject({
  v: z.literal(1),
  mesh: hex32,
  /** The signed genesis, whose hash the mesh id is. */
  genesis: bytes(GENESIS_BYTES_MAX),
  receipt: Receipt,
  /** The sequencer's entry that accepted the result, those behind it in its batch, and the head over them. */
  acceptance: z.strictObject({
    entries: z.array(bytes(LEDGER_ENTRY_BYTES_MAX)).min(1).max(MESSAGE_ITEMS_MAX),
    head: bytes(HEAD_BYTES_MAX)
  })
})
export type ReceiptFile = z.infer<typeof ReceiptFile>

/** Throws `contracts.too_large` where the batch around the acceptance does not fit in a file. */
export function encodeReceiptFile(file: ReceiptFile): Uint8Array {
  const raw = encodeCanonical(readShape(ReceiptFile, file, 'receipt.malformed'))
  if (raw.length <= RECEIPT_FILE_BYTES_MAX) return raw
  const facts = { bytes: raw.length, bytesMax: RECEIPT_FILE_BYTES_MAX }
  throw new MeshError('contracts.too_large', facts)
}

export const decodeReceiptFile = (raw: Uint8Array): ReceiptFile =>
  readShape(
    ReceiptFile,
    decodeCanonical(raw, { bytesMax: RECEIPT_FILE_BYTES_MAX }),
    'receipt.malformed'
  )
