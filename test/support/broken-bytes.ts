/** Bytes as faults leave them, and what shows that a folder was left alone. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One bit in the middle is another. */
export function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const middle = copy.length >> 1
  copy[middle] = (copy[middle] ?? 0) ^ 0x40
  return copy
}

/** One bit of the last byte, which in a signed message is the signature's, is another. */
export function flippedEnd(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}

/** Every file with its hash, but for LevelDB's own housekeeping, which an opening rewrites. */
export function digests(folder: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || /\/ledger\//.test(path)) continue
    found[path.slice(folder.length)] = createHash('sha256').update(readFileSync(path)).digest('hex')
  }
  return found
}
