/**
 * Blobs in memory, for tests, Studio and values that live as long as the process. Forgets nothing by
 * itself: when it is full it refuses.
 */
import {
  BLOB_BYTES_MAX,
  type Cid,
  cidDigest,
  concatBytes,
  equalBytes,
  MeshError,
  sha256
} from '#contracts'
import { guardSize, idFor } from './blob-id.ts'
import { type BlobReader, type BlobStore, type BlobWriter, bytesReader } from './blob-store.ts'

/** Half of what Node gives a process on a small machine. */
const MEMORY_BYTES_MAX = 1024 * 1024 * 1024

export class MemoryBlobs implements BlobStore {
  readonly #blobs = new Map<Cid, Uint8Array>()
  readonly #partials = new Map<Cid, Uint8Array[]>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number = MEMORY_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  async has(cid: Cid): Promise<boolean> {
    return this.#blobs.has(cid)
  }

  async get(cid: Cid): Promise<Uint8Array | null> {
    return this.#blobs.get(cid) ?? null
  }

  async put(bytes: Uint8Array, cid?: Cid): Promise<Cid> {
    guardSize(bytes.length, BLOB_BYTES_MAX)
    const id = idFor(bytes, cid)
    this.#keep(id, bytes)
    return id
  }

  putVolatile(bytes: Uint8Array, cid?: Cid): Promise<Cid> {
    return this.put(bytes, cid)
  }

  async size(cid: Cid): Promise<number | null> {
    return this.#blobs.get(cid)?.length ?? null
  }

  async openReader(cid: Cid): Promise<BlobReader | null> {
    const bytes = this.#blobs.get(cid)
    if (bytes === undefined) return null
    return bytesReader(bytes)
  }

  async openWriter(cid: Cid): Promise<BlobWriter> {
    const parts = this.#partials.get(cid) ?? []
    this.#partials.delete(cid)
    return new MemoryWriter(parts, {
      keep: (whole) => {
        if (!equalBytes(sha256(whole), cidDigest(cid))) return false
        this.#keep(cid, whole)
        return true
      },
      suspend: (held) => this.#partials.set(cid, held)
    })
  }

  hasPartial(cid: Cid): boolean {
    return this.#partials.has(cid)
  }

  async remove(cid: Cid): Promise<boolean> {
    this.#bytes -= this.#blobs.get(cid)?.length ?? 0
    return this.#blobs.delete(cid)
  }

  #keep(cid: Cid, bytes: Uint8Array): void {
    if (this.#blobs.has(cid)) return
    if (this.#bytes + bytes.length > this.#bytesMax) {
      throw new MeshError('store.full', { bytes: this.#bytes, bytesMax: this.#bytesMax })
    }
    this.#blobs.set(cid, bytes.slice())
    this.#bytes += bytes.length
  }
}

interface MemoryWriterPorts {
  readonly keep: (whole: Uint8Array) => boolean
  readonly suspend: (parts: Uint8Array[]) => void
}

class MemoryWriter implements BlobWriter {
  readonly #ports: MemoryWriterPorts
  #parts: Uint8Array[]
  #offset: number

  constructor(parts: Uint8Array[], ports: MemoryWriterPorts) {
    this.#ports = ports
    this.#parts = parts
    this.#offset = parts.reduce((bytes, part) => bytes + part.length, 0)
  }

  get offset(): number {
    return this.#offset
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes.slice())
    this.#offset += bytes.length
  }

  async commit(): Promise<boolean> {
    return this.#ports.keep(concatBytes(...this.#parts))
  }

  async digest(from: number, to: number): Promise<Uint8Array> {
    return sha256(concatBytes(...this.#parts).subarray(from, to))
  }

  async suspend(): Promise<void> {
    this.#ports.suspend(this.#parts)
  }

  async discard(): Promise<void> {
    this.#parts = []
    this.#offset = 0
  }
}
