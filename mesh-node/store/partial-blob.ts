/**
 * A blob on its way to disk. Bytes go to a partial file in order; what a killed process left is read
 * again to hash it and is gone on with. Says nothing of who sent what.
 */
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { type Cid, cidDigest, equalBytes } from '#contracts'
import type { WriterPorts } from './blob-disk.ts'
import { hashFile } from './blob-file.ts'
import type { BlobWriter } from './blob-store.ts'
import { diskError, type StoreFolder } from './store-folder.ts'

/** Bytes after which a sync is started in the background. */
const SYNC_BYTES = 8 * 1024 * 1024

interface PartialPorts extends WriterPorts {
  readonly folder: StoreFolder
}

export class PartialBlob implements BlobWriter {
  readonly #cid: Cid
  readonly #path: string
  readonly #ports: PartialPorts
  readonly #file: FileHandle
  readonly #hash: Hash
  #offset: number
  #written: number
  #waiting: Uint8Array[] = []
  #unsynced = 0
  #syncing: Promise<void> | null = null
  #order: Promise<void> = Promise.resolve()
  #open = true

  private constructor(
    cid: Cid,
    ports: PartialPorts,
    state: { file: FileHandle; hash: Hash; offset: number }
  ) {
    this.#cid = cid
    this.#path = ports.folder.partialPath(cid)
    this.#ports = ports
    this.#file = state.file
    this.#hash = state.hash
    this.#offset = state.offset
    this.#written = state.offset
  }

  static async open(cid: Cid, ports: PartialPorts): Promise<PartialBlob> {
    const { folder } = ports
    const path = folder.partialPath(cid)
    for (const orphan of await folder.orphans(cid)) {
      if (orphan !== path) await folder.files.rename(orphan, path).catch(() => {})
    }
    try {
      const file = await folder.files.open(path, 'a+')
      const hash = createHash('sha256')
      const offset = await hashFile(file, hash)
      return new PartialBlob(cid, ports, { file, hash, offset })
    } catch (error) {
      throw diskError(error, path)
    }
  }

  get offset(): number {
    return this.#offset
  }

  /**
   * Writes follow each other, so that a killed process leaves a beginning without holes. What comes
   * while one is under way goes out with the next.
   */
  write(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length
    this.#hash.update(bytes)
    this.#waiting.push(bytes)
    if (this.#waiting.length === 1) {
      this.#order = this.#order.then(() => this.#append())
      this.#order.catch(() => {})
    }
    return this.#order
  }

  async commit(): Promise<boolean> {
    await this.#order
    if (!equalBytes(this.#hash.copy().digest(), cidDigest(this.#cid))) return false
    try {
      await this.#file.datasync()
    } catch (error) {
      await this.discard()
      throw diskError(error, this.#path)
    }
    await this.#close()
    await this.#ports.folder.publish(this.#path, this.#cid, { sync: true })
    this.#ports.ended({ published: this.#offset, kept: false })
    return true
  }

  async digest(from: number, to: number): Promise<Uint8Array> {
    await this.#order
    const hash = createHash('sha256')
    await hashFile(this.#file, hash, { from, to })
    return hash.digest()
  }

  async suspend(): Promise<void> {
    await this.#order.catch(() => {})
    await this.#close()
    this.#ports.ended({ published: null, kept: true })
  }

  async discard(): Promise<void> {
    await this.#order.catch(() => {})
    await this.#close()
    await this.#ports.folder.remove(this.#path)
    this.#ports.ended({ published: null, kept: false })
  }

  async #append(): Promise<void> {
    const parts = this.#waiting
    this.#waiting = []
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    await this.#ports.reserve(this.#written, bytes)
    try {
      await appendAll(this.#file, parts, bytes)
    } catch (error) {
      throw diskError(error, this.#path)
    }
    this.#written += bytes
    this.#unsynced += bytes
    if (this.#unsynced >= SYNC_BYTES && this.#syncing === null) this.#syncAhead()
  }

  /** Brings to the disk what was written, while more arrives; `commit` then waits for little. */
  #syncAhead(): void {
    this.#unsynced = 0
    this.#syncing = this.#file.datasync().then(
      () => {
        this.#syncing = null
      },
      // The sync at the end meets the same fault and reports it.
      () => {
        this.#syncing = null
      }
    )
  }

  async #close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#syncing
    await this.#file.close()
  }
}

/** Appends all parts, however many calls the system makes of it. */
async function appendAll(file: FileHandle, parts: Uint8Array[], bytes: number): Promise<void> {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return file.appendFile(only)
  const { bytesWritten } = await file.writev(parts)
  if (bytesWritten === bytes) return
  let skip = bytesWritten
  for (const part of parts) {
    if (skip < part.length) await file.appendFile(part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
}
