/** Heartbeat, version 1: the node lives, and how busy it is. */
import { z } from 'zod'
import { uint } from '../shape.ts'

export const HEARTBEAT_HEALTH = ['healthy', 'degraded', 'down'] as const
export const HeartbeatMessage = z.strictObject({
  v: z.literal(1),
  seq: uint(),
  health: z.enum(HEARTBEAT_HEALTH),
  running: uint(),
  queued: uint(),
  free_memory_mb: uint()
})
export type HeartbeatMessage = z.infer<typeof HeartbeatMessage>
