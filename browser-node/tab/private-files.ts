/**
 * Blobs in the origin's private files, as the disk worker keeps them: written in place, hashed at once
 * when they are whole, or as they come where they are large, and marked then. Runs in a worker alone, where files open for writing
 * in place. A part that a closed tab left is hashed again and gone on with.
 */
import { type Cid, equalBytes, isCid, openSha256, type Sha256 } from '#contracts'
import { quickSha256 } from '../exec/quick-digest.ts'
import {
  BYTES_FOLDER,
  DISK_FOLDER,
  type DiskCalls,
  type DiskContents,
  MARKS_FOLDER
} from './disk-protocol.ts'

/** As the File System standard has it; TypeScript knows it in workers' own library alone. */
interface SyncFile {
  read(into: Uint8Array, options: { readonly at: number }): number
  write(bytes: Uint8Array, options: { readonly at: number }): number
  getSize(): number
  truncate(size: number): void
  flush(): void
  close(): void
}

declare global {
  interface FileSystemFileHandle {
    createSyncAccessHandle(): Promise<SyncFile>
  }
}

/** Read and hashed at once. */
const READ_BYTES = 1024 * 1024
/** Up to here a blob is hashed in one go by the browser's own code, for which it must be in memory. */
const WHOLE_BYTES_MAX = 64 * 1024 * 1024

interface Part {
  readonly file: SyncFile
  /** Of the first `hashed` bytes; of none as long as the blob is small. */
  readonly hash: Sha256
  hashed: number
  offset: number
}

type Answers = {
  [C in keyof DiskCalls]: (args: Parameters<DiskCalls[C]>[0]) => Promise<ReturnType<DiskCalls[C]>>
}

export class PrivateFiles implements Answers {
  readonly #bytes: FileSystemDirectoryHandle
  readonly #marks: FileSystemDirectoryHandle
  readonly #partAgeMsMax: number
  readonly #parts = new Map<Cid, Part>()

  private constructor(
    bytes: FileSystemDirectoryHandle,
    marks: FileSystemDirectoryHandle,
    partAgeMsMax: number
  ) {
    this.#bytes = bytes
    this.#marks = marks
    this.#partAgeMsMax = partAgeMsMax
  }

  static async at(root: FileSystemDirectoryHandle, partAgeMsMax: number): Promise<PrivateFiles> {
    const folder = await root.getDirectoryHandle(DISK_FOLDER, { create: true })
    const bytes = await folder.getDirectoryHandle(BYTES_FOLDER, { create: true })
    const marks = await folder.getDirectoryHandle(MARKS_FOLDER, { create: true })
    return new PrivateFiles(bytes, marks, partAgeMsMax)
  }

