/**
 * Units of one session that wait for a lease and ask for the same: kind, model, constraints, number
 * of distinct owners. First come, first served within a priority; a unit that needs a lease again
 * goes before fresh ones. Knows its candidates; grants nothing.
 */
import { assert, PRIORITIES, type WorkUnit } from '#contracts'
import { Candidates, type NodeChanges } from './candidates.ts'
import type { EligibilityFacts } from './eligibility.ts'
import type { NodeRecord, SessionRecord, UnitRecord, WaitingPlace } from './gateway-state.ts'
import type { TrustChecks } from './trust-checks.ts'

/** Places that their units left stay in the queue, and are passed over. */
const isHeld = (place: WaitingPlace): boolean => place.unit.place === place

/** What a node must be to run a unit, and how many owners it takes, as one string. */
export function classKeyOf({ kind, model, constraints, verification }: WorkUnit): string {
  const { privacy, trusted_node_required, region, min_memory_mb, accelerators } = constraints
  const needs = accelerators.length === 0 ? '' : JSON.stringify(accelerators)
  const place = region === null ? '' : JSON.stringify(region)
  return `${kind}|${model.cid ?? ''}|${model.handler ?? ''}|${privacy}|${trusted_node_required}|${place}|${min_memory_mb}|${needs}|${verification.mode}|${verification.replicas}|${verification.agreement.level}`
}

/** A queue that is read from the front: an array and where it begins. */
class Fifo<T> {
  #items: T[] = []
  #start = 0

  get size(): number {
    return this.#items.length - this.#start
  }
  get first(): T | undefined {
    return this.#items[this.#start]
  }
  push(item: T): void {
    this.#items.push(item)
  }
  shift(): T | undefined {
    const item = this.#items[this.#start]
    if (item === undefined) return undefined
    this.#start += 1
    if (this.#start > 1024 && this.#start * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#start)
      this.#start = 0
    }
    return item
  }
  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.slice(this.#start).values()
  }
}

export class WaitingClass {
  readonly key: string
  readonly session: SessionRecord
  /** One of the units: all of the class ask for the same. */
  readonly sample: WorkUnit
  /** Where the mesh checks nodes: those whose word alone is taken. */
  readonly candidates: Candidates
  /** Nodes that lack checks, whose turn it is first; null: a node is as good as another here. */
  readonly tested: Candidates | null
  readonly #fresh: readonly Fifo<WaitingPlace>[] = PRIORITIES.map(() => new Fifo<WaitingPlace>())
  readonly #again: readonly Fifo<WaitingPlace>[] = PRIORITIES.map(() => new Fifo<WaitingPlace>())
  /** Units that wait here, by priority. */
  readonly #sizes = PRIORITIES.map(() => 0)
  #size = 0
  /** When it was last announced; null: not yet. */
  announcedAtMs: number | null = null
  /** Whether a node whose word is taken could ever run it, as of that moment. */
  proven: { readonly atMs: number; readonly any: boolean } | null = null
  /** Since when only one owner could run it, while others may come to; null: not so. */
  loneSinceMs: number | null = null
  /** Since when no node that is known could ever run it; null: one could, or nobody looked. */
  starvedSinceMs: number | null = null
  /** Since when there are too few owners for a unit. */
  readonly lackingSinceMs = new Map<UnitRecord, number>()

  constructor(
    key: string,
    session: SessionRecord,
    sample: WorkUnit,
    trust: Pick<TrustChecks, 'proven' | 'tested' | 'applies'> | null = null
  ) {
    this.key = key
    this.session = session
    this.sample = sample
    const rules = trust?.applies(sample) === true ? trust : null
    this.candidates = new Candidates(sample, rules?.proven)
    this.tested = rules === null ? null : new Candidates(sample, rules.tested)
  }

  refresh(nodes: ReadonlyMap<string, NodeRecord>, changes: NodeChanges, facts: EligibilityFacts) {
    this.candidates.refresh(nodes, changes, facts)
    this.tested?.refresh(nodes, changes, facts)
  }

  /** Ranks the node anew, wherever it belongs. */
  put(node: NodeRecord, facts: EligibilityFacts): void {
    this.candidates.put(node, facts)
    this.tested?.put(node, facts)
  }

  get size(): number {
    return this.#size
  }

  sizeAt(priority: number): number {
    return this.#sizes[priority] ?? 0
  }

  add(unit: UnitRecord, how: 'fresh' | 'again'): void {
    assert(unit.place === null && unit.wanted > 0, 'a unit waits once, for at least one lease')
    unit.place = { unit }
    const level = levelOf(unit)
    const queue = (how === 'fresh' ? this.#fresh : this.#again)[level]
    assert(queue !== undefined, 'every priority has its queue')
    queue.push(unit.place)
    this.#count(level, 1)
  }

  /** The unit waits no more. */
  leave(unit: UnitRecord): void {
    if (unit.place === null) return
    unit.place = null
    this.lackingSinceMs.delete(unit)
    this.#count(levelOf(unit), -1)
  }

  /** Units of a priority that need a lease again, in order; each is looked at once per pass. */
  takeAgain(level: number, limit: number): UnitRecord[] {
    const queue = this.#again[level]
    const taken: UnitRecord[] = []
    for (let left = Math.min(limit, queue?.size ?? 0); left > 0; left--) {
      const place = queue?.shift()
      if (place !== undefined && isHeld(place)) taken.push(place.unit)
    }
    return taken
  }

  /** Back to the end of its queue: it could not be placed, and still waits. */
  putBack(unit: UnitRecord): void {
    assert(unit.place !== null, 'only a unit that waits has a place')
    this.#again[levelOf(unit)]?.push(unit.place)
  }

  /** The fresh unit whose turn it is; it stays until `leave`. */
  firstFresh(level: number): UnitRecord | undefined {
    const queue = this.#fresh[level]
    while (queue?.first !== undefined && !isHeld(queue.first)) queue.shift()
    return queue?.first?.unit
  }

  /** All that wait, each once, urgent ones first. */
  *units(): IterableIterator<UnitRecord> {
    for (let level = 0; level < PRIORITIES.length; level++) {
      for (const queue of [this.#again[level], this.#fresh[level]]) {
        for (const place of queue ?? []) if (isHeld(place)) yield place.unit
      }
    }
  }

  #count(level: number, change: 1 | -1): void {
    this.#sizes[level] = this.sizeAt(level) + change
    this.#size += change
    assert(this.sizeAt(level) >= 0, 'no queue has fewer than no units')
  }
}

const levelOf = ({ packed }: UnitRecord): number => PRIORITIES.indexOf(packed.unit.priority)
