/** Gateway welcome, version 1: the gateway's answer to a hello, with which of the held leases still stand. */
import { z } from 'zod'
import { MESSAGE_ITEMS_MAX } from '../limits.ts'
import { hex32, leaseId, uint } from '../shape.ts'

export const WelcomeMessage = z.strictObject({
  v: z.literal(1),
  log: hex32,
  /** Leases of the node's `holding` that the gateway knows and still wants; the rest are dropped. */
  standing: z.array(leaseId).max(MESSAGE_ITEMS_MAX),
  heartbeat_ms: uint(600_000).min(100)
})
export type WelcomeMessage = z.infer<typeof WelcomeMessage>
