/**
 * Announcements as they go out: with their units where they fit one gossip message, else with the id
 * of a blob that holds the encoded list of them.
 */
import {
  type AnnouncementMessage,
  type Cid,
  encodeCanonical,
  GOSSIP_BYTES_MAX,
  type MeshId,
  type Signer,
  sealAnnouncement
} from '#contracts'

/** Header, ids, wants and signature beside the units. */
const ENVELOPE_BYTES_MAX = 16 * 1024

export interface PackPorts {
  readonly mesh: MeshId
  readonly signer: Signer
  /** Stores the list of units and says under which id. */
  readonly keep: (bytes: Uint8Array) => Promise<Cid>
}

export async function packAnnouncement(
  body: AnnouncementMessage,
  { mesh, signer, keep }: PackPorts
): Promise<Uint8Array> {
  const unitsBytes = body.units.reduce((sum, { length }) => sum + length, 0)
  if (unitsBytes + ENVELOPE_BYTES_MAX <= GOSSIP_BYTES_MAX) {
    return sealAnnouncement(body, { mesh, signer })
  }
  const units_cid = await keep(encodeCanonical(body.units))
  return sealAnnouncement({ ...body, units: [], units_cid }, { mesh, signer })
}
