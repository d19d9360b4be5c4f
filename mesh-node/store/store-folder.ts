/**
 * The folder of a blob store: its layout, how it is recognised, and files that appear whole or not
 * at all. Refuses a folder that is not such a store and never writes into one.
 *
 *   layout.json        names the layout and its version
 *   blobs/xy/<cid>     complete blobs; xy are two characters of the id that spread evenly
 *   partial/<cid>.<pid>.part   blobs on their way; a dead process's are taken up by the next
 *   temporary/         files before their rename
 *   corrupted/         blobs whose bytes no longer hash to their name, kept for a look
 */
import type { FileHandle } from 'node:fs/promises'
import * as nodeFiles from 'node:fs/promises'
import { join } from 'node:path'
import { BLOB_PARTIAL_AGE_MS_MAX, type Cid, isCid, MeshError } from '#contracts'
import type { FoundBlob } from './blob-disk.ts'

/** The part of `node:fs/promises` that a store uses; tests put a failing disk in its place. */
export type StoreFiles = Pick<
  typeof nodeFiles,
  'mkdir' | 'open' | 'readdir' | 'readFile' | 'rename' | 'stat' | 'unlink'
>

const LAYOUT = '{"kora_blob_store":1}\n'
const LAYOUT_FILE = 'layout.json'
const FOLDERS = {
  blobs: 'blobs',
  partial: 'partial',
  temporary: 'temporary',
  corrupted: 'corrupted'
} as const

export class StoreFolder {
  readonly dir: string
  readonly files: StoreFiles
  #temporaries = 0

  private constructor(dir: string, files: StoreFiles) {
    this.dir = dir
    this.files = files
  }

  static async open(dir: string, files: StoreFiles = nodeFiles): Promise<StoreFolder> {
    const folder = new StoreFolder(dir, files)
    try {
      await folder.#check()
      await folder.#tidy()
    } catch (error) {
      throw diskError(error, dir)
    }
    return folder
  }

  blobPath(cid: Cid): string {
    return join(this.#shard(cid), cid)
  }

  /** The file of a complete blob, open for reading; null where there is none. */
  async openBlob(cid: Cid): Promise<FileHandle | null> {
    try {
      return await this.files.open(this.blobPath(cid), 'r')
    } catch (error) {
      ignoreMissing(error)
      return null
    }
  }

  partialPath(cid: Cid): string {
    return join(this.dir, FOLDERS.partial, `${cid}.${process.pid}.part`)
  }

  /** Blobs of which a dead process left a part. */
  async partials(): Promise<readonly Cid[]> {
    const names = await this.files.readdir(join(this.dir, FOLDERS.partial))
    return names
      .filter((name) => !isWritten(name))
      .flatMap((name) => {
        const cid = name.split('.', 1)[0] ?? ''
        return isCid(cid) ? [cid] : []
      })
  }

  /** Partial files of a blob that no living process writes. */
  async orphans(cid: Cid): Promise<readonly string[]> {
    const names = await this.files.readdir(join(this.dir, FOLDERS.partial))
    return names
      .filter((name) => name.startsWith(`${cid}.`) && !isWritten(name))
      .map((name) => join(this.dir, FOLDERS.partial, name))
  }

  temporaryPath(): string {
    return join(this.dir, FOLDERS.temporary, `${process.pid}.${this.#temporaries++}`)
  }

  /** Writes a file that nobody sees before it is whole, and gives its path. */
  async writeTemporary(bytes: Uint8Array, { sync }: { sync: boolean }): Promise<string> {
    const path = this.temporaryPath()
    try {
      const file = await this.files.open(path, 'wx')
      try {
        await file.writeFile(bytes)
        if (sync) await file.datasync()
      } finally {
        await file.close()
      }
    } catch (error) {
      await this.remove(path)
      throw diskError(error, path)
    }
    return path
  }

  /** Makes a finished file the blob of this id; on a disk that syncs, it is there for good. */
  async publish(path: string, cid: Cid, { sync }: { sync: boolean }): Promise<void> {
    const shard = this.#shard(cid)
    try {
      await this.files.mkdir(shard, { recursive: true })
      await this.files.rename(path, join(shard, cid))
      if (sync) await this.#syncFolder(shard)
    } catch (error) {
      await this.remove(path)
      throw diskError(error, shard)
    }
  }

  /** Puts a blob aside whose bytes are not what its name says. */
  async quarantine(cid: Cid): Promise<string> {
    const aside = join(this.dir, FOLDERS.corrupted, cid)
    await this.files.rename(this.blobPath(cid), aside).catch(ignoreMissing)
    return aside
  }

  async remove(path: string): Promise<boolean> {
    try {
      await this.files.unlink(path)
      return true
    } catch (error) {
      ignoreMissing(error)
      return false
    }
  }

  async sizeOf(path: string): Promise<number | null> {
    try {
      return (await this.files.stat(path)).size
    } catch (error) {
      ignoreMissing(error)
      return null
    }
  }

  /** Every complete blob, the longest unused first. */
  async scan(): Promise<readonly FoundBlob[]> {
    const root = join(this.dir, FOLDERS.blobs)
    const found: FoundBlob[] = []
    for (const shard of await this.files.readdir(root)) {
      const names = await this.files.readdir(join(root, shard)).catch((error: unknown) => {
        throw corrupted(join(root, shard), `a folder of blobs was expected: ${error}`)
      })
      for (const cid of names) {
        const path = join(root, shard, cid)
        if (!isCid(cid) || shardOf(cid) !== shard)
          throw corrupted(path, 'not a blob of this folder')
        const { size, mtimeMs, atimeMs } = await this.files.stat(path)
        found.push({ cid, size, usedAtMs: Math.max(mtimeMs, atimeMs) })
      }
    }
    return found.sort((a, b) => a.usedAtMs - b.usedAtMs)
  }

  #shard(cid: Cid): string {
    return join(this.dir, FOLDERS.blobs, shardOf(cid))
  }

