/**
 * Author logs on a level store. Every write is one atomic batch of entries and the signed head that
 * ends them, so a process that dies leaves whole batches behind. Opening checks every chain and the
 * last head of every log, and refuses a store that is not whole; it never repairs or overwrites.
 */
import {
  encodeCanonical,
  equalBytes,
  type LogId,
  MeshError,
  type PlacedEntry,
  type SignedHead,
  sha256
} from '#contracts'
import type { PreparedEntry } from '../fold/prepared.ts'
import { type ChainCheckOptions, checkStore, type HeldLog, placeIn } from './chain-check.ts'
import { KEY, LogKeys, metaKey } from './keys.ts'
import {
  BINARY,
  closeLevel,
  type LevelPort,
  type LevelPut,
  openLevel,
  pages
} from './level-port.ts'
import { encodeRefusal, readPlaced, readStored } from './refusal.ts'

const STORE_VERSION = 1
export interface StoreBatch {
  readonly head: SignedHead
  readonly entries: readonly PreparedEntry[]
}

/** Whole batches of a log, ending at a signed head: what one peer hands another. */
export interface Bundle {
  readonly head: Uint8Array
  readonly entries: readonly Uint8Array[]
}

export interface LogStoreOptions extends ChainCheckOptions {
  /** True: every batch is on the disk before it counts, also against a loss of power. */
  readonly sync: boolean
}

export class LogStore {
  readonly #options: LogStoreOptions
  readonly #level: LevelPort
  readonly #logs = new Map<LogId, HeldLog>()
  readonly #keys = new Map<LogId, LogKeys>()
  /** Logs of which nothing more is taken, and how many bytes show why. */
  readonly #conflicts = new Map<LogId, number>()
  /** After a write that was cut off, LevelDB's log takes what follows and cannot read it again. */
  #failed: MeshError | null = null

  private constructor(options: LogStoreOptions) {
    this.#options = options
    this.#level = options.level
  }

  /** Throws ledger.store_locked, .store_corrupted or .other_mesh. */
  static async open(options: LogStoreOptions): Promise<LogStore> {
    await openLevel(options.level)
    const store = new LogStore(options)
    try {
      await store.#openMeta()
      const { logs, conflicts } = await checkStore(options)
      for (const held of logs) store.#logs.set(held.log, held)
      for (const [log, bytes] of conflicts) store.#conflicts.set(log, bytes)
    } catch (error) {
      await closeLevel(options.level)
      if (error instanceof MeshError) throw error
      if (!(error instanceof Error && 'code' in error)) throw error
      const facts = { what: 'the store cannot be read', reason: error.message }
      throw new MeshError('ledger.store_corrupted', facts, { cause: error })
    }
    return store
  }

  get(log: LogId): HeldLog | undefined {
    return this.#logs.get(log)
  }

  all(): Iterable<HeldLog> {
    return this.#logs.values()
  }

  get logCount(): number {
    return this.#logs.size
  }

  /** Writes a batch that follows what is held; the caller has checked that it does. */
  async write({ head, entries }: StoreBatch): Promise<void> {
    const keys = this.#keysOf(head.log)
    const puts: LevelPut[] = []
    for (const prepared of entries) {
      const { seq, bytes } = prepared.entry
      puts.push({ type: 'put', key: keys.key(KEY.entry, seq), value: bytes })
      const refusal = encodeRefusal(prepared)
      if (refusal === null) continue
      puts.push({ type: 'put', key: keys.key(KEY.refusal, seq), value: refusal })
    }
    puts.push({ type: 'put', key: keys.key(KEY.head, head.seq), value: head.bytes })
    await this.#put(puts)
    this.#logs.set(head.log, { log: head.log, head })
  }

  /** Keeps what shows that a log's author said two things. */
  async writeConflict(log: LogId, proof: Uint8Array): Promise<void> {
    const key = this.#keysOf(log).key(KEY.conflict, 0)
    await this.#put([{ type: 'put', key, value: proof }])
    this.#conflicts.set(log, proof.length)
  }

  /** Logs whose author said two things, held or not, and how many bytes show it. */
  get conflicts(): ReadonlyMap<LogId, number> {
    return this.#conflicts
  }

  conflict(log: LogId): Promise<Uint8Array | undefined> {
    return this.#level.get(this.#keysOf(log).key(KEY.conflict, 0), BINARY)
  }

  async meta(name: string): Promise<Uint8Array | undefined> {
    return this.#level.get(metaKey(name), BINARY)
  }

  async writeMeta(name: string, value: Uint8Array): Promise<void> {
    await this.#put([{ type: 'put', key: metaKey(name), value }])
  }

  raw(log: LogId, seq: number): Promise<Uint8Array | undefined> {
    return this.#level.get(this.#keysOf(log).key(KEY.entry, seq), BINARY)
  }

