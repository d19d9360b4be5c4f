/**
 * The part of `abstract-level` that the ledger uses: `classic-level` in Node, `browser-level` in a
 * tab, `memory-level` in tests. Opens a store and names what keeps it shut; knows no key layout.
 */
import { type ErrorCode, MeshError } from '#contracts'

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
  /** Where the store is, for those that are somewhere: an absolute path. */
  readonly location?: string
  open(): Promise<void>
  close(): Promise<void>
  get(key: Uint8Array, options: Encodings): Promise<Uint8Array | undefined>
  /** All or nothing, also when the process or the machine dies in it. */
  batch(operations: LevelPut[], options: Encodings & { readonly sync: boolean }): Promise<void>
  iterator(options: LevelRange): LevelIterator
}

export const BINARY: Encodings = { keyEncoding: 'view', valueEncoding: 'view' }

/**
 * Stores that this process holds. LevelDB's lock is a POSIX record lock, which a process loses when it
 * closes any handle of the file: a second open in one process fails and unlocks the first one.
 */
const heldHere = new Set<string>()

/** LevelDB names what the system refused in words alone. */
const DISK_REFUSES =
  /No space left|Disk quota|File too large|Read-only file system|Permission denied/i

function refusalOf({ code, message }: { code: string; message: string }): ErrorCode {
  if (code === 'LEVEL_LOCKED') return 'ledger.store_locked'
  return DISK_REFUSES.test(message) ? 'ledger.store_failed' : 'ledger.store_corrupted'
}

/** Opens the store; throws ledger.store_locked, .store_failed or .store_corrupted where it cannot be. */
export async function openLevel(level: LevelPort): Promise<void> {
  const { location } = level
  if (location !== undefined && heldHere.has(location)) {
    // abstract-level opens by itself a moment after it was made, if nobody closes it first
    await level.close()
    throw new MeshError('ledger.store_locked', { location, reason: 'held by this process' })
  }
  if (location !== undefined) heldHere.add(location)
  try {
    await level.open()
  } catch (cause) {
    if (location !== undefined) heldHere.delete(location)
    const reason = reasonOf(cause)
    throw new MeshError(
      refusalOf(reason),
      {
        ...(location === undefined ? {} : { location }),
        code: reason.code,
        reason: reason.message
      },
      { cause }
    )
  }
}

export async function closeLevel(level: LevelPort): Promise<void> {
  await level.close()
  if (level.location !== undefined) heldHere.delete(level.location)
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
