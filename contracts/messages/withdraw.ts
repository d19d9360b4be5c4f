/** Claim withdrawal, version 1: the node takes no new leases under this claim, and says why. */
import { z } from 'zod'
import { uint } from '../shape.ts'

export const WITHDRAW_REASONS = ['draining', 'paused', 'model_refused', 'full'] as const
export const WithdrawMessage = z.strictObject({
  v: z.literal(1),
  claim: uint(),
  reason: z.enum(WITHDRAW_REASONS)
})
export type WithdrawMessage = z.infer<typeof WithdrawMessage>
