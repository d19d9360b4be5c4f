/**
 * Outputs that came inside result frames, kept in memory until they are judged. Bounded by bytes: what
 * falls out is fetched again by its hash from the node, which keeps it until it is acknowledged.
 */
import type { Cid } from '#contracts'

export class OutputShelf {
  readonly #bytesMax: number
  readonly #outputs = new Map<Cid, Uint8Array>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  put(cid: Cid, output: Uint8Array): void {
    if (output.length > this.#bytesMax || this.#outputs.has(cid)) return
    this.#outputs.set(cid, output)
    this.#bytes += output.length
    for (const [oldest, { length }] of this.#outputs) {
      if (this.#bytes <= this.#bytesMax) return
      this.#outputs.delete(oldest)
      this.#bytes -= length
    }
  }

  get(cid: Cid): Uint8Array | undefined {
    return this.#outputs.get(cid)
  }
}
