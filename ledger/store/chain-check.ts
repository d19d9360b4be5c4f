/**
 * The check of a store as it opens: every log is a chain without a hole that ends at its signed head.
 * An entry is handed to the fold only after what follows has vouched for its bytes. Says where a
 * store is broken and changes nothing.
 */
import {
  equalBytes,
  FORK_PROOF_BYTES_MAX,
  type LogId,
  MeshError,
  type MeshId,
  NO_PREVIOUS,
  openHead,
  type SignedHead,
  sha256,
  type Verifier
} from '#contracts'
import type { Breathe } from '../breathe.ts'
import type { PreparedEntry } from '../fold/prepared.ts'
import { openForkProof } from '../fork-proof.ts'
import { KEY, kindRange, type Place, placeOf } from './keys.ts'
import { type LevelPort, pages } from './level-port.ts'
import { readStored } from './refusal.ts'

const HASH_BYTES = 32

/** The store to check, and who takes what it vouches for. */
export interface ChainCheckOptions {
  readonly level: LevelPort
  readonly mesh: MeshId
  readonly verifier: Verifier
  /** The log whose entries are handed to `fold` while the store opens. */
  readonly foldLog: LogId
  readonly fold: (prepared: PreparedEntry) => void
  readonly breathe?: Breathe
}

/** A log as far as it is held here. */
export interface HeldLog {
  readonly log: LogId
  readonly head: SignedHead
}

export interface CheckedStore {
  readonly logs: readonly HeldLog[]
  /** Logs whose author said two things, held or not, and how many bytes show it. */
  readonly conflicts: ReadonlyMap<LogId, number>
}

/** What a store holds, or ledger.store_corrupted with log, sequence number and what is wrong. */
export async function checkStore(options: ChainCheckOptions): Promise<CheckedStore> {
  const heads = await readHeads(options)
  const walk = new ChainWalk(heads, options, await readRefusals(options))
  for await (const page of pages(options.level, kindRange(KEY.entry))) {
    for (const [key, raw] of page) {
      walk.take(placeIn(key), raw)
      const pause = options.breathe?.() ?? null
      if (pause !== null) await pause
    }
  }
  walk.end()
  const logs = [...heads.values()].map((head) => ({ log: head.log, head }))
  return { logs, conflicts: await readConflicts(options) }
}

export function placeIn(key: Uint8Array): Place {
  const place = placeOf(key)
  if (place === undefined) {
    throw new MeshError('ledger.store_corrupted', { what: 'a key is none of ours' })
  }
  return place
}

class ChainWalk {
  readonly #heads: ReadonlyMap<LogId, SignedHead>
  readonly #foldLog: LogId
  readonly #fold: (prepared: PreparedEntry) => void
  readonly #refusals: ReadonlyMap<number, Uint8Array>
  readonly #whole = new Set<LogId>()
  #log: LogId | undefined
  #next = 0
  #hash: Uint8Array = NO_PREVIOUS
  /** The entry that nothing has vouched for yet. */
  #last: { readonly place: Place; readonly raw: Uint8Array } | undefined

  constructor(
    heads: ReadonlyMap<LogId, SignedHead>,
    { foldLog, fold }: ChainCheckOptions,
    refusals: ReadonlyMap<number, Uint8Array>
  ) {
    this.#heads = heads
    this.#foldLog = foldLog
    this.#fold = fold
    this.#refusals = refusals
  }

