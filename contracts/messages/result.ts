/**
 * Results, version 1: attestations under one signed root, and the small outputs beside them. Outputs
 * that are not here are fetched from the node by hash.
 */
import { z } from 'zod'
import {
  ATTESTATION_TYP,
  type Attestation,
  BATCH_HEAD_BYTES_MAX,
  decodeAttestation,
  type Receipt,
  signedBy
} from '../attestation.ts'
import { type Batch, batchProver, openBatchParts, signBatch } from '../batch.ts'
import type { MeshId } from '../ids.ts'
import { ATTESTATION_BYTES_MAX, INLINE_BLOB_BYTES_MAX, MESSAGE_ITEMS_MAX } from '../limits.ts'
import { bytes } from '../shape.ts'
import type { Signer, Verifier } from '../signing.ts'

export const ResultMessage = z.strictObject({
  v: z.literal(1),
  /** The signed head of the batch that `attestations` are. */
  head: bytes(BATCH_HEAD_BYTES_MAX),
  attestations: z.array(bytes(ATTESTATION_BYTES_MAX)).min(1).max(MESSAGE_ITEMS_MAX),
  outputs: z.array(bytes(INLINE_BLOB_BYTES_MAX)).max(MESSAGE_ITEMS_MAX)
})
export type ResultMessage = z.infer<typeof ResultMessage>

/** What a result message proves: each attestation, and on demand the receipt that shows it alone. */
export interface OpenedResults {
  readonly attestations: readonly Attestation[]
  receipt(index: number): Receipt
}

/** Signs encoded attestations as one batch. */
export const signResults = (
  attestations: readonly Uint8Array[],
  { mesh, signer }: { mesh: MeshId; signer: Signer }
): Batch => signBatch({ typ: ATTESTATION_TYP, mesh, items: attestations, signer })

/** Checks head, root and every attestation's shape and signer. */
export function openResults(
  body: Pick<ResultMessage, 'head' | 'attestations'>,
  { mesh, verifier }: { mesh: MeshId; verifier: Verifier }
): OpenedResults {
  const batch = openBatchParts(
    { head: body.head, items: body.attestations },
    { typ: ATTESTATION_TYP, mesh, verifier, bytesMax: BATCH_HEAD_BYTES_MAX }
  )
  return resultsOf(batch)
}

/** The same view of a batch that was signed here. */
export function resultsOf(batch: Batch): OpenedResults {
  const attestations = batch.items.map((item) => signedBy(decodeAttestation(item), batch.kid))
  return { attestations, receipt: receiptsOf(batch) }
}

/** Its receipts alone. */
export function receiptsOf(batch: Batch): (index: number) => Receipt {
  const prove = batchProver(batch)
  return (index) => {
    const { head, item, path } = prove(index)
    return { head, item, path: [...path], index }
  }
}
