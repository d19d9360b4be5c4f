/**
 * Where the bytes of one transfer go: small blobs to memory, which spares a file and a sync for each
 * input of a unit, larger ones through a writer of the store. Checks the whole against its id.
 */
import {
  assert,
  type Cid,
  cidMatches,
  concatBytes,
  INLINE_BLOB_BYTES_MAX,
  sha256
} from '#contracts'
import type { BlobStore, BlobWriter } from '#mesh-node/store'

export class BlobSink {
  readonly #store: BlobStore
  readonly #cid: Cid
  #writer: Promise<BlobWriter> | null
  #small: Uint8Array[] = []
  #size = 0

  /** `held`: a writer that has a part already and goes on. */
  constructor(store: BlobStore, cid: Cid, held: BlobWriter | null) {
    this.#store = store
    this.#cid = cid
    this.#writer = held === null ? null : Promise.resolve(held)
  }

  get size(): number {
    return this.#size
  }

  begin(size: number): void {
    this.#size = size
    if (this.#writer !== null || size <= INLINE_BLOB_BYTES_MAX) return
    this.#writer = this.#openEmpty()
    this.#writer.catch(() => {})
  }

  /** Writes keep their order, also those that come before the writer is open. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#writer === null) this.#small.push(bytes)
    else await this.#writer.then((writer) => writer.write(bytes))
  }

  /** False: the bytes are not the blob; they stay for `digest` until they are discarded. */
  async commit(): Promise<boolean> {
    if (this.#writer !== null) return (await this.#writer).commit()
    const bytes = concatBytes(...this.#small)
    if (!cidMatches(this.#cid, bytes)) return false
    await this.#store.putVolatile(bytes, this.#cid)
    return true
  }

  async digest(from: number, to: number): Promise<Uint8Array> {
    if (this.#writer !== null) return (await this.#writer).digest(from, to)
    return sha256(concatBytes(...this.#small).subarray(from, to))
  }

  async suspend(): Promise<void> {
    const writer = await this.#opened()
    await writer?.suspend()
  }

  async discard(): Promise<void> {
    this.#small = []
    const writer = await this.#opened()
    await writer?.discard()
  }

  async #opened(): Promise<BlobWriter | null> {
    try {
      return await this.#writer
    } catch {
      return null
    }
  }

  async #openEmpty(): Promise<BlobWriter> {
    const writer = await this.#store.openWriter(this.#cid)
    if (writer.offset === 0) return writer
    await writer.discard()
    const fresh = await this.#store.openWriter(this.#cid)
    assert(fresh.offset === 0, 'a discarded part is gone')
    return fresh
  }
}
