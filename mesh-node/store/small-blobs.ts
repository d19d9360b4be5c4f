/**
 * Small blobs in memory in front of a disk: copies of what the disk holds, which may be dropped at any
 * time, and volatile ones, which the disk does not hold and which are handed over before they go.
 */
import type { Cid } from '#contracts'

interface Entry {
  readonly bytes: Uint8Array
  readonly volatile: boolean
}

export class SmallBlobs {
  /** In order of last use, the longest unused first. */
  readonly #entries = new Map<Cid, Entry>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(cid: Cid): Uint8Array | undefined {
    const entry = this.#entries.get(cid)
    if (entry === undefined) return undefined
    this.#entries.delete(cid)
    this.#entries.set(cid, entry)
    return entry.bytes
  }

  has(cid: Cid): boolean {
    return this.#entries.has(cid)
  }

  isVolatile(cid: Cid): boolean {
    return this.#entries.get(cid)?.volatile === true
  }

  set(cid: Cid, bytes: Uint8Array, volatile: boolean): void {
    this.drop(cid)
    this.#entries.set(cid, { bytes, volatile })
    this.#bytes += bytes.length
  }

  drop(cid: Cid): boolean {
    this.#bytes -= this.#entries.get(cid)?.bytes.length ?? 0
    return this.#entries.delete(cid)
  }

  /** Drops copies until the bound holds, or as long as the next to go is not a volatile blob. */
  shrink(): Cid | null {
    for (const [cid, { volatile }] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return null
      if (volatile) return cid
      this.drop(cid)
    }
    return null
  }
}
