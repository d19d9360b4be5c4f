/**
 * The nodes that could take the next unit of a class, best first, kept so that a grant costs O(log n)
 * of the nodes with places. A node that got worse is ranked anew when it comes to the top; one that
 * got better is in the list of changes, which each class reads from where it last stopped.
 */
import { assert, type WorkUnit } from '#contracts'
import { claimFor, type EligibilityFacts, refusalOf } from './eligibility.ts'
import { STREAK_MARGIN, STREAK_MAX } from './gateway-policy.ts'
import type { NodeRecord } from './gateway-state.ts'
import { Heap } from './heap.ts'
import { type Ranked, ranksBefore, scoreOf } from './scoring.ts'

/** Nodes that may have become better for someone, in order; read by every class at its own pace. */
export class NodeChanges {
  #log: NodeRecord[] = []
  #epoch = 0
  readonly #fresh = new Set<NodeRecord>()

  /** The node came, has places again, or counts more. Said once per step, however often it happens. */
  risen(node: NodeRecord): void {
    this.#fresh.add(node)
  }

  get hasFresh(): boolean {
    return this.#fresh.size > 0
  }

  /** Makes the changes of this step readable; starts over when the list is longer than the nodes. */
  publish(nodesCount: number): void {
    if (this.#log.length > 4 * nodesCount + 1024) {
      this.#log = []
      this.#epoch += 1
    }
    for (const node of this.#fresh) this.#log.push(node)
    this.#fresh.clear()
  }

  get epoch(): number {
    return this.#epoch
  }
  get length(): number {
    return this.#log.length
  }
  at(index: number): NodeRecord | undefined {
    return this.#log[index]
  }
}

/** Who is ranked at all, and by what in place of the usual score. */
export interface RankRule {
  admits(node: NodeRecord): boolean
  scoreOf?(node: NodeRecord): number
}

export class Candidates {
  readonly #sample: WorkUnit
  readonly #rule: RankRule | null
  readonly #heap = new Heap<Ranked>(ranksBefore)
  readonly #latest = new Map<NodeRecord, Ranked>()
  #cursor = 0
  #epoch = -1
  #streakNode: NodeRecord | null = null
  #streak = 0

  constructor(sample: WorkUnit, rule: RankRule | null = null) {
    this.#sample = sample
    this.#rule = rule
  }

  /** Takes in what has changed since the last call; all nodes at the first. */
  refresh(
    nodes: ReadonlyMap<string, NodeRecord>,
    changes: NodeChanges,
    facts: EligibilityFacts
  ): void {
    if (this.#epoch === changes.epoch) {
      for (let index = this.#cursor; index < changes.length; index++) {
        const node = changes.at(index)
        if (node !== undefined) this.put(node, facts)
      }
    } else {
      this.#epoch = changes.epoch
      this.#heap.clear()
      this.#latest.clear()
      for (const node of nodes.values()) this.put(node, facts)
    }
    this.#cursor = changes.length
  }

  /** Ranks the node anew, or forgets it where it may not run the class now. */
  put(node: NodeRecord, facts: EligibilityFacts): void {
    const rank = this.#rank(node, facts)
    if (rank === null) this.#latest.delete(node)
    else if (!isSameRank(rank, this.#latest.get(node))) this.#add(rank)
  }

  /** Takes the best node out, as of now; undefined where no node has places. */
  take(facts: EligibilityFacts): NodeRecord | undefined {
    const first = this.#best(facts)
    if (first === undefined) return undefined
    if (this.#streakNode === first.node && this.#streak >= STREAK_MAX) {
      const second = this.#best(facts)
      if (second !== undefined && second.score >= first.score - STREAK_MARGIN) {
        this.#add(first)
        return this.#chosen(second.node)
      }
      if (second !== undefined) this.#add(second)
    }
    return this.#chosen(first.node)
  }

  #chosen(node: NodeRecord): NodeRecord {
    this.#streak = this.#streakNode === node ? this.#streak + 1 : 1
    this.#streakNode = node
    return node
  }

  #best(facts: EligibilityFacts): Ranked | undefined {
    for (let entry = this.#heap.pop(); entry !== undefined; entry = this.#heap.pop()) {
      const { node } = entry
      if (this.#latest.get(node) !== entry) continue
      this.#latest.delete(node)
      const now = this.#rank(node, facts)
      if (now === null) continue
      if (isSameRank(now, entry)) return now
      this.#add(now)
    }
    return undefined
  }

  #rank(node: NodeRecord, facts: EligibilityFacts): Ranked | null {
    if (this.#rule?.admits(node) === false) return null
    if (refusalOf(this.#sample, node, facts) !== null) return null
    const claim = claimFor(this.#sample, node)
    assert(claim !== null, 'a node without refusal has a claim with places')
    const score = this.#rule?.scoreOf?.(node) ?? scoreOf(this.#sample, node, claim)
    return { node, score, depth: node.working }
  }

  #add(rank: Ranked): void {
    this.#latest.set(rank.node, rank)
    if (this.#heap.size > 4 * this.#latest.size + 64) {
      this.#heap.sweep((entry) => this.#latest.get(entry.node) === entry && entry !== rank)
    }
    this.#heap.push(rank)
  }
}

/** Where the node stands already, nothing is entered once more. */
const isSameRank = (rank: Ranked, known: Ranked | undefined): boolean =>
  rank.score === known?.score && rank.depth === known.depth
