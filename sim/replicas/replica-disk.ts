/**
 * The disk under a replica: a write takes its time, and what the process that is gone had under way is
 * there afterwards, is not, or is there by half; a disk that lied has not even what it said it had. A
 * process that is gone hears nothing more of its writes.
 */
import { assert } from '#contracts'
import type { LevelPort } from '#ledger'
import type { Chance } from '../kernel/chance.ts'
import { MemoryLevel } from '../kernel/memory-level.ts'
import type { ReplicaKeys } from './keys.ts'

type Puts = Parameters<LevelPort['batch']>[0]

export interface DiskPorts {
  readonly kind: ReplicaKeys['disk']
  readonly chance: Chance
  /** Calls back when a write that begins now is on the disk. */
  readonly after: (written: () => void) => void
}

interface Writing {
  readonly puts: Puts
  readonly done: () => void
}

/** A store as one process has it. */
export interface ReplicaLevel extends LevelPort {
  /** From here on writes take their time: opening a store is over. */
  opened(): void
}

/** Writes that a disk which lied may not have. */
const LIED_MAX = 8

export class ReplicaDisk {
  readonly #ports: DiskPorts
  #level = new MemoryLevel()
  /** All that is written, from the first. */
  #written: Puts[] = []
  /** Writes of opening: a store without them is none. */
  #opening = 0
  #waiting: Writing[] = []
  #life = 0

  constructor(ports: DiskPorts) {
    this.#ports = ports
  }

  /** The store as a process that begins now finds it. */
  begin(): ReplicaLevel {
    const life = ++this.#life
    let isOpening = true
    const there = this.#level
    return {
      open: async () => {},
      close: async () => {},
      get: (key) => there.get(key),
      iterator: (range) => there.iterator(range),
      batch: (puts) => {
        if (!isOpening) return this.#write(puts, life)
        this.#opening += 1
        return this.#put(puts)
      },
      opened: () => {
        isOpening = false
      }
    }
  }

  /** The process is gone. True: what is left is not whole, and has to be refused. */
  cut(): boolean {
    this.#life += 1
    const [first] = this.#waiting.splice(0)
    const { kind, chance } = this.#ports
    if (kind === 'rolls_back') {
      const lied = chance.below(LIED_MAX)
      this.#again(Math.max(this.#opening, this.#written.length - lied))
      return false
    }
    if (first === undefined || kind === 'forgets') return false
    const isTorn = kind === 'tears' && first.puts.length > 1
    void this.#put(isTorn ? first.puts.slice(0, first.puts.length >> 1) : first.puts)
    return isTorn
  }

  /** Its owner puts an empty disk in its place. */
  wipe(): void {
    this.#level = new MemoryLevel()
    this.#written = []
    this.#opening = 0
  }

  /** Another disk with the same on it. */
  copy(ports: DiskPorts): ReplicaDisk {
    const other = new ReplicaDisk(ports)
    for (const puts of this.#written) void other.#put(puts)
    other.#opening = this.#opening
    return other
  }

  /** Written in the turn in which it is asked, as a level in memory does. */
  async #put(puts: Puts): Promise<void> {
    this.#written.push(puts)
    await this.#level.batch(puts)
  }

  #again(writes: number): void {
    const kept = this.#written.slice(0, writes)
    assert(kept.length >= this.#opening, 'a store is opened before it is lost')
    this.#level = new MemoryLevel()
    this.#written = []
    for (const puts of kept) void this.#put(puts)
  }

  #write(puts: Puts, life: number): Promise<void> {
    return new Promise((resolve) => {
      if (life !== this.#life) return
      const writing = { puts, done: resolve }
      this.#waiting.push(writing)
      this.#ports.after(() => {
        // what was written when its process went is no longer under way
        if (life !== this.#life) return
        const first = this.#waiting.shift()
        assert(first === writing, 'writes end in their order')
        void this.#put(puts).then(resolve)
      })
    })
  }
}
