/** A store whose owner lies: of some blobs it gives other bytes, of others nothing, for ever. */
import type { Cid } from '#contracts'
import { type BlobReader, MemoryBlobs } from '#mesh-node/store'

export class HostileBlobs extends MemoryBlobs {
  readonly asked: Cid[] = []
  /** What is given in place of a blob; null: no answer at all. */
  readonly lies = new Map<Cid, Uint8Array | null>()

  override async openReader(cid: Cid): Promise<BlobReader | null> {
    this.asked.push(cid)
    const lie = this.lies.get(cid)
    if (lie === undefined) return super.openReader(cid)
    if (lie === null) return new Promise(() => {})
    return {
      size: lie.length,
      read: async (offset, length) => lie.subarray(offset, offset + length),
      close: async () => {}
    }
  }
}
