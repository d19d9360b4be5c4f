/**
 * What the rest of the house asks of a store of blobs: `Blobs` of the contracts, and readers and
 * writers for blobs that do not fit in one piece. Knows no disk and no network.
 */
import type { Blobs, Cid } from '#contracts'

/** A blob that is being read; it is not evicted until closed. */
export interface BlobReader {
  readonly size: number
  /**
   * Exactly these bytes; fewer only at the end of the blob. They may lie in `into`, where it is given
   * and large enough; its owner then says when it is written again.
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

/**
 * A blob that arrives in order. Bytes that were written survive `suspend` and a killed process, and
 * the next writer goes on behind them; whether they are the right ones only `commit` can say, for
 * the id covers the whole.
 */
export interface BlobWriter {
  /** Bytes held so far: where the next ones belong. */
  readonly offset: number
  write(bytes: Uint8Array): Promise<void>
  /** True: the bytes hash to the id and the blob is in the store. False: they do not; discard them. */
  commit(): Promise<boolean>
  /** SHA-256 over a part of what was written. */
  digest(from: number, to: number): Promise<Uint8Array>
  /** Ends writing and keeps what is there for a later writer. */
  suspend(): Promise<void>
  discard(): Promise<void>
}

/** A blob that is used as a file: it stays where it is until released. */
export interface HeldBlob {
  readonly path: string
  readonly size: number
  release(): void
}

export interface BlobStore extends Blobs {
  /** Stores bytes under their raw id, or under `cid` if they hash to it (`blob.mismatch` if not). */
  put(bytes: Uint8Array, cid?: Cid): Promise<Cid>
  /** As `put`, but may be lost when the process ends: for bytes that can be made or fetched again. */
  putVolatile(bytes: Uint8Array, cid?: Cid): Promise<Cid>
  size(cid: Cid): Promise<number | null>
  openReader(cid: Cid): Promise<BlobReader | null>
  openWriter(cid: Cid): Promise<BlobWriter>
  /** Whether a writer of this blob would have something to go on with. */
  hasPartial(cid: Cid): boolean
  remove(cid: Cid): Promise<boolean>
}

export const bytesReader = (bytes: Uint8Array): BlobReader => ({
  size: bytes.length,
  read: async (offset, length) => bytes.subarray(offset, offset + length),
  close: async () => {}
})
