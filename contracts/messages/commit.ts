/**
 * Commitments, version 1: the hash of output and node id, sent before the result itself, so that no
 * node can copy what another found.
 */
import { z } from 'zod'
import { sha256 } from '#contracts/platform'
import type { Cid } from '../cid.ts'
import { MESSAGE_ITEMS_MAX } from '../limits.ts'
import { bytes32, leaseId } from '../shape.ts'
import type { PeerId } from '../signing.ts'

export const CommitMessage = z.strictObject({
  v: z.literal(1),
  commitments: z
    .array(z.strictObject({ lease_id: leaseId, commitment: bytes32 }))
    .min(1)
    .max(MESSAGE_ITEMS_MAX)
})
export type CommitMessage = z.infer<typeof CommitMessage>

export const commitmentOf = (output: Cid, node: PeerId): Uint8Array =>
  sha256(new TextEncoder().encode(`kora/commitment/v1\0${output}\0${node}`))
