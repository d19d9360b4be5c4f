/**
 * The part of `abstract-level` that the ledger uses: `classic-level` in Node, `browser-level` in a
 * tab, `memory-level` in tests. Opens a store and names what keeps it shut; knows no key layout.
 */
import { MeshError } from '#contracts'

export interface LevelPut {
  readonly type: 'put'
  readonly key: Uint8Array
  readonly value: Uint8Array
}

interface Encodings {
  readonly keyEncoding: 'view'
  readonly valueEncoding: 'view'
}

export interface LevelRange extends Encodings {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

export interface LevelIterator {
  nextv(size: number): Promise<(readonly [Uint8Array, Uint8Array])[]>
  close(): Promise<void>
}

export interface LevelPort {
  open(): Promise<void>
  close(): Promise<void>
  get(key: Uint8Array, options: Encodings): Promise<Uint8Array | undefined>
  /** All or nothing, also when the process or the machine dies in it. */
  batch(operations: LevelPut[], options: Encodings & { readonly sync: boolean }): Promise<void>
  iterator(options: LevelRange): LevelIterator
}

export const BINARY: Encodings = { keyEncoding: 'view', valueEncoding: 'view' }

/** Opens the store; throws ledger.store_locked or ledger.store_corrupted where it cannot be. */
export async function openLevel(level: LevelPort): Promise<void> {
  try {
    await level.open()
  } catch (cause) {
    const reason = reasonOf(cause)
    const locked = reason.code === 'LEVEL_LOCKED'
    throw new MeshError(
      locked ? 'ledger.store_locked' : 'ledger.store_corrupted',
      { code: reason.code, reason: reason.message },
      { cause }
    )
  }
}

/** The store's own word on a failure: abstract-level puts the reason into `cause`. */
function reasonOf(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) }
  if (error.cause instanceof Error) return reasonOf(error.cause)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return { code, message: error.message }
}

/** Entries read from the store at once: about a megabyte. */
const READ_AHEAD = 1_024

/** Keys and values of a range, page by page: a promise per entry would cost more than reading it. */
export async function* pages(
  level: LevelPort,
  range: Omit<LevelRange, keyof Encodings>
): AsyncGenerator<(readonly [Uint8Array, Uint8Array])[]> {
  const iterator = level.iterator({ ...range, ...BINARY })
  try {
    for (;;) {
      const page = await iterator.nextv(READ_AHEAD)
      if (page.length === 0) return
      yield page
    }
  } finally {
    await iterator.close()
  }
}
