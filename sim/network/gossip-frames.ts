/**
 * Gossip frames under way, as a struct of arrays: an event of the queue carries the number of one and
 * nothing else. A frame that was taken out makes room for the next.
 */

export const FRAME = {
  copy: 1,
  have: 2,
  want: 3,
  graft: 4,
  prune: 5,
  subscribe: 6,
  dialled: 7,
  beat: 8,
  queued: 9
} as const
export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

const CAPACITY_FIRST = 1_024

export class GossipFrames {
  #kind = new Uint8Array(CAPACITY_FIRST)
  #end = new Int32Array(CAPACITY_FIRST)
  #message = new Int32Array(CAPACITY_FIRST)
  readonly #list: (Uint32Array | null)[] = []
  readonly #free: number[] = []
  #count = 0

  /** `message`: its number; of frames that tell of many, `list` has a bit for each. */
  enter(kind: number, end: number, message: number, list: Uint32Array | null): number {
    const frame = this.#free.pop() ?? this.#count++
    if (frame >= this.#kind.length) this.#grow()
    this.#kind[frame] = kind
    this.#end[frame] = end
    this.#message[frame] = message
    this.#list[frame] = list
    return frame
  }

  kind(frame: number): number {
    return this.#kind[frame] ?? 0
  }

  end(frame: number): number {
    return this.#end[frame] ?? -1
  }

  message(frame: number): number {
    return this.#message[frame] ?? -1
  }

  list(frame: number): Uint32Array | null {
    return this.#list[frame] ?? null
  }

  free(frame: number): void {
    this.#list[frame] = null
    this.#free.push(frame)
  }

  /** Lists under way, where messages have got other places. */
  relist(moved: (list: Uint32Array) => Uint32Array): void {
    const known = new Map<Uint32Array, Uint32Array>()
    for (const [frame, list] of this.#list.entries()) {
      if (list === null) continue
      const fresh = known.get(list) ?? moved(list)
      known.set(list, fresh)
      this.#list[frame] = fresh
    }
  }

  #grow(): void {
    const capacity = this.#kind.length * 2
    const wider = <T extends Int32Array | Uint8Array>(old: T, fresh: T): T => {
      fresh.set(old)
      return fresh
    }
    this.#kind = wider(this.#kind, new Uint8Array(capacity))
    this.#end = wider(this.#end, new Int32Array(capacity))
    this.#message = wider(this.#message, new Int32Array(capacity))
  }
}