  take(place: Place, raw: Uint8Array): void {
    if (place.log !== this.#log) this.#begin(place.log)
    if (place.seq !== this.#next) {
      throw corrupted('an entry is missing', { log: place.log, seq: this.#next })
    }
    // `prev` is the last key of the canonical map, so the last bytes of an entry are its value
    if (!equalBytes(raw.subarray(-HASH_BYTES), this.#hash)) {
      throw corrupted('the chain is broken', { log: place.log, seq: Math.max(0, place.seq - 1) })
    }
    this.#vouch()
    this.#hash = sha256(raw)
    this.#next += 1
    this.#last = { place, raw }
    const head = this.#heads.get(place.log)
    if (head === undefined || place.seq > head.seq) {
      throw corrupted('no signed head covers the entry', place)
    }
    if (place.seq < head.seq) return
    if (!equalBytes(head.hash, this.#hash)) throw corrupted('the head is of another entry', place)
    this.#whole.add(place.log)
    this.#vouch()
  }

  end(): void {
    for (const head of this.#heads.values()) {
      if (!this.#whole.has(head.log)) throw corrupted('entries are missing before the head', head)
    }
  }

  #begin(log: LogId): void {
    const { seq = 0 } = this.#last?.place ?? {}
    if (this.#log !== undefined && !this.#whole.has(this.#log)) {
      throw corrupted('entries are missing before the head', { log: this.#log, seq })
    }
    this.#log = log
    this.#next = 0
    this.#hash = NO_PREVIOUS
  }

  #vouch(): void {
    const last = this.#last
    this.#last = undefined
    if (last === undefined || last.place.log !== this.#foldLog) return
    this.#fold(readVouched(last.raw, this.#hash, this.#refusals.get(last.place.seq), last.place))
  }
}

function readVouched(
  raw: Uint8Array,
  hash: Uint8Array,
  refusal: Uint8Array | undefined,
  place: Place
): PreparedEntry {
  try {
    return readStored(raw, hash, refusal)
  } catch (cause) {
    if (!(cause instanceof MeshError)) throw cause
    throw corrupted('what is kept about the entry does not fit it', place, cause)
  }
}

/** The last head of every log, verified. */
async function readHeads(options: ChainCheckOptions): Promise<ReadonlyMap<LogId, SignedHead>> {
  const last = new Map<LogId, { readonly place: Place; readonly bytes: Uint8Array }>()
  for await (const page of pages(options.level, kindRange(KEY.head))) {
    for (const [key, bytes] of page) {
      const place = placeIn(key)
      last.set(place.log, { place, bytes })
    }
  }
  const heads = new Map<LogId, SignedHead>()
  for (const [log, { place, bytes }] of last) heads.set(log, readHead(bytes, options, place))
  return heads
}

function readHead(bytes: Uint8Array, options: ChainCheckOptions, place: Place): SignedHead {
  try {
    const head = openHead(bytes, options)
    if (head.log === place.log && head.seq === place.seq) return head
  } catch (cause) {
    if (!(cause instanceof MeshError)) throw cause
    throw corrupted('the signed head does not verify', place, cause)
  }
  throw corrupted('the signed head is of another place', place)
}

async function readRefusals({
  level,
  foldLog
}: ChainCheckOptions): Promise<ReadonlyMap<number, Uint8Array>> {
  const refusals = new Map<number, Uint8Array>()
  for await (const page of pages(level, kindRange(KEY.refusal))) {
    for (const [key, value] of page) {
      const { log, seq } = placeIn(key)
      if (log === foldLog) refusals.set(seq, value)
    }
  }
  return refusals
}

/** What shows that authors said two things shows it still: peers are to be shown it. */
async function readConflicts(options: ChainCheckOptions): Promise<ReadonlyMap<LogId, number>> {
  const conflicts = new Map<LogId, number>()
  for await (const page of pages(options.level, kindRange(KEY.conflict))) {
    for (const [key, proof] of page) {
      const place = placeIn(key)
      if (proof.length <= FORK_PROOF_BYTES_MAX) checkProof(proof, options, place)
      conflicts.set(place.log, proof.length)
    }
  }
  return conflicts
}

function checkProof(proof: Uint8Array, options: ChainCheckOptions, place: Place): void {
  try {
    if (openForkProof(proof, options).log === place.log) return
  } catch (cause) {
    if (!(cause instanceof MeshError)) throw cause
    throw corrupted('what is kept of a fork does not show it', place, cause)
  }
  throw corrupted('what is kept of a fork is of another log', place)
}

function corrupted(what: string, { log, seq }: Place, cause?: unknown): MeshError {
  return new MeshError('ledger.store_corrupted', { what, log, seq }, { cause })
}
