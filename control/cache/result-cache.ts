/**
 * Finished work by what it was: the key of a unit's model, inputs, limits and verification to the
 * content id of its verified result. One small file per key, written whole or not at all; a damaged
 * file is a miss and is replaced. Holds no results: those are blobs.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CACHE_ENTRIES_MAX, type Cid, isCid, type UnitId } from '#contracts'
import { diskError } from '#mesh-node/store'

/** What sessions ask of a cache. */
export interface ResultCache {
  /** Whether there is an entry, without reading it: for plans. */
  has(key: string): boolean
  /** `unit` is the one that asks: a replay leaves to its history what stands there. */
  get(key: string, unit: UnitId): Promise<Cid | null>
  set(key: string, outputCid: Cid): Promise<void>
}

const KEY = /^[0-9a-f]{64}$/

export class DiskResultCache implements ResultCache {
  readonly #dir: string
  /** Oldest first, as far as this process knows. */
  readonly #keys: Set<string>
  readonly #entriesMax: number
  #temporary = 0

  private constructor(dir: string, keys: Iterable<string>, entriesMax: number) {
    this.#dir = dir
    this.#keys = new Set(keys)
    this.#entriesMax = entriesMax
  }

  static async open(
    dir: string,
    { entriesMax = CACHE_ENTRIES_MAX }: { readonly entriesMax?: number } = {}
  ): Promise<DiskResultCache> {
    await mkdir(dir, { recursive: true })
    const names = await readdir(dir)
    const keys = names.filter((name) => KEY.test(name))
    return new DiskResultCache(dir, keys, entriesMax)
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  async get(key: string): Promise<Cid | null> {
    if (!this.#keys.has(key)) return null
    try {
      const text = await readFile(join(this.#dir, key), 'utf8')
      if (isCid(text)) return text
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    this.#keys.delete(key)
    return null
  }

  async set(key: string, outputCid: Cid): Promise<void> {
    if (!KEY.test(key) || this.#keys.has(key)) return
    await this.#makeRoom()
    const temporary = join(this.#dir, `.${process.pid}.${this.#temporary++}.tmp`)
    try {
      await writeFile(temporary, outputCid)
      await rename(temporary, join(this.#dir, key))
    } catch (error) {
      await rm(temporary, { force: true })
      throw diskError(error, temporary)
    }
    this.#keys.add(key)
  }

  async #makeRoom(): Promise<void> {
    while (this.#keys.size >= this.#entriesMax) {
      const oldest = this.#keys.values().next().value
      if (oldest === undefined) return
      this.#keys.delete(oldest)
      await rm(join(this.#dir, oldest), { force: true })
    }
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
