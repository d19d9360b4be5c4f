/**
 * Keys of the store. A kind byte, then the log and the sequence number big-endian, so that the order
 * of keys is the order of a log. Kind bytes are on people's disks: add, never reuse.
 */
import { assert, bytesToHex, hexToBytes, type LogId, parseLogId } from '#contracts'

export const KEY = {
  /** Facts of the store itself, by name. */
  meta: 0x01,
  /** An entry, as received. */
  entry: 0x02,
  /** The signed head that ends at this entry, as received. */
  head: 0x03,
  /** What was refused in an entry: its shape, or receipts in it. */
  refusal: 0x04,
  /** Two signed heads of one log that cannot both be right. */
  conflict: 0x05
} as const
export type KeyKind = (typeof KEY)[keyof typeof KEY]

const LOG_BYTES = 32
const SEQ_BYTES = 8
const KEY_BYTES = 1 + LOG_BYTES + SEQ_BYTES
const TWO_32 = 0x1_0000_0000

export function metaKey(name: string): Uint8Array {
  return Uint8Array.of(KEY.meta, ...new TextEncoder().encode(name))
}

/** Makes keys of one log; the log's bytes are written once. */
export class LogKeys {
  readonly #log: Uint8Array

  constructor(log: LogId) {
    this.#log = hexToBytes(log)
    assert(this.#log.length === LOG_BYTES, 'a log id is 32 bytes')
  }

  key(kind: KeyKind, seq: number): Uint8Array {
    assert(Number.isSafeInteger(seq) && seq >= 0, 'a sequence number counts entries')
    const key = new Uint8Array(KEY_BYTES)
    key[0] = kind
    key.set(this.#log, 1)
    const view = new DataView(key.buffer)
    view.setUint32(1 + LOG_BYTES, Math.floor(seq / TWO_32))
    view.setUint32(1 + LOG_BYTES + 4, seq % TWO_32)
    return key
  }
}

/** Bounds of all keys of a kind. */
export const kindRange = (kind: KeyKind): { gte: Uint8Array; lt: Uint8Array } => ({
  gte: Uint8Array.of(kind),
  lt: Uint8Array.of(kind + 1)
})

export interface Place {
  readonly log: LogId
  readonly seq: number
}

/** The place that a key names, or undefined where the key is none of ours. */
export function placeOf(key: Uint8Array): Place | undefined {
  if (key.length !== KEY_BYTES) return undefined
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  const high = view.getUint32(1 + LOG_BYTES)
  const low = view.getUint32(1 + LOG_BYTES + 4)
  return {
    log: parseLogId(bytesToHex(key.subarray(1, 1 + LOG_BYTES))),
    seq: high * TWO_32 + low
  }
}
