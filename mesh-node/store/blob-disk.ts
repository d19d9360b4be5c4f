/**
 * What a shelf of blobs asks of the disk below it: a folder in Node, the origin's private files in a
 * page. A blob appears whole or not at all; what lies there is not judged here.
 */
import type { Cid } from '#contracts'
import type { BlobReader, BlobWriter } from './blob-store.ts'

export interface FoundBlob {
  readonly cid: Cid
  readonly size: number
  readonly usedAtMs: number
}

export interface Digested {
  readonly digest: Uint8Array
  readonly size: number
}

/** How a writer ended: the size of the blob it became, or whether its bytes are kept. */
export interface WriterEnd {
  readonly published: number | null
  readonly kept: boolean
}

export interface WriterPorts {
  /** Makes room for so many bytes more, or throws `store.full` or `blob.too_large`. */
  readonly reserve: (offset: number, bytes: number) => Promise<void>
  readonly ended: (end: WriterEnd) => void
}

export interface BlobDisk {
  /** Where the blob is, or would be, for whoever opens it as a file. */
  pathOf(cid: Cid): string
  sizeOf(cid: Cid): Promise<number | null>
  openReader(cid: Cid, closed: () => void): Promise<BlobReader | null>
  /** SHA-256 over the blob as it lies there. */
  digest(cid: Cid): Promise<Digested>
  write(cid: Cid, bytes: Uint8Array, options: { readonly sync: boolean }): Promise<void>
  /** Goes on behind what an earlier writer of the blob left. */
  openWriter(cid: Cid, ports: WriterPorts): Promise<BlobWriter>
  /** Keeps a damaged blob out of the way; says where. */
  putAside(cid: Cid): Promise<string>
  remove(cid: Cid): Promise<boolean>
}
