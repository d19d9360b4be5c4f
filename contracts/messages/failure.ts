/** Failures, version 1: attempts that ended without a result, each with its class and code. */
import { z } from 'zod'
import { MESSAGE_ITEMS_MAX, NAME_CHARS_MAX, PROSE_CHARS_MAX } from '../limits.ts'
import { leaseId, text } from '../shape.ts'
import { FAILURE_CLASSES } from '../states.ts'

export const FailureMessage = z.strictObject({
  v: z.literal(1),
  failures: z
    .array(
      z.strictObject({
        lease_id: leaseId,
        class: z.enum(FAILURE_CLASSES),
        code: text(NAME_CHARS_MAX),
        detail: z.string().max(PROSE_CHARS_MAX)
      })
    )
    .min(1)
    .max(MESSAGE_ITEMS_MAX)
})
export type FailureMessage = z.infer<typeof FailureMessage>