  async #syncFolder(path: string): Promise<void> {
    const folder = await this.files.open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  async #check(): Promise<void> {
    await this.files.mkdir(this.dir, { recursive: true })
    const names = await this.files.readdir(this.dir)
    const path = join(this.dir, LAYOUT_FILE)
    if (!names.includes(LAYOUT_FILE)) {
      const known: readonly string[] = Object.values(FOLDERS)
      const foreign = names.find((name) => !known.includes(name))
      if (foreign !== undefined) throw corrupted(join(this.dir, foreign), 'not a blob store')
      for (const folder of known)
        await this.files.mkdir(join(this.dir, folder), { recursive: true })
      const temporary = await this.writeTemporary(Buffer.from(LAYOUT), { sync: true })
      await this.files.rename(temporary, path)
      return
    }
    const layout = await this.files.readFile(path, 'utf8')
    if (layout !== LAYOUT) throw corrupted(path, 'unknown layout')
    for (const folder of Object.values(FOLDERS)) {
      if (!names.includes(folder)) throw corrupted(join(this.dir, folder), 'missing')
    }
  }

  /** Removes what dead processes left and nobody can use. */
  async #tidy(): Promise<void> {
    for (const name of await this.files.readdir(join(this.dir, FOLDERS.temporary))) {
      if (!isWritten(`.${name}`)) await this.remove(join(this.dir, FOLDERS.temporary, name))
    }
    for (const name of await this.files.readdir(join(this.dir, FOLDERS.partial))) {
      const path = join(this.dir, FOLDERS.partial, name)
      const age = Date.now() - (await this.files.stat(path)).mtimeMs
      if (!isWritten(name) && age > BLOB_PARTIAL_AGE_MS_MAX) await this.remove(path)
    }
  }
}

const shardOf = (cid: Cid): string => cid.slice(-4, -2)

/** Whether the process whose id is in `<anything>.<pid>.<anything>` lives and is another one. */
function isWritten(name: string): boolean {
  const pid = Number(name.split('.')[1])
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

const corrupted = (path: string, reason: string): MeshError =>
  new MeshError('store.corrupted', { path, reason: reason.slice(0, 200) })

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

/** A disk's refusal as a typed error; anything else as it is. */
export function diskError(error: unknown, path: string): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new MeshError('store.disk_full', { path }, { cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new MeshError('store.unwritable', { path }, { cause: error })
    case 'EEXIST':
    case 'ENOTDIR':
      return corrupted(path, 'not a folder')
    default:
      return error
  }
}