  /** What is there; parts that nobody went on with for long are removed. */
  async open({ nowMs }: { readonly nowMs: number }): Promise<DiskContents> {
    const marked = new Map<string, number>()
    for await (const [cid, handle] of this.#marks.entries()) {
      if (isFile(handle)) marked.set(cid, (await handle.getFile()).lastModified)
    }
    const blobs: { cid: string; size: number; usedAtMs: number }[] = []
    const partials: string[] = []
    for await (const [cid, handle] of this.#bytes.entries()) {
      if (!isFile(handle) || !isCid(cid)) continue
      const { size, lastModified } = await handle.getFile()
      const usedAtMs = marked.get(cid)
      if (usedAtMs !== undefined) blobs.push({ cid, size, usedAtMs })
      else if (nowMs - lastModified > this.#partAgeMsMax) await remove(this.#bytes, cid)
      else partials.push(cid)
    }
    blobs.sort((a, b) => a.usedAtMs - b.usedAtMs)
    return { blobs, partials }
  }

  async write({ cid, bytes }: { readonly cid: Cid; readonly bytes: Uint8Array }): Promise<null> {
    const file = await this.#openSync(cid)
    try {
      file.truncate(0)
      writeAll(file, bytes, 0)
      file.flush()
    } finally {
      file.close()
    }
    await this.#mark(cid)
    return null
  }

  async digest({ cid }: { readonly cid: Cid }): Promise<{ digest: Uint8Array; size: number }> {
    const file = await (await this.#bytes.getFileHandle(cid)).getFile()
    if (file.size <= WHOLE_BYTES_MAX) {
      const bytes = new Uint8Array(await file.arrayBuffer())
      return { digest: await quickSha256(bytes), size: file.size }
    }
    const hash = openSha256()
    for (let at = 0; at < file.size; at += READ_BYTES) {
      hash.update(new Uint8Array(await file.slice(at, at + READ_BYTES).arrayBuffer()))
    }
    return { digest: hash.digest(), size: file.size }
  }

  /** The mark goes first: a blob without it is a part at worst. */
  async remove({ cid }: { readonly cid: Cid }): Promise<boolean> {
    const wasMarked = await remove(this.#marks, cid)
    return (await remove(this.#bytes, cid)) || wasMarked
  }

  /** Used now: a mark is as old as the last use. */
  async touch({ cid }: { readonly cid: Cid }): Promise<null> {
    await this.#mark(cid)
    return null
  }

  async partOpen({ cid }: { readonly cid: Cid }): Promise<number> {
    const file = await this.#openSync(cid)
    const part: Part = { file, hash: openSha256(), hashed: 0, offset: file.getSize() }
    hashLarge(part)
    this.#parts.set(cid, part)
    return part.offset
  }

  async partWrite({
    cid,
    bytes
  }: {
    readonly cid: Cid
    readonly bytes: Uint8Array
  }): Promise<null> {
    const part = this.#part(cid)
    writeAll(part.file, bytes, part.offset)
    part.offset += bytes.length
    hashLarge(part)
    return null
  }

  async partCommit({
    cid,
    digest
  }: {
    readonly cid: Cid
    readonly digest: Uint8Array
  }): Promise<boolean> {
    const part = this.#part(cid)
    if (!equalBytes(await digestOf(part), digest)) return false
    part.file.flush()
    this.#close(cid, part)
    await this.#mark(cid)
    return true
  }

  async partDigest({
    cid,
    from,
    to
  }: {
    readonly cid: Cid
    readonly from: number
    readonly to: number
  }): Promise<Uint8Array> {
    const hash = openSha256()
    hashPart(this.#part(cid).file, hash, { from, to })
    return hash.digest()
  }

  async partClose({ cid, keep }: { readonly cid: Cid; readonly keep: boolean }): Promise<null> {
    const part = this.#parts.get(cid)
    if (part !== undefined) {
      if (keep) part.file.flush()
      this.#close(cid, part)
    }
    if (!keep) await remove(this.#bytes, cid)
    return null
  }

  #part(cid: Cid): Part {
    const part = this.#parts.get(cid)
    if (part === undefined) throw new Error(`no part of ${cid} is open`)
    return part
  }

  #close(cid: Cid, { file }: Part): void {
    this.#parts.delete(cid)
    file.close()
  }

  async #openSync(cid: Cid): Promise<SyncFile> {
    return (await this.#bytes.getFileHandle(cid, { create: true })).createSyncAccessHandle()
  }

  async #mark(cid: Cid): Promise<void> {
    const mark = await (
      await this.#marks.getFileHandle(cid, { create: true })
    ).createSyncAccessHandle()
    try {
      mark.write(new Uint8Array([1]), { at: 0 })
      mark.flush()
    } finally {
      mark.close()
    }
  }
}

const isFile = (handle: FileSystemHandle): handle is FileSystemFileHandle => handle.kind === 'file'

async function remove(folder: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await folder.removeEntry(name)
    return true
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return false
    throw error
  }
}

function writeAll(file: SyncFile, bytes: Uint8Array, at: number): void {
  for (let written = 0; written < bytes.length; ) {
    const more = file.write(bytes.subarray(written), { at: at + written })
    if (more === 0) throw new DOMException('nothing was written', 'QuotaExceededError')
    written += more
  }
}

/** Goes on behind what is hashed, once the blob is too large for memory. */
function hashLarge(part: Part): void {
  const { file, hash, hashed: from, offset: to } = part
  if (to > WHOLE_BYTES_MAX) part.hashed += hashPart(file, hash, { from, to })
}

function digestOf({ file, hash, offset }: Part): Promise<Uint8Array> | Uint8Array {
  if (offset > WHOLE_BYTES_MAX) return hash.digest()
  const bytes = new Uint8Array(offset)
  let at = 0
  while (at < offset) {
    const read = file.read(bytes.subarray(at), { at })
    if (read === 0) break
    at += read
  }
  return quickSha256(bytes)
}

function hashPart(
  file: SyncFile,
  hash: Sha256,
  { from, to }: { from: number; to: number }
): number {
  const buffer = new Uint8Array(READ_BYTES)
  let offset = from
  while (offset < to) {
    const read = file.read(buffer.subarray(0, Math.min(READ_BYTES, to - offset)), { at: offset })
    if (read === 0) break
    hash.update(buffer.subarray(0, read))
    offset += read
  }
  return offset - from
}
