/**
 * Work announcement, version 1: gossiped by a gateway when units are ready. It names what is wanted
 * and who may bid; the units ride along where they fit, else they are fetched by hash. A node bids
 * when its rendezvous draw is under the threshold, which widens with time.
 */
import { z } from 'zod'
import { sha256HexOf } from '#contracts/platform'
import { peerId } from '../attestation.ts'
import { decodeCanonical, encodeCanonical } from '../cbor.ts'
import { openMessage, signMessage } from '../cose.ts'
import { MeshError } from '../errors.ts'
import type { MeshId } from '../ids.ts'
import {
  BATCH_ITEMS_MAX,
  GOSSIP_BYTES_MAX,
  NAME_CHARS_MAX,
  WORK_UNIT_BYTES_MAX
} from '../limits.ts'
import { cid } from '../model-manifest.ts'
import { bytes, hex32, readShape, sessionId, text, uint } from '../shape.ts'
import type { PeerId, Signer, Verifier } from '../signing.ts'
import { UNIT_KINDS } from '../work-unit.ts'

export const ANNOUNCEMENT_TYP = 'application/vnd.kora.work-announcement.v1+cbor'

/** Thresholds are parts of 2^32: 2^32 − 1 lets every node bid. */
export const THRESHOLD_ALL = 0xffff_ffff

export const AnnouncementMessage = z.strictObject({
  v: z.literal(1),
  gateway: peerId,
  addresses: z.array(text(256)).max(8),
  session: sessionId,
  tenant: text(NAME_CHARS_MAX),
  /** RFC 9162 root over the units' canonical bytes, in hex: the batch's name. */
  batch: hex32,
  units_count: uint(BATCH_ITEMS_MAX).min(1),
  /** What the batch asks for, so that a node can decide without the units. */
  wants: z
    .array(z.strictObject({ kind: z.enum(UNIT_KINDS), model: cid.nullable(), units: uint() }))
    .min(1)
    .max(64),
  threshold: uint(THRESHOLD_ALL),
  /** The threshold doubles each time this passes. */
  widen_ms: uint(600_000).min(1),
  announced_at_ms: uint(),
  /** The units' bytes, where they fit; else empty, and `units_cid` names the encoded list. */
  units: z.array(bytes(WORK_UNIT_BYTES_MAX)).max(BATCH_ITEMS_MAX),
  units_cid: cid.nullable()
})
export type AnnouncementMessage = z.infer<typeof AnnouncementMessage>

export const sealAnnouncement = (
  body: AnnouncementMessage,
  { mesh, signer }: { mesh: MeshId; signer: Signer }
): Uint8Array =>
  signMessage({ typ: ANNOUNCEMENT_TYP, mesh, payload: encodeCanonical(body), signer })

export function openAnnouncement(
  raw: Uint8Array,
  { mesh, verifier }: { mesh: MeshId; verifier: Verifier }
): AnnouncementMessage {
  const { payload, kid } = openMessage(raw, {
    typ: ANNOUNCEMENT_TYP,
    mesh,
    verifier,
    bytesMax: GOSSIP_BYTES_MAX
  })
  const plain = decodeCanonical(payload, { bytesMax: GOSSIP_BYTES_MAX })
  const body = readShape(AnnouncementMessage, plain, 'wire.message_malformed')
  if (body.gateway !== kid)
    throw new MeshError('wire.signer_mismatch', { named: body.gateway, signer: kid })
  return body
}

/** H(batch, node) as a part of 2^32: the node's draw for this batch, which nobody chooses. */
export function rendezvousDraw(batch: string, node: PeerId): number {
  return Number.parseInt(sha256HexOf(`kora/rendezvous/v1\0${batch}\0${node}`).slice(0, 8), 16)
}

/** Milliseconds after the announcement at which a node with this draw may bid. */
export function bidDelayMs(draw: number, threshold: number, widenMs: number): number {
  let delayMs = 0
  for (let open = Math.max(1, threshold); draw > open && open < THRESHOLD_ALL; open *= 2)
    delayMs += widenMs
  return delayMs
}
