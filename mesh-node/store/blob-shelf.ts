/**
 * Blobs on a disk of any kind by content id, in a process as in a page. Keeps under a size limit by
 * dropping what was not used for longest. Never gives bytes that do not hash to their id; how a blob
 * comes to lie on the disk whole or not at all is the disk's affair.
 *
 * `put` costs a sync of the disk. `putVolatile` costs none: small blobs stay in memory and, where
 * that is full, go to disk unsynced. It is for inputs of units, which the graph's owner makes again
 * from the same graph after a crash.
 */
import {
  BLOB_BYTES_MAX,
  BLOB_MEMORY_BYTES_MAX,
  type Cid,
  cidDigest,
  cidMatches,
  equalBytes,
  INLINE_BLOB_BYTES_MAX,
  MeshError
} from '#contracts'
import type { BlobDisk, FoundBlob, WriterEnd } from './blob-disk.ts'
import { guardSize, idFor } from './blob-id.ts'
import { BlobIndex } from './blob-index.ts'
import {
  type BlobReader,
  type BlobStore,
  type BlobWriter,
  bytesReader,
  type HeldBlob
} from './blob-store.ts'
import { SmallBlobs } from './small-blobs.ts'

/** Room for the models of a few graphs on a laptop. */
const STORE_BYTES_MAX = 20 * 1024 ** 3

export interface BlobShelfOptions {
  /** All blobs together; the longest unused go when it is reached. */
  readonly bytesMax?: number
  readonly blobBytesMax?: number
  /** Small blobs in memory, copies and volatile ones together. */
  readonly memoryBytesMax?: number
  /** Blobs that are never evicted. */
  readonly pinned?: Iterable<Cid>
  /** Told of a blob that was found damaged and put aside; it counts as missing from then on. */
  readonly onCorrupted?: (cid: Cid, aside: string) => void
}

export type BlobState = 'sound' | 'missing' | 'corrupted'

export interface ShelfContents {
  /** The longest unused first. */
  readonly blobs: readonly FoundBlob[]
  readonly partials: readonly Cid[]
}

export class BlobShelf implements BlobStore {
  readonly #disk: BlobDisk
  readonly #index: BlobIndex
  readonly #small: SmallBlobs
  readonly #options: BlobShelfOptions
  #bytesMax: number
  readonly #blobBytesMax: number
  readonly #puts = new Map<Cid, Promise<void>>()
  readonly #writers = new Set<Cid>()
  readonly #partials: Set<Cid>
  /** Blobs whose bytes this process has hashed; a large file is not read again for each use. */
  readonly #sound = new Set<Cid>()
  #evictions: Promise<void> = Promise.resolve()

  constructor(disk: BlobDisk, { blobs, partials }: ShelfContents, options: BlobShelfOptions = {}) {
    this.#disk = disk
    this.#partials = new Set(partials)
    this.#options = options
    this.#index = new BlobIndex(options.pinned ?? [])
    this.#small = new SmallBlobs(options.memoryBytesMax ?? BLOB_MEMORY_BYTES_MAX)
    this.#bytesMax = options.bytesMax ?? STORE_BYTES_MAX
    this.#blobBytesMax = options.blobBytesMax ?? BLOB_BYTES_MAX
    for (const { cid, size } of blobs) this.#index.add(cid, size)
  }

  /** Bytes of all blobs on disk. */
  get bytes(): number {
    return this.#index.bytes
  }

  async has(cid: Cid): Promise<boolean> {
    return (await this.size(cid)) !== null
  }

  async size(cid: Cid): Promise<number | null> {
    const known = this.#small.get(cid)?.length ?? this.#index.sizeOf(cid)
    if (known !== undefined) return known
    const found = await this.#disk.sizeOf(cid)
    if (found !== null) this.#index.add(cid, found)
    return found
  }

  async get(cid: Cid): Promise<Uint8Array | null> {
    const small = this.#small.get(cid)
    if (small !== undefined) return small
    const reader = await this.#openFile(cid)
    if (reader === null) return null
    let bytes: Uint8Array
    try {
      bytes = await reader.read(0, reader.size)
    } finally {
      await reader.close()
    }
    if (!cidMatches(cid, bytes)) {
      await this.#setAside(cid)
      return null
    }
    this.#sound.add(cid)
    if (bytes.length <= INLINE_BLOB_BYTES_MAX) await this.#remember(cid, bytes, false)
    return bytes
  }

