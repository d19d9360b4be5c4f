/** Reveal request, version 1: enough commitments are in; send these results. */
import { z } from 'zod'
import { MESSAGE_ITEMS_MAX } from '../limits.ts'
import { leaseId } from '../shape.ts'

export const RevealMessage = z.strictObject({
  v: z.literal(1),
  leases: z.array(leaseId).min(1).max(MESSAGE_ITEMS_MAX)
})
export type RevealMessage = z.infer<typeof RevealMessage>
