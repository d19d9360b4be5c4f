/**
 * One file of a store at a time: hashed, read in parts, or copied in with its digest. Names no blob
 * and decides nothing.
 */
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { Digested } from './blob-disk.ts'
import type { BlobReader } from './blob-store.ts'
import type { StoreFiles } from './store-folder.ts'

const COPY_BYTES = 1024 * 1024

/** Feeds a part of a file to a hash and says how many bytes it held. */
export async function hashFile(
  file: FileHandle,
  hash: Hash,
  range: { from: number; to: number } = { from: 0, to: Number.POSITIVE_INFINITY }
): Promise<number> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES)
  let offset = range.from
  while (offset < range.to) {
    const length = Math.min(buffer.length, range.to - offset)
    const { bytesRead } = await file.read(buffer, 0, length, offset)
    if (bytesRead === 0) break
    hash.update(buffer.subarray(0, bytesRead))
    offset += bytesRead
  }
  return offset - range.from
}

export async function digestFile(files: StoreFiles, path: string): Promise<Digested> {
  const file = await files.open(path, 'r')
  const hash = createHash('sha256')
  try {
    const size = await hashFile(file, hash)
    return { digest: hash.digest(), size }
  } finally {
    await file.close()
  }
}

/** Copies and syncs a file; `guard` sees every size reached and may throw. */
export async function copyFile(
  files: StoreFiles,
  { from, to, guard }: { from: string; to: string; guard: (bytes: number) => Promise<void> }
): Promise<Digested> {
  const hash = createHash('sha256')
  const source = await files.open(from, 'r')
  try {
    await guard((await source.stat()).size)
    const target = await files.open(to, 'wx')
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES)
      let size = 0
      for (;;) {
        const { bytesRead } = await source.read(buffer, 0, buffer.length, size)
        if (bytesRead === 0) break
        size += bytesRead
        await guard(size)
        hash.update(buffer.subarray(0, bytesRead))
        await target.appendFile(buffer.subarray(0, bytesRead))
      }
      await target.datasync()
      return { digest: hash.digest(), size }
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** Reads parts of an open file and closes it once. */
export async function fileReader(file: FileHandle, closed: () => void): Promise<BlobReader> {
  const { size } = await file.stat()
  let open = true
  return {
    size,
    read: async (offset, length, into) => {
      const bytes = Math.max(0, Math.min(length, size - offset))
      const fits = into !== undefined && into.length >= bytes
      const buffer = fits ? into.subarray(0, bytes) : new Uint8Array(bytes)
      let filled = 0
      while (filled < buffer.length) {
        const at = offset + filled
        const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, at)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return buffer.subarray(0, filled)
    },
    close: async () => {
      if (!open) return
      open = false
      closed()
      await file.close()
    }
  }
}
