/**
 * Node hello, version 1: the first frame a node sends on a work stream. What the node is and can do;
 * which models it may run is said in claims, because that changes.
 */
import { z } from 'zod'
import { Backend, peerId } from '../attestation.ts'
import { MESSAGE_ITEMS_MAX, NAME_CHARS_MAX, NODE_LEASES_MAX } from '../limits.ts'
import { cid, TIERS } from '../model-manifest.ts'
import { hex32, leaseId, text, uint } from '../shape.ts'
import { UNIT_KINDS } from '../work-unit.ts'

export const NodeDescriptor = z.strictObject({
  /** Who answers for the node: leases of one quorum go to distinct owners. */
  owner: text(NAME_CHARS_MAX),
  kinds: z.array(z.enum(UNIT_KINDS)).max(UNIT_KINDS.length),
  /** Tiers that the node serves as a pod; empty: it runs no `llm` units. */
  pod_tiers: z.array(z.enum(TIERS)).max(TIERS.length),
  zones: z.array(text(NAME_CHARS_MAX)).max(16),
  region: text(NAME_CHARS_MAX).nullable(),
  memory_mb: uint(),
  accelerators: z.array(text(NAME_CHARS_MAX)).max(8),
  /** Units that run at the same time. */
  slots: uint(1_024).min(1),
  /** Leases that the node takes on at once, running ones included. */
  queue_max: uint(NODE_LEASES_MAX).min(1),
  backend: Backend
})
export type NodeDescriptor = z.infer<typeof NodeDescriptor>

export const HelloMessage = z.strictObject({
  v: z.literal(1),
  node: peerId,
  log: hex32,
  descriptor: NodeDescriptor,
  /** Leases that survived a lost connection or a restart of either side: still running, or finished and unacknowledged. */
  holding: z.array(leaseId).max(MESSAGE_ITEMS_MAX),
  models: z.array(cid).max(MESSAGE_ITEMS_MAX)
})
export type HelloMessage = z.infer<typeof HelloMessage>
