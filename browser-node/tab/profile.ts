/**
 * What a tab keeps from visit to visit: its key, its owner's limits, the genesis of meshes it joined,
 * finished units and minutes of work. Small values under text keys, read strictly; what cannot be
 * read any more counts as never kept.
 */
import type { z } from 'zod'
import { decodeCanonical, encodeCanonical, MeshError, readShape, SEED_BYTES } from '#contracts'

/** The part of `abstract-level` that a profile uses, with text keys and bytes as values. */
export interface ProfileLevel {
  open(): Promise<void>
  close(): Promise<void>
  get(key: string): Promise<Uint8Array | undefined>
  put(key: string, value: Uint8Array): Promise<void>
  del(key: string): Promise<void>
  iterator(range: { readonly gte: string; readonly lt: string }): {
    all(): Promise<(readonly [string, Uint8Array])[]>
  }
}

const VALUE_BYTES_MAX = 64 * 1024
const SEED_KEY = 'seed'

export class Profile {
  readonly #level: ProfileLevel

  private constructor(level: ProfileLevel) {
    this.#level = level
  }

  /** Throws `identity.unusable` where the browser keeps nothing. */
  static async open(level: ProfileLevel): Promise<Profile> {
    try {
      await level.open()
    } catch (cause) {
      throw unusable(cause)
    }
    return new Profile(level)
  }

  /** The node's private key, drawn on the first visit and never written over. */
  async seed(random: (bytes: number) => Uint8Array): Promise<Uint8Array> {
    const kept = await this.#get(SEED_KEY)
    if (kept?.length === SEED_BYTES) return kept
    if (kept !== undefined) {
      throw new MeshError('identity.key_malformed', { bytes: kept.length, expected: SEED_BYTES })
    }
    const drawn = random(SEED_BYTES)
    await this.#put(SEED_KEY, drawn)
    return drawn
  }

  bytes(key: string): Promise<Uint8Array | undefined> {
    return this.#get(key)
  }

  keepBytes(key: string, value: Uint8Array): Promise<void> {
    return this.#put(key, value)
  }

  async read<S extends z.ZodType>(key: string, shape: S): Promise<z.infer<S> | undefined> {
    return readValue(await this.#get(key), shape)
  }

  keep(key: string, value: object): Promise<void> {
    return this.#put(key, encodeCanonical(value))
  }

  /** All values whose keys begin so, in the order of their keys. */
  async list<S extends z.ZodType>(
    prefix: string,
    shape: S
  ): Promise<(readonly [string, z.infer<S>])[]> {
    const entries = await this.#level.iterator({ gte: prefix, lt: `${prefix}\uffff` }).all()
    return entries.flatMap(([key, bytes]) => {
      const value = readValue(bytes, shape)
      return value === undefined ? [] : [[key, value] as const]
    })
  }

  async drop(key: string): Promise<void> {
    try {
      await this.#level.del(key)
    } catch (cause) {
      throw unusable(cause)
    }
  }

  async close(): Promise<void> {
    await this.#level.close()
  }

  async #get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#level.get(key)
    } catch (cause) {
      throw unusable(cause)
    }
  }

  async #put(key: string, value: Uint8Array): Promise<void> {
    try {
      await this.#level.put(key, value)
    } catch (cause) {
      throw unusable(cause)
    }
  }
}

function readValue<S extends z.ZodType>(
  bytes: Uint8Array | undefined,
  shape: S
): z.infer<S> | undefined {
  if (bytes === undefined) return undefined
  try {
    const plain = decodeCanonical(bytes, { bytesMax: VALUE_BYTES_MAX })
    return readShape(shape, plain, 'store.corrupted')
  } catch (error) {
    if (error instanceof MeshError) return undefined
    throw error
  }
}

/** A full disk is told from one that is not there at all. */
function unusable(cause: unknown): MeshError {
  const text = reasonOf(cause)
  const code = /quota/i.test(text) ? 'store.disk_full' : 'identity.unusable'
  return new MeshError(code, { path: 'profile', reason: text.slice(0, 200) }, { cause })
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (cause.cause === undefined) return `${cause.name}: ${cause.message}`
  return reasonOf(cause.cause)
}
