/**
 * Checks LevelDB's write-ahead logs before LevelDB opens them. By itself it drops what comes after a
 * damaged record without a word and deletes the file: a ledger would go back in time unseen. Follows
 * LevelDB's `doc/log_format.md`; reads no table (the ledger's chain vouches for those), writes nothing.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MeshError } from '#contracts'

const BLOCK_BYTES = 32_768
/** Checksum (4), length (2), type (1). */
const HEADER_BYTES = 7

/** Throws `ledger.store_corrupted` with file and offset; a record cut off at the end is a crash's. */
export function checkLevelLogs(folder: string): void {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    if (!/^\d+\.log$/.test(name)) continue
    const path = join(folder, name)
    const offset = damageIn(readFileSync(path))
    if (offset === null) continue
    throw new MeshError('ledger.store_corrupted', {
      what: 'a record of the write-ahead log is damaged',
      file: path,
      offset
    })
  }
}

/** Where the first damaged record begins; null where there is none. */
export function damageIn(log: Uint8Array): number | null {
  const view = new DataView(log.buffer, log.byteOffset, log.length)
  let at = 0
  while (at + HEADER_BYTES <= log.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left
      continue
    }
    const length = view.getUint16(at + 4, true)
    const type = log[at + 6] ?? 0
    if (type === 0 && length === 0) return isZero(log.subarray(at)) ? null : at
    const end = at + HEADER_BYTES + length
    if (HEADER_BYTES + length > left) return at
    if (end > log.length) return null
    if (unmasked(view.getUint32(at, true)) !== crc32c(log.subarray(at + 6, end))) return at
    at = end
  }
  return null
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** LevelDB turns and shifts a stored checksum, so that one of data that holds checksums stays good. */
function unmasked(stored: number): number {
  const turned = (stored - 0xa282ead8) >>> 0
  return ((turned >>> 17) | (turned << 15)) >>> 0
}

/** Castagnoli's polynomial, bits reversed. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8)
  return (value ^ 0xffffffff) >>> 0
}
