/**
 * A ledger's store in memory: sorted keys, whole batches, nothing that outlives the run. Answers in
 * the turn in which it was asked, so that a disk's own time is in no trace.
 */
import { bytesToHex } from '#contracts'
import type { LevelPort } from '#ledger'

type Level = LevelPort
type Range = Parameters<Level['iterator']>[0]
type Entry = readonly [Uint8Array, Uint8Array]

/** Hex sorts as its bytes do. */
const nameOf = bytesToHex

export class MemoryLevel implements LevelPort {
  readonly #entries = new Map<string, Entry>()
  #sorted: string[] | null = []

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#entries.get(nameOf(key))?.[1]
  }

  async batch(operations: Parameters<Level['batch']>[0]): Promise<void> {
    for (const { key, value } of operations) {
      const name = nameOf(key)
      if (!this.#entries.has(name)) this.#sorted = null
      this.#entries.set(name, [key.slice(), value.slice()])
    }
  }

  iterator(range: Range): ReturnType<Level['iterator']> {
    const entries = this.#within(range)
    let at = 0
    return {
      nextv: async (size) => {
        const page = entries.slice(at, at + size)
        at += page.length
        return page
      },
      close: async () => {}
    }
  }

  #within({ gte, lt, reverse = false, limit = Number.POSITIVE_INFINITY }: Range): Entry[] {
    this.#sorted ??= [...this.#entries.keys()].sort()
    const first = nameOf(gte)
    const end = nameOf(lt)
    const names = this.#sorted.filter((name) => name >= first && name < end)
    if (reverse) names.reverse()
    return names.slice(0, limit).flatMap((name) => {
      const entry = this.#entries.get(name)
      return entry === undefined ? [] : [entry]
    })
  }
}