  headAt(log: LogId, seq: number): Promise<Uint8Array | undefined> {
    return this.#level.get(this.#keysOf(log).key(KEY.head, seq), BINARY)
  }

  /** A stored entry with what checking found when it came. */
  async prepared(log: LogId, seq: number): Promise<PreparedEntry | undefined> {
    const raw = await this.raw(log, seq)
    if (raw === undefined) return undefined
    const refusal = await this.#level.get(this.#keysOf(log).key(KEY.refusal, seq), BINARY)
    return readStored(raw, sha256(raw), refusal)
  }

  /** Entries from `from` up to and with `to`, as received. */
  async *entries(log: LogId, from: number, to: number): AsyncGenerator<Uint8Array> {
    if (to < from) return
    const keys = this.#keysOf(log)
    const range = { gte: keys.key(KEY.entry, from), lt: keys.key(KEY.entry, to + 1) }
    for await (const page of pages(this.#level, range)) {
      for (const [, value] of page) yield value
    }
  }

  /** The same, read: bytes that were checked when they came are not checked again. */
  async *placed(log: LogId, from: number, to: number): AsyncGenerator<PlacedEntry> {
    if (to < from) return
    const keys = this.#keysOf(log)
    const refusals = new Map<number, Uint8Array>()
    const range = { gte: keys.key(KEY.refusal, from), lt: keys.key(KEY.refusal, to + 1) }
    for await (const page of pages(this.#level, range)) {
      for (const [key, value] of page) refusals.set(placeIn(key).seq, value)
    }
    let seq = from
    for await (const raw of this.entries(log, from, to)) {
      yield readPlaced(raw, sha256(raw), refusals.get(seq))
      seq += 1
    }
  }

  /** Every stored head of a log, oldest first. */
  async *heads(log: LogId): AsyncGenerator<Uint8Array> {
    const held = this.#logs.get(log)
    if (held === undefined) return
    const keys = this.#keysOf(log)
    const range = { gte: keys.key(KEY.head, 0), lt: keys.key(KEY.head, held.head.seq + 1) }
    for await (const page of pages(this.#level, range)) {
      for (const [, value] of page) yield value
    }
  }

  /** The longest run of whole batches from `from` of about `bytesMax`; at least one batch. */
  async bundle(log: LogId, from: number, bytesMax: number): Promise<Bundle | null> {
    const held = this.#logs.get(log)
    if (held === undefined || from > held.head.seq) return null
    const entries: Uint8Array[] = []
    let bytes = 0
    let end: { readonly seq: number; readonly head: Uint8Array } | undefined
    for await (const raw of this.entries(log, from, held.head.seq)) {
      if (bytes + raw.length > bytesMax) {
        end ??= await this.#headNear(log, { from, to: from + entries.length })
        if (end !== undefined && from + entries.length > end.seq) break
      }
      entries.push(raw)
      bytes += raw.length
    }
    end ??= { seq: held.head.seq, head: held.head.bytes }
    return { head: end.head, entries: entries.slice(0, end.seq - from + 1) }
  }

  async close(): Promise<void> {
    await closeLevel(this.#level)
  }

  /** The last head from `from` and before `to`; where there is none, the first one after. */
  async #headNear(
    log: LogId,
    { from, to }: { readonly from: number; readonly to: number }
  ): Promise<{ seq: number; head: Uint8Array } | undefined> {
    const keys = this.#keysOf(log)
    const before = { gte: keys.key(KEY.head, from), lt: keys.key(KEY.head, to), reverse: true }
    const after = { gte: keys.key(KEY.head, to), lt: keys.key(KEY.head, Number.MAX_SAFE_INTEGER) }
    for (const range of [before, after]) {
      for await (const page of pages(this.#level, { ...range, limit: 1 })) {
        const first = page[0]
        if (first !== undefined) return { seq: placeIn(first[0]).seq, head: first[1] }
      }
    }
    return undefined
  }

  async #put(puts: LevelPut[]): Promise<void> {
    if (this.#failed !== null) throw this.#failed
    try {
      await this.#level.batch(puts, { ...BINARY, sync: this.#options.sync })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.#failed ??= new MeshError('ledger.store_failed', { reason }, { cause })
      throw this.#failed
    }
  }

  #keysOf(log: LogId): LogKeys {
    const known = this.#keys.get(log)
    if (known !== undefined) return known
    const keys = new LogKeys(log)
    if (this.#logs.has(log)) this.#keys.set(log, keys)
    return keys
  }

  /** A new store gets its version and mesh; another's, or a later version's, is left alone. */
  async #openMeta(): Promise<void> {
    const mine = encodeCanonical({ v: STORE_VERSION, mesh: this.#options.mesh })
    const found = await this.meta('store')
    if (found === undefined) await this.writeMeta('store', mine)
    else if (!equalBytes(found, mine)) throw new MeshError('ledger.other_mesh')
  }
}
