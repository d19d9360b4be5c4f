/** Acknowledgement, version 1: what became of results, with the reason the node can read. No silent bans. */
import { z } from 'zod'
import { MESSAGE_ITEMS_MAX, NAME_CHARS_MAX } from '../limits.ts'
import { leaseId, text, uint } from '../shape.ts'

export const VERDICTS = ['accepted', 'rejected', 'redundant'] as const
export type Verdict = (typeof VERDICTS)[number]
export const AckMessage = z.strictObject({
  v: z.literal(1),
  verdicts: z
    .array(
      z.strictObject({
        lease_id: leaseId,
        verdict: z.enum(VERDICTS),
        reason: text(NAME_CHARS_MAX),
        earned_micro: uint()
      })
    )
    .min(1)
    .max(MESSAGE_ITEMS_MAX)
})
export type AckMessage = z.infer<typeof AckMessage>
