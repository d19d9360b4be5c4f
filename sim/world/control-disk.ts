/**
 * What the control node finds on its disk after a crash: the product's own store, written by the
 * product's own code, whole or damaged as a disk damages it. Reading and checking are the product's
 * as well; nothing here decides whether a store is sound.
 */
import {
  assert,
  MeshError,
  type SignedGenesis,
  type SignedHead,
  type Signer,
  signHead,
  type Verifier
} from '#contracts'
import { Ledger, type LevelPort, LogStore, type PreparedEntry } from '#ledger'
import type { Chance } from '../kernel/chance.ts'
import { MemoryLevel } from '../kernel/memory-level.ts'

/** `tears`: half of the last write; `flips`: one bit; `rolls_back`: a state that was, once. */
export type Damage = 'tears' | 'flips' | 'rolls_back'
export type Batch = readonly PreparedEntry[]

export interface DiskOwner {
  readonly signer: Signer
  readonly verifier: Verifier
  readonly genesis: SignedGenesis
  readonly incarnation: Uint8Array
}

/** All keys of a store: its kinds are single bytes, none of them the highest. */
const ALL_KEYS = { gte: Uint8Array.of(0), lt: Uint8Array.of(255) }
const BINARY = { keyEncoding: 'view', valueEncoding: 'view' } as const
/** A store of the simulator is read in one go. */
const RECORDS_MAX = 10_000_000

type Entry = readonly [Uint8Array, Uint8Array]

export class ControlDisk {
  readonly #owner: DiskOwner
  readonly #batches: Batch[] = []

  constructor(owner: DiskOwner) {
    this.#owner = owner
  }

  /** The batch is on the disk, whole, whatever happens next. */
  keep(batch: Batch): void {
    this.#batches.push(batch)
  }

  /** The whole store, opened and checked by the product. */
  async open(): Promise<Ledger> {
    return this.#ledger(await this.#written(this.#batches))
  }

  /**
   * Opens the store as it is with that damage, and lets it hear of the head that others hold. The
   * code with which the product refuses it; null: it noticed nothing.
   */
  async codeOf(damage: Damage, chance: Chance): Promise<string | null> {
    const level = await this.#damaged(damage, chance)
    try {
      const ledger = await this.#ledger(level)
      try {
        await ledger.receive(this.#head(this.#batches).bytes, [])
      } finally {
        await ledger.close()
      }
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      return error.code
    }
    return null
  }

  async #damaged(damage: Damage, chance: Chance): Promise<MemoryLevel> {
    const batches = this.#batches
    if (damage === 'rolls_back') {
      return this.#written(batches.slice(0, 1 + chance.below(batches.length - 1)))
    }
    if (damage === 'tears') return this.#torn()
    const level = await this.#written(batches)
    // heads before the last are looked at by the full check alone: the store that began has the only one
    const records = await this.#since(level, await this.#written(batches.slice(0, 1)))
    const record = records[chance.below(records.length)]
    assert(record !== undefined, 'a store has records')
    const [key, value] = record
    const flipped = value.slice()
    const at = chance.below(flipped.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << chance.below(8))
    await level.batch([{ type: 'put', key, value: flipped }])
    return level
  }

  /** The last write, of which the head, and with it all that makes the write whole, is missing. */
  async #torn(): Promise<MemoryLevel> {
    const before = await this.#written(this.#batches.slice(0, -1))
    const written = await this.#since(await this.#written(this.#batches), before)
    const half = written.slice(0, Math.max(1, written.length >> 1))
    await before.batch(half.map(([key, value]) => ({ type: 'put', key, value })))
    return before
  }

  /** What a store has that an earlier one had not. */
  async #since(level: MemoryLevel, before: MemoryLevel): Promise<readonly Entry[]> {
    const known = new Set((await recordsOf(before)).map(([key]) => key.join()))
    return (await recordsOf(level)).filter(([key]) => !known.has(key.join()))
  }

  /** A store with these batches, under one head: the one that was last. */
  async #written(batches: readonly Batch[]): Promise<MemoryLevel> {
    const { genesis, verifier } = this.#owner
    const level = new MemoryLevel()
    const empty = await this.#ledger(level)
    const first = empty.head(empty.ownLog)
    await empty.close()
    const entries = batches.flat()
    if (entries.length <= (first?.seq ?? -1) + 1) return level
    const store = await LogStore.open({
      level,
      mesh: genesis.id,
      verifier,
      sync: true,
      foldLog: empty.sequencerLog,
      fold: () => {}
    })
    await store.write({ head: this.#head(batches), entries: entries.slice((first?.seq ?? -1) + 1) })
    await store.close()
    return level
  }

  #head(batches: readonly Batch[]): SignedHead {
    const { genesis, signer, incarnation } = this.#owner
    const last = batches.at(-1)?.at(-1)?.entry
    assert(last !== undefined, 'a log begins with its genesis')
    return signHead({ incarnation, seq: last.seq, hash: last.hash }, { mesh: genesis.id, signer })
  }

  #ledger(level: LevelPort): Promise<Ledger> {
    const { genesis, signer, verifier, incarnation } = this.#owner
    return Ledger.open({
      level,
      genesis,
      signer,
      verifier,
      incarnation: () => incarnation,
      isSequencer: true
    })
  }
}

async function recordsOf(level: MemoryLevel): Promise<readonly Entry[]> {
  const iterator = level.iterator({ ...ALL_KEYS, ...BINARY })
  const records = await iterator.nextv(RECORDS_MAX)
  await iterator.close()
  return records
}
