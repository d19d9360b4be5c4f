/**
 * What the ledger says of nodes: state, health, outcomes and a score in thousandths, all integers.
 * Every change of a score leaves a reason that the node can read. Nothing here bans anybody or
 * places work: the scheduler reads scores and works without them.
 */
import {
  assert,
  type EntryBody,
  MeshError,
  NODE_TRANSITIONS,
  type NodeState,
  type PeerId,
  TRUST_CHANGES_KEPT,
  TRUST_REASONS_KEPT
} from '#contracts'

type VoidedItem = EntryBody<'units.voided'>['items'][number]
export type Fault = Exclude<VoidedItem['fault'], 'none'>
export type VoidReason = VoidedItem['reason']

/** What became of one attempt of a node. */
export type TrustOutcome =
  | { readonly type: 'accepted' }
  | { readonly type: 'faulted'; readonly fault: Fault }
  | { readonly type: 'voided'; readonly reason: VoidReason }

/** Integer arithmetic alone, so that every replica agrees. */
export interface TrustPolicy {
  readonly name: string
  /** The score after the outcome, 0 to 1000. */
  apply(scoreMilli: number, outcome: TrustOutcome): number
}

const SCORE_START_MILLI = 500
const SCORE_MAX_MILLI = 1000

const none: TrustPolicy = { name: 'none', apply: (scoreMilli) => scoreMilli }

/** What the node did not bring about, or was free to do, costs it nothing. */
const COST_OF_VOID_MILLI: Readonly<Record<VoidReason, number>> = {
  failed: 10,
  timeout: 10,
  expired: 10,
  rejected: 0,
  released: 0,
  cancelled: 0,
  redundant: 0
}

/** A copied result cannot be an accident; wrong ones can, when a backend is wrong. */
const KEPT_PER_MILLE_AFTER: Readonly<Record<Fault, number>> = {
  copied: 0,
  disagreed: 500,
  schema: 700,
  over_budget: 900
}

/**
 * Credibility that is slow to earn and quick to lose: an accepted result closes a fiftieth of the
 * distance to 1000, a proven fault keeps only a share of what was earned.
 */
const credibility: TrustPolicy = {
  name: 'credibility',
  apply(scoreMilli, outcome) {
    switch (outcome.type) {
      case 'accepted':
        return scoreMilli + Math.ceil((SCORE_MAX_MILLI - scoreMilli) / 50)
      case 'faulted':
        return Math.floor((scoreMilli * KEPT_PER_MILLE_AFTER[outcome.fault]) / 1000)
      case 'voided':
        return Math.max(0, scoreMilli - COST_OF_VOID_MILLI[outcome.reason])
    }
  }
}

/** Its scores are those of the book that the fold keeps beside (probation-book.ts). */
const probation: TrustPolicy = { name: 'probation', apply: (scoreMilli) => scoreMilli }
export const PROBATION = probation.name

/** Names are visible in genesis documents: add, never change what one does. */
export const TRUST_POLICIES: ReadonlyMap<string, TrustPolicy> = new Map(
  [none, credibility, probation].map((policy) => [policy.name, policy])
)
export const DEFAULT_TRUST_POLICY = probation.name

export function trustPolicy(name: string): TrustPolicy {
  const policy = TRUST_POLICIES.get(name)
  if (policy === undefined) throw new MeshError('ledger.policy_unknown', { policy: name })
  return policy
}

export interface TrustReason {
  /** Place of the entry in the sequencer's log. */
  readonly seq: number
  /** `accepted`, `fault.<which>`, `voided.<why>` or `probation.<what>`. */
  readonly rule: string
  readonly deltaMilli: number
  readonly scoreMilli: number
}

/** A change of some node's score. */
export interface TrustChange extends TrustReason {
  readonly node: PeerId
}

export interface NodeTrust {
  readonly node: PeerId
  readonly owner: string
  readonly nodeClass: string
  readonly log: string
  readonly state: NodeState
  readonly healthMilli: number
  readonly scoreMilli: number
  readonly accepted: number
  readonly faulted: Readonly<Record<Fault, number>>
  readonly voided: Readonly<Record<VoidReason, number>>
  /** The latest changes of the score, oldest first. */
  readonly reasons: readonly TrustReason[]
}

interface NodeRow {
  owner: string
  nodeClass: string
  log: string
  state: NodeState
  healthMilli: number
  scoreMilli: number
  accepted: number
  readonly faulted: Record<Fault, number>
  readonly voided: Record<VoidReason, number>
  readonly reasons: TrustReason[]
}

const NO_CHANGES: readonly TrustChange[] = []

export class TrustFold {
  readonly #policy: TrustPolicy
  readonly #nodes = new Map<PeerId, NodeRow>()
  readonly #logs = new Set<string>()
  #changes: TrustChange[] = []
  #changesBefore = 0

