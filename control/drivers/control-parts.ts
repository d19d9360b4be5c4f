/**
 * Bytes of control messages, for both ends: small ones ride in the message as long as it has room,
 * larger ones lie in a store and go by hash. Fetches nothing itself.
 */
import {
  type Cid,
  CONTROL_INLINE_BYTES_MAX,
  CONTROL_INLINE_TOTAL_BYTES_MAX,
  type ControlPart
} from '#contracts'

/** Packs the parts of one message. */
export class PartPacker {
  readonly #keep: (bytes: Uint8Array) => Promise<Cid>
  #room = CONTROL_INLINE_TOTAL_BYTES_MAX

  constructor(keep: (bytes: Uint8Array) => Promise<Cid>) {
    this.#keep = keep
  }

  /** Whether so many bytes may still ride along. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= CONTROL_INLINE_BYTES_MAX && bytes <= this.#room
  }

  async pack(bytes: Uint8Array): Promise<ControlPart> {
    if (!this.hasRoomFor(bytes.length)) return { cid: await this.#keep(bytes), bytes: bytes.length }
    this.#room -= bytes.length
    return { inline: bytes }
  }
}

export const partBytes = (part: ControlPart): number =>
  'inline' in part ? part.inline.length : part.bytes

/** A part's bytes; `fetch` is asked for those that are not in the message. */
export async function unpack(
  part: ControlPart,
  fetch: (cid: Cid, bytesMax: number) => Promise<Uint8Array>
): Promise<Uint8Array> {
  return 'inline' in part ? part.inline : await fetch(part.cid, part.bytes)
}
