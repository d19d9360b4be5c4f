/**
 * A blob on its way to disk. Bytes go to a partial file in order; what a killed process left is read
 * again to hash it and is gone on with. Says nothing of who sent what.
 */
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { type Cid, cidDigest, equalBytes } from '#contracts'
import { hashFile } from './blob-file.ts'
import type { BlobWriter } from './blob-store.ts'
import { diskError, type StoreFolder } from './store-folder.ts'

/** How a writer ended: the size of the blob it became, or whether its bytes are kept. */
export interface PartialEnd {
  readonly published: number | null
  readonly kept: boolean
}

interface PartialPorts {
  readonly folder: StoreFolder
  /** Makes room for so many bytes more, or throws `store.full` or `blob.too_large`. */
  readonly reserve: (offset: number, bytes: number) => Promise<void>
  readonly ended: (end: PartialEnd) => void
}

export class PartialBlob implements BlobWriter {
  readonly #cid: Cid
  readonly #path: string
  readonly #ports: PartialPorts
  readonly #file: FileHandle
  readonly #hash: Hash
  #offset: number
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

  /** Writes follow each other, so that a killed process leaves a beginning without holes. */
  write(bytes: Uint8Array): Promise<void> {
    const offset = this.#offset
    this.#offset += bytes.length
    this.#hash.update(bytes)
    const written = this.#order.then(() => this.#append(offset, bytes))
    this.#order = written
    this.#order.catch(() => {})
    return written
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

  async #append(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#ports.reserve(offset, bytes.length)
    try {
      await this.#file.appendFile(bytes)
    } catch (error) {
      throw diskError(error, this.#path)
    }
  }

  async #close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#file.close()
  }
}
