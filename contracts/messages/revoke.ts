/** Lease revocation, version 1: stop these attempts; their results are no longer wanted. */
import { z } from 'zod'
import { MESSAGE_ITEMS_MAX } from '../limits.ts'
import { leaseId } from '../shape.ts'

export const REVOKE_REASONS = ['expired', 'cancelled', 'settled', 'unknown'] as const
export const RevokeMessage = z.strictObject({
  v: z.literal(1),
  leases: z.array(leaseId).min(1).max(MESSAGE_ITEMS_MAX),
  reason: z.enum(REVOKE_REASONS)
})
export type RevokeMessage = z.infer<typeof RevokeMessage>
