/**
 * Lease grant, version 1: the gateway lets one node run these attempts until they expire. The unit's
 * bytes come along, and small inputs with them; larger ones are fetched by hash.
 */
import { z } from 'zod'
import { sha256HexOf } from '#contracts/platform'
import { type LeaseId, parseLeaseId, type UnitId } from '../ids.ts'
import { INLINE_BLOB_BYTES_MAX, MESSAGE_ITEMS_MAX, WORK_UNIT_BYTES_MAX } from '../limits.ts'
import { bytes, leaseId, uint } from '../shape.ts'
import type { PeerId } from '../signing.ts'

export const LeaseOffer = z.strictObject({
  lease_id: leaseId,
  attempt: uint(),
  unit: bytes(WORK_UNIT_BYTES_MAX),
  /** On the gateway's clock, for people; what binds is `ttl_ms` from receipt. */
  expires_at_ms: uint(),
  ttl_ms: uint(86_400_000).min(1),
  /** Send a commitment first, and the result only when asked (quorum). */
  commit: z.boolean()
})
export type LeaseOffer = z.infer<typeof LeaseOffer>

export const GrantMessage = z.strictObject({
  v: z.literal(1),
  leases: z.array(LeaseOffer).min(1).max(MESSAGE_ITEMS_MAX),
  blobs: z.array(bytes(INLINE_BLOB_BYTES_MAX)).max(MESSAGE_ITEMS_MAX)
})
export type GrantMessage = z.infer<typeof GrantMessage>

/** One lease per (unit, attempt, node): the same grant made again after a crash has the same id. */
export function leaseIdOf(unit: UnitId, attempt: number, node: PeerId): LeaseId {
  const digest = sha256HexOf(`kora/lease/v1\0${unit}\0${attempt}\0${node}`)
  return parseLeaseId(`l${digest.slice(0, 32)}`)
}
