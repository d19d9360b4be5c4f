/** A folder of a file system as the disk below a shelf of blobs. Decides nothing about blobs. */
import type { Cid } from '#contracts'
import type { BlobDisk, Digested, WriterPorts } from './blob-disk.ts'
import { digestFile, fileReader } from './blob-file.ts'
import type { BlobReader, BlobWriter } from './blob-store.ts'
import { PartialBlob } from './partial-blob.ts'
import type { StoreFolder } from './store-folder.ts'

export class FolderDisk implements BlobDisk {
  readonly #folder: StoreFolder

  constructor(folder: StoreFolder) {
    this.#folder = folder
  }

  pathOf(cid: Cid): string {
    return this.#folder.blobPath(cid)
  }

  sizeOf(cid: Cid): Promise<number | null> {
    return this.#folder.sizeOf(this.pathOf(cid))
  }

  async openReader(cid: Cid, closed: () => void): Promise<BlobReader | null> {
    const file = await this.#folder.openBlob(cid)
    return file === null ? null : fileReader(file, closed)
  }

  digest(cid: Cid): Promise<Digested> {
    return digestFile(this.#folder.files, this.pathOf(cid))
  }

  async write(cid: Cid, bytes: Uint8Array, options: { readonly sync: boolean }): Promise<void> {
    const temporary = await this.#folder.writeTemporary(bytes, options)
    await this.#folder.publish(temporary, cid, options)
  }

  openWriter(cid: Cid, ports: WriterPorts): Promise<BlobWriter> {
    return PartialBlob.open(cid, { folder: this.#folder, ...ports })
  }

  putAside(cid: Cid): Promise<string> {
    return this.#folder.quarantine(cid)
  }

  remove(cid: Cid): Promise<boolean> {
    return this.#folder.remove(this.pathOf(cid))
  }
}
