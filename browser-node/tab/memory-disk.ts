/**
 * Blobs that live as long as the page, where the browser has no private files. What a worker is to
 * open, `publish` names for it.
 */
import { type Cid, cidDigest, concatBytes, equalBytes, sha256 } from '#contracts'
import {
  type BlobDisk,
  type BlobReader,
  type BlobWriter,
  bytesReader,
  type Digested,
  type WriterPorts
} from '#mesh-node/portable'

export interface Published {
  readonly path: string
  withdraw(): void
}

interface Held {
  readonly bytes: Uint8Array
  readonly published: Published
}

export class MemoryDisk implements BlobDisk {
  readonly #held = new Map<Cid, Held>()
  readonly #parts = new Map<Cid, Uint8Array[]>()
  readonly #publish: (bytes: Uint8Array) => Published

  /** `publish` makes an address of bytes for those who open blobs as files. */
  constructor(publish: (bytes: Uint8Array) => Published) {
    this.#publish = publish
  }

  pathOf(cid: Cid): string {
    return this.#held.get(cid)?.published.path ?? ''
  }

  async sizeOf(cid: Cid): Promise<number | null> {
    return this.#held.get(cid)?.bytes.length ?? null
  }

  async openReader(cid: Cid, closed: () => void): Promise<BlobReader | null> {
    const held = this.#held.get(cid)
    return held === undefined ? null : { ...bytesReader(held.bytes), close: async () => closed() }
  }

  async digest(cid: Cid): Promise<Digested> {
    const { bytes } = this.#held.get(cid) ?? { bytes: new Uint8Array() }
    return { digest: sha256(bytes), size: bytes.length }
  }

  async write(cid: Cid, bytes: Uint8Array): Promise<void> {
    await this.remove(cid)
    const own = bytes.slice()
    this.#held.set(cid, { bytes: own, published: this.#publish(own) })
  }

  async openWriter(cid: Cid, { reserve, ended }: WriterPorts): Promise<BlobWriter> {
    const parts = this.#parts.get(cid) ?? []
    this.#parts.set(cid, parts)
    const offset = () => parts.reduce((bytes, part) => bytes + part.length, 0)
    return {
      get offset() {
        return offset()
      },
      write: async (bytes) => {
        parts.push(bytes.slice())
        await reserve(offset() - bytes.length, bytes.length)
      },
      commit: async () => {
        const whole = concatBytes(...parts)
        if (!equalBytes(sha256(whole), cidDigest(cid))) return false
        this.#parts.delete(cid)
        await this.write(cid, whole)
        ended({ published: whole.length, kept: false })
        return true
      },
      digest: async (from, to) => sha256(concatBytes(...parts).subarray(from, to)),
      suspend: async () => ended({ published: null, kept: true }),
      discard: async () => {
        this.#parts.delete(cid)
        ended({ published: null, kept: false })
      }
    }
  }

  async putAside(cid: Cid): Promise<string> {
    await this.remove(cid)
    return ''
  }

  async remove(cid: Cid): Promise<boolean> {
    this.#held.get(cid)?.published.withdraw()
    return this.#held.delete(cid)
  }
}
