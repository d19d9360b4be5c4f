/**
 * Blobs in a folder by content id. A blob is there whole or not at all: files are written aside,
 * synced, hashed and renamed. Never starts on a folder that is not such a store. Several processes
 * may share a folder; each evicts what it knows.
 */
import { type Cid, cidOfBlobDigest } from '#contracts'
import { copyFile } from './blob-file.ts'
import { BlobShelf, type BlobShelfOptions, type ShelfContents } from './blob-shelf.ts'
import { FolderDisk } from './folder-disk.ts'
import { diskError, type StoreFiles, StoreFolder } from './store-folder.ts'

export type DiskBlobStoreOptions = BlobShelfOptions

export interface DiskBlobStorePorts {
  readonly files?: StoreFiles
}

export class DiskBlobStore extends BlobShelf {
  readonly #folder: StoreFolder

  private constructor(folder: StoreFolder, found: ShelfContents, options: DiskBlobStoreOptions) {
    super(new FolderDisk(folder), found, options)
    this.#folder = folder
  }

  /** Opens or makes a store. Throws `store.corrupted` on a folder that is anything else. */
  static async open(
    dir: string,
    options: DiskBlobStoreOptions = {},
    { files }: DiskBlobStorePorts = {}
  ): Promise<DiskBlobStore> {
    const folder = await StoreFolder.open(dir, files)
    const found = { blobs: await folder.scan(), partials: await folder.partials() }
    return new DiskBlobStore(folder, found, options)
  }

  get dir(): string {
    return this.#folder.dir
  }

  /** Copies a file in, reading it once; its id is what its bytes hash to. */
  async putFile(path: string): Promise<Cid> {
    const temporary = this.#folder.temporaryPath()
    try {
      const { digest, size } = await copyFile(this.#folder.files, {
        from: path,
        to: temporary,
        guard: (bytes) => this.makeRoom(bytes)
      })
      const cid = cidOfBlobDigest(digest)
      if (this.isListed(cid)) await this.#folder.remove(temporary)
      else await this.#folder.publish(temporary, cid, { sync: true })
      this.published(cid, size)
      return cid
    } catch (error) {
      await this.#folder.remove(temporary)
      throw diskError(error, path)
    }
  }
}
