/**
 * Which blobs a store holds, how large they are, and which may go when room is needed: the longest
 * unused first, never one that is pinned or in use. Decides; deletes nothing itself.
 */
import type { Cid } from '#contracts'

export class BlobIndex {
  /** In order of last use, the longest unused first. */
  readonly #sizes = new Map<Cid, number>()
  readonly #pinned: Set<Cid>
  readonly #holds = new Map<Cid, number>()
  #bytes = 0

  constructor(pinned: Iterable<Cid>) {
    this.#pinned = new Set(pinned)
  }

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#sizes.size
  }

  cids(): readonly Cid[] {
    return [...this.#sizes.keys()]
  }

  sizeOf(cid: Cid): number | undefined {
    return this.#sizes.get(cid)
  }

  /** Adds a blob, or marks it as just used. */
  add(cid: Cid, size: number): void {
    this.#bytes += size - (this.#sizes.get(cid) ?? 0)
    this.#sizes.delete(cid)
    this.#sizes.set(cid, size)
  }

  touch(cid: Cid): void {
    const size = this.#sizes.get(cid)
    if (size !== undefined) this.add(cid, size)
  }

  drop(cid: Cid): void {
    this.#bytes -= this.#sizes.get(cid) ?? 0
    this.#sizes.delete(cid)
  }

  pin(cid: Cid): void {
    this.#pinned.add(cid)
  }

  unpin(cid: Cid): void {
    this.#pinned.delete(cid)
  }

  hold(cid: Cid): void {
    this.#holds.set(cid, (this.#holds.get(cid) ?? 0) + 1)
  }

  release(cid: Cid): void {
    const left = (this.#holds.get(cid) ?? 0) - 1
    if (left > 0) this.#holds.set(cid, left)
    else this.#holds.delete(cid)
  }

  /** What to delete to free so many bytes; null: there is not so much that may go. */
  victims(bytes: number): readonly Cid[] | null {
    const { chosen, freed } = this.#choose(bytes)
    return freed >= bytes ? chosen : null
  }

  /** What to delete to come as near to freeing so many bytes as is allowed. */
  oldest(bytes: number): readonly Cid[] {
    return this.#choose(bytes).chosen
  }

  #choose(bytes: number): { readonly chosen: readonly Cid[]; readonly freed: number } {
    const chosen: Cid[] = []
    let freed = 0
    for (const [cid, size] of this.#sizes) {
      if (freed >= bytes) break
      if (this.#pinned.has(cid) || this.#holds.has(cid)) continue
      chosen.push(cid)
      freed += size
    }
    return { chosen, freed }
  }
}