  async put(bytes: Uint8Array, cid?: Cid): Promise<Cid> {
    guardSize(bytes.length, this.#blobBytesMax)
    const id = idFor(bytes, cid)
    await this.#write(id, bytes, { sync: true })
    if (bytes.length <= INLINE_BLOB_BYTES_MAX) await this.#remember(id, bytes.slice(), false)
    return id
  }

  async putVolatile(bytes: Uint8Array, cid?: Cid): Promise<Cid> {
    guardSize(bytes.length, this.#blobBytesMax)
    const id = idFor(bytes, cid)
    if (this.#small.has(id) || this.#index.sizeOf(id) !== undefined) return id
    if (bytes.length <= INLINE_BLOB_BYTES_MAX) await this.#remember(id, bytes.slice(), true)
    else await this.#write(id, bytes, { sync: false })
    return id
  }

  /** Where the blob's file is, its bytes checked; null where there is none. It may be evicted later: see `hold`. */
  async path(cid: Cid): Promise<string | null> {
    const held = await this.hold(cid)
    held?.release()
    return held?.path ?? null
  }

  /** As `path`, and the file is not evicted before it is released. */
  async hold(cid: Cid): Promise<HeldBlob | null> {
    await this.#spill(cid)
    this.#index.hold(cid)
    if ((await this.#check(cid)) !== 'sound') {
      this.#index.release(cid)
      return null
    }
    this.#index.touch(cid)
    let held = true
    return {
      path: this.#disk.pathOf(cid),
      size: this.#index.sizeOf(cid) ?? 0,
      release: () => {
        if (held) this.#index.release(cid)
        held = false
      }
    }
  }

  async openReader(cid: Cid): Promise<BlobReader | null> {
    const small = this.#small.get(cid)
    if (small !== undefined) return bytesReader(small)
    return (await this.#check(cid)) === 'sound' ? this.#openFile(cid) : null
  }

  /** Goes on where an earlier writer of this blob stopped. One writer per blob and process. */
  async openWriter(cid: Cid): Promise<BlobWriter> {
    if (this.#writers.has(cid))
      throw new MeshError('blob.refused', { cid, reason: 'being written' })
    this.#writers.add(cid)
    try {
      return await this.#disk.openWriter(cid, {
        reserve: (offset, bytes) => this.makeRoom(offset + bytes),
        ended: (end) => this.#writerEnded(cid, end)
      })
    } catch (error) {
      this.#writers.delete(cid)
      throw error
    }
  }

  hasPartial(cid: Cid): boolean {
    return this.#partials.has(cid)
  }

  /** Reads the blob's bytes again; a damaged one is put aside and counts as missing afterwards. */
  async verify(cid: Cid): Promise<BlobState> {
    if (this.#small.isVolatile(cid)) return 'sound'
    this.#sound.delete(cid)
    return this.#check(cid)
  }

  /** Another limit for all blobs together; what is over it goes at once, as far as it may. */
  async setBytesMax(bytesMax: number): Promise<void> {
    this.#bytesMax = bytesMax
    const over = this.#index.bytes - bytesMax
    for (const cid of over > 0 ? this.#index.oldest(over) : []) await this.remove(cid)
  }

  list(): readonly { readonly cid: Cid; readonly size: number }[] {
    return this.#index.cids().map((cid) => ({ cid, size: this.#index.sizeOf(cid) ?? 0 }))
  }

  pin(cid: Cid): void {
    this.#index.pin(cid)
  }

  unpin(cid: Cid): void {
    this.#index.unpin(cid)
  }

  async remove(cid: Cid): Promise<boolean> {
    const dropped = this.#small.drop(cid)
    this.#index.drop(cid)
    this.#sound.delete(cid)
    return (await this.#disk.remove(cid)) || dropped
  }

  protected isListed(cid: Cid): boolean {
    return this.#index.sizeOf(cid) !== undefined
  }

  /** Makes room for a blob of this size; throws `blob.too_large` or `store.full`. */
  protected async makeRoom(bytes: number): Promise<void> {
    guardSize(bytes, this.#blobBytesMax)
    await this.#freeRoom(bytes)
  }

  /** A blob is on the disk whose bytes were hashed on their way there. */
  protected published(cid: Cid, size: number): void {
    this.#index.add(cid, size)
    this.#sound.add(cid)
  }

  #writerEnded(cid: Cid, { published, kept }: WriterEnd): void {
    this.#writers.delete(cid)
    if (kept) this.#partials.add(cid)
    else this.#partials.delete(cid)
    if (published === null) return
    this.published(cid, published)
  }

  async #write(cid: Cid, bytes: Uint8Array, { sync }: { sync: boolean }): Promise<void> {
    if (this.#index.sizeOf(cid) !== undefined) {
      this.#index.touch(cid)
      return
    }
    const running = this.#puts.get(cid)
    if (running !== undefined) return running
    const writing = this.#writeNew(cid, bytes, sync).finally(() => this.#puts.delete(cid))
    this.#puts.set(cid, writing)
    return writing
  }

  async #writeNew(cid: Cid, bytes: Uint8Array, sync: boolean): Promise<void> {
    await this.#freeRoom(bytes.length)
    await this.#disk.write(cid, bytes, { sync })
    this.published(cid, bytes.length)
  }

  async #remember(cid: Cid, bytes: Uint8Array, volatile: boolean): Promise<void> {
    this.#small.set(cid, bytes, volatile)
    for (let next = this.#small.shrink(); next !== null; next = this.#small.shrink()) {
      await this.#spill(next)
    }
  }

  /** Gives a volatile blob a file, unsynced; what stays in memory is a copy. */
  async #spill(cid: Cid): Promise<void> {
    const bytes = this.#small.get(cid)
    if (bytes === undefined || !this.#small.isVolatile(cid)) return
    await this.#write(cid, bytes, { sync: false })
    this.#small.drop(cid)
  }

  async #openFile(cid: Cid): Promise<BlobReader | null> {
    if ((await this.size(cid)) === null) return null
    this.#index.hold(cid)
    const release = () => this.#index.release(cid)
    const reader = await this.#disk.openReader(cid, release)
    if (reader === null) {
      release()
      this.#index.drop(cid)
      return null
    }
    this.#index.touch(cid)
    return reader
  }

  async #check(cid: Cid): Promise<BlobState> {
    const found = await this.#disk.sizeOf(cid)
    if (found === null) {
      this.#index.drop(cid)
      return 'missing'
    }
    if (this.#sound.has(cid) && found === this.#index.sizeOf(cid)) return 'sound'
    const { digest, size } = await this.#disk.digest(cid)
    if (!equalBytes(digest, cidDigest(cid))) {
      await this.#setAside(cid)
      return 'corrupted'
    }
    this.#index.add(cid, size)
    this.#sound.add(cid)
    return 'sound'
  }

  async #setAside(cid: Cid): Promise<void> {
    this.#small.drop(cid)
    this.#index.drop(cid)
    this.#sound.delete(cid)
    const aside = await this.#disk.putAside(cid)
    this.#options.onCorrupted?.(cid, aside)
  }

  /** Evictions follow each other, so that two writers do not count the same room. */
  #freeRoom(bytes: number): Promise<void> {
    if (this.#index.bytes + bytes <= this.#bytesMax) return Promise.resolve()
    const made = this.#evictions.then(() => this.#evict(bytes))
    this.#evictions = made.catch(() => {})
    return made
  }

  async #evict(bytes: number): Promise<void> {
    const missing = this.#index.bytes + bytes - this.#bytesMax
    if (missing <= 0) return
    const victims = bytes > this.#bytesMax ? null : this.#index.victims(missing)
    if (victims === null) {
      throw new MeshError('store.full', {
        bytes: this.#index.bytes,
        needed: bytes,
        bytesMax: this.#bytesMax
      })
    }
    for (const cid of victims) await this.remove(cid)
  }
}