  constructor(policy: TrustPolicy) {
    this.#policy = policy
  }

  /** Registers a node, or changes what it is registered as; its score stays its own. */
  register({ node, owner, log, node_class }: EntryBody<'node.registered'>): void {
    this.#logs.add(log)
    const known = this.#nodes.get(node)
    if (known === undefined) this.#nodes.set(node, newNode(owner, log, node_class))
    else Object.assign(known, { owner, log, nodeClass: node_class })
  }

  /** False where the node is unknown or its state does not lead to this one. */
  observe({ node, state, health_milli }: EntryBody<'node.observed'>): boolean {
    const row = this.#nodes.get(node)
    if (row === undefined) return false
    if (row.state !== state && !NODE_TRANSITIONS[row.state].includes(state)) return false
    row.state = state
    row.healthMilli = health_milli
    return true
  }

  isRegistered(node: PeerId): boolean {
    return this.#nodes.has(node)
  }

  classOf(node: PeerId): string {
    const row = this.#nodes.get(node)
    assert(row !== undefined, 'only registered nodes hold reservations')
    return row.nodeClass
  }

  record(node: PeerId, outcome: TrustOutcome, seq: number): void {
    const row = this.#nodes.get(node)
    assert(row !== undefined, 'only registered nodes hold reservations')
    const before = row.scoreMilli
    row.scoreMilli = this.#policy.apply(before, outcome)
    assert(
      Number.isInteger(row.scoreMilli) && row.scoreMilli >= 0 && row.scoreMilli <= SCORE_MAX_MILLI,
      'a score is an integer from 0 to 1000'
    )
    count(row, outcome)
    if (row.scoreMilli !== before) this.#note(row, { node, before, seq, rule: ruleOf(outcome) })
  }

  /** The score as a policy has it that looks at more than one outcome. */
  setScore(node: PeerId, scoreMilli: number, rule: string, seq: number): void {
    const row = this.#nodes.get(node)
    assert(row !== undefined, 'only registered nodes hold reservations')
    const before = row.scoreMilli
    row.scoreMilli = scoreMilli
    this.#note(row, { node, before, seq, rule })
  }

  /** Changes from that count on, as far as they are kept, and the count that comes next. */
  changes(from: number): { readonly changes: readonly TrustChange[]; readonly next: number } {
    const next = this.#changesBefore + this.#changes.length
    if (from >= next) return { changes: NO_CHANGES, next }
    return { changes: this.#changes.slice(Math.max(0, from - this.#changesBefore)), next }
  }

  #note(
    row: NodeRow,
    { node, before, seq, rule }: { node: PeerId; before: number; seq: number; rule: string }
  ): void {
    const { scoreMilli } = row
    const reason = { seq, rule, deltaMilli: scoreMilli - before, scoreMilli }
    if (row.reasons.length === TRUST_REASONS_KEPT) row.reasons.shift()
    row.reasons.push(reason)
    this.#changes.push({ node, ...reason })
    if (this.#changes.length < 2 * TRUST_CHANGES_KEPT) return
    this.#changes = this.#changes.slice(-TRUST_CHANGES_KEPT)
    this.#changesBefore += TRUST_CHANGES_KEPT
  }

  of(node: PeerId): NodeTrust | null {
    const row = this.#nodes.get(node)
    return row === undefined ? null : { node, ...row, reasons: [...row.reasons] }
  }

  /** All registered nodes by id. */
  all(): readonly NodeTrust[] {
    const all = [...this.#nodes].map(([node, row]) => ({ node, ...row, reasons: [...row.reasons] }))
    return all.sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  /** Whether a node was ever registered with this log. */
  hasLog(log: string): boolean {
    return this.#logs.has(log)
  }
}

function newNode(owner: string, log: string, nodeClass: string): NodeRow {
  return {
    owner,
    nodeClass,
    log,
    state: 'registered',
    healthMilli: 500,
    scoreMilli: SCORE_START_MILLI,
    accepted: 0,
    faulted: { schema: 0, disagreed: 0, copied: 0, over_budget: 0 },
    voided: {
      failed: 0,
      timeout: 0,
      released: 0,
      expired: 0,
      cancelled: 0,
      rejected: 0,
      redundant: 0
    },
    reasons: []
  }
}

function count(row: NodeRow, outcome: TrustOutcome): void {
  switch (outcome.type) {
    case 'accepted':
      row.accepted += 1
      break
    case 'faulted':
      row.faulted[outcome.fault] += 1
      break
    case 'voided':
      row.voided[outcome.reason] += 1
  }
}

const ruleOf = (outcome: TrustOutcome): string => {
  switch (outcome.type) {
    case 'accepted':
      return 'accepted'
    case 'faulted':
      return `fault.${outcome.fault}`
    case 'voided':
      return `voided.${outcome.reason}`
  }
}
