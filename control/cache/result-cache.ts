/**
 * Finished work by what it was: the key of a unit's model, inputs, limits and verification to the
 * content id of its verified result, and the unit that gave it. One small file per key, written whole or
 * not at all; a damaged file is a miss and is replaced, and so is a result that was doubted since.
 * Holds no results: those are blobs.
 */
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CACHE_DOUBTS_MAX, CACHE_ENTRIES_MAX, type Cid, isCid, type UnitId } from '#contracts'
import { diskError } from '#mesh-node/store'

/** What sessions ask of a cache. */
export interface ResultCache {
  /** Whether there is an entry, without reading it: for plans. */
  has(key: string): boolean
  /** `unit` is the one that asks: a replay leaves to its history what stands there. */
  get(key: string, unit: UnitId): Promise<Cid | null>
  /** `unit` gave the result. */
  set(key: string, outputCid: Cid, unit: UnitId): Promise<void>
  /** The result is being looked at again: nobody else is to have it until another is set. */
  drop(key: string): Promise<void>
}

const KEY = /^[0-9a-f]{64}$/
/** Units whose results are in doubt, a line each; no key is called so. */
const DOUBTS = 'doubted-units'

interface Entry {
  readonly outputCid: Cid
  /** Empty in entries of before. */
  readonly unit: string
}

interface CacheOptions {
  readonly entriesMax?: number
  /** What was taken then is taken again, whatever came of it. */
  readonly isReplay?: boolean
}

export class DiskResultCache implements ResultCache {
  readonly #dir: string
  /** Oldest first, as far as this process knows. */
  readonly #keys: Set<string>
  /** Oldest first. */
  readonly #doubted: Set<string>
  readonly #entriesMax: number
  /** The latest change of a key that is under way: changes of one key follow each other. */
  readonly #changing = new Map<string, Promise<void>>()
  #temporary = 0

  private constructor(
    dir: string,
    { keys, doubted }: { readonly keys: Iterable<string>; readonly doubted: Iterable<string> },
    entriesMax: number
  ) {
    this.#dir = dir
    this.#keys = new Set(keys)
    this.#doubted = new Set(doubted)
    this.#entriesMax = entriesMax
  }

  static async open(
    dir: string,
    { entriesMax = CACHE_ENTRIES_MAX, isReplay = false }: CacheOptions = {}
  ): Promise<DiskResultCache> {
    await mkdir(dir, { recursive: true })
    const names = await readdir(dir)
    const keys = names.filter((name) => KEY.test(name))
    const doubted = names.includes(DOUBTS) && !isReplay ? await readDoubts(join(dir, DOUBTS)) : []
    return new DiskResultCache(dir, { keys, doubted }, entriesMax)
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  async get(key: string): Promise<Cid | null> {
    if (!this.#keys.has(key)) return null
    const entry = await this.#read(key)
    if (entry !== null && !this.#doubted.has(entry.unit)) return entry.outputCid
    this.#keys.delete(key)
    return null
  }

  async set(key: string, outputCid: Cid, unit: UnitId): Promise<void> {
    if (!KEY.test(key) || this.#keys.has(key) || this.#doubted.has(unit)) return
    this.#keys.add(key)
    await this.#change(key, async () => {
      await this.#makeRoom()
      await this.#write(key, `${outputCid} ${unit}`)
    })
  }

  async drop(key: string): Promise<void> {
    if (!this.#keys.delete(key)) return
    await this.#change(key, () => rm(join(this.#dir, key), { force: true }))
  }

  /** What the unit gave is not taken for finished work any more, after a restart either. */
  async doubt(unit: UnitId): Promise<void> {
    if (this.#doubted.has(unit)) return
    for (const oldest of this.#doubted) {
      if (this.#doubted.size < CACHE_DOUBTS_MAX) break
      this.#doubted.delete(oldest)
    }
    this.#doubted.add(unit)
    const path = join(this.#dir, DOUBTS)
    try {
      await appendFile(path, `${unit}\n`)
    } catch (error) {
      throw diskError(error, path)
    }
  }

  async #read(key: string): Promise<Entry | null> {
    await this.#changing.get(key)
    try {
      const [cid = '', unit = ''] = (await readFile(join(this.#dir, key), 'utf8')).split(' ')
      return isCid(cid) ? { outputCid: cid, unit } : null
    } catch (error) {
      if (!isMissing(error)) throw error
      return null
    }
  }

  async #write(key: string, text: string): Promise<void> {
    const temporary = join(this.#dir, `.${process.pid}.${this.#temporary++}.tmp`)
    try {
      await writeFile(temporary, text)
      await rename(temporary, join(this.#dir, key))
    } catch (error) {
      this.#keys.delete(key)
      await rm(temporary, { force: true })
      throw diskError(error, temporary)
    }
  }

  async #change(key: string, act: () => Promise<void>): Promise<void> {
    const before = this.#changing.get(key)
    const change = before === undefined ? act() : before.then(act)
    const settled = change.catch(() => {})
    this.#changing.set(key, settled)
    try {
      await change
    } finally {
      if (this.#changing.get(key) === settled) this.#changing.delete(key)
    }
  }

  async #makeRoom(): Promise<void> {
    while (this.#keys.size > this.#entriesMax) {
      const oldest = this.#keys.values().next().value
      if (oldest === undefined) return
      this.#keys.delete(oldest)
      await rm(join(this.#dir, oldest), { force: true })
    }
  }
}

/** The latest, as many as are kept. */
async function readDoubts(path: string): Promise<readonly string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.slice(-CACHE_DOUBTS_MAX)
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
