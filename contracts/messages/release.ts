/** Lease release, version 1: the node hands leases back unrun; nothing is held against it. */
import { z } from 'zod'
import { MESSAGE_ITEMS_MAX, NAME_CHARS_MAX } from '../limits.ts'
import { leaseId, text } from '../shape.ts'

export const ReleaseMessage = z.strictObject({
  v: z.literal(1),
  leases: z.array(leaseId).min(1).max(MESSAGE_ITEMS_MAX),
  reason: text(NAME_CHARS_MAX)
})
export type ReleaseMessage = z.infer<typeof ReleaseMessage>
