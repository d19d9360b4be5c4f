/**
 * Claim, version 1: a node offers to run so many units of these kinds and models. A standing claim
 * holds for later batches until it is withdrawn or replaced by a claim with the same id.
 */
import { z } from 'zod'
import { MESSAGE_ITEMS_MAX, NODE_LEASES_MAX } from '../limits.ts'
import { cid } from '../model-manifest.ts'
import { hex32, uint } from '../shape.ts'
import { UNIT_KINDS } from '../work-unit.ts'

export const ClaimMessage = z.strictObject({
  v: z.literal(1),
  claim: uint(),
  /** The announcement it answers; null for a standing claim renewed on its own. */
  batch: hex32.nullable(),
  kinds: z.array(z.enum(UNIT_KINDS)).max(UNIT_KINDS.length),
  /** Models whose golden vectors this node has reproduced. */
  models: z.array(cid).max(MESSAGE_ITEMS_MAX),
  /**
   * Standing: the most leases that the node holds at once under this claim, those it has already
   * included. Otherwise: how many leases it takes for this batch.
   */
  slots: uint(NODE_LEASES_MAX),
  standing: z.boolean()
})
export type ClaimMessage = z.infer<typeof ClaimMessage>
