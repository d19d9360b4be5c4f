/**
 * The fold: from the sequencer's log to balances, sessions and trust. Total: any
 * entry either applies or leaves a recorded refusal, and nothing throws but our own mistakes.
 * Reads no clock, store or key, and takes the order of entries as given: the sequencer's log is it.
 */
import {
  assert,
  assertNever,
  equalBytes,
  type LogId,
  type PeerId,
  type PlacedEntry,
  parseLogId,
  type SessionId,
  type SignedGenesis,
  type UnitId
} from '#contracts'
import type { AccountBalance } from './accounts.ts'
import { type AttemptFacts, attemptFacts, billOf, type SessionBill } from './bill.ts'
import { digestOf, type JoinedHead } from './digest.ts'
import { Escrow, type Reopening, type ReturnedPay } from './escrow.ts'
import { Money } from './money.ts'
import type { EntryOf, PreparedEntry } from './prepared.ts'
import type { ModelCost } from './price.ts'
import type { ProbationView } from './probation-book.ts'
import type { CheckedReceipt } from './receipts.ts'
import { type Rejection, type RejectionRule, Rejections } from './rejections.ts'
import { type SessionRow, type SessionSummary, Sessions, summaryOf } from './sessions.ts'
import {
  type NodeTrust,
  PROBATION,
  type TrustChange,
  TrustFold,
  type TrustOutcome,
  trustPolicy
} from './trust.ts'

/** Entries of units that are taken while their session runs. */
type RunningKind = `units.${'reserved' | 'accepted' | 'withdrawn' | 'escalated' | 'ended'}`
type VoidedItem = EntryOf<'units.voided'>['body']['items'][number]
const ACCEPTED: TrustOutcome = { type: 'accepted' }

export class LedgerFold {
  readonly #genesis: SignedGenesis
  readonly #log: LogId
  readonly #money: Money
  readonly #sessions = new Sessions()
  readonly #trust: TrustFold
  /** Null where the mesh has another policy. */
  readonly #escrow: Escrow | null
  readonly #rejections = new Rejections()
  /** Of other authors' logs, seen since this process began: outside the state and its digest. */
  readonly #foreign = new Rejections()
  readonly #joined = new Map<LogId, JoinedHead>()
  readonly #classOf = (node: PeerId): string => this.#trust.classOf(node)
  #nextSeq = 0
  #lastHash: Uint8Array = new Uint8Array(32)

  /** Throws ledger.policy_unknown where the genesis names a policy that is not known here. */
  constructor(genesis: SignedGenesis, sequencerLog: LogId) {
    this.#genesis = genesis
    this.#log = sequencerLog
    const { policies, prices } = genesis.genesis
    this.#trust = new TrustFold(trustPolicy(policies.trust))
    const escrow = policies.trust === PROBATION ? new Escrow(genesis.genesis, this.#trust) : null
    this.#money = new Money(prices, (node) => escrow?.holds(node) ?? false)
    escrow?.watch(this.#money, this.#sessions)
    this.#escrow = escrow
    for (const { id, grant_micro } of genesis.genesis.tenants) {
      const refusal = this.#money.grant(id, grant_micro)
      if (refusal !== null) this.#refuse(0, refusal)
    }
  }

  /** The sequence number of the entry that comes next. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Folds the next entry of the sequencer's log. */
  apply(prepared: PreparedEntry): void {
    const { entry } = prepared
    assert(entry.log === this.#log, "the fold's order is the sequencer's log")
    assert(entry.seq === this.#nextSeq, 'entries are folded in the order of the log, each once')
    this.#applyKind(prepared)
    this.#nextSeq += 1
    this.#lastHash = entry.hash
  }

  /**
   * Looks at entries of another author's log. They move nothing; one that claims to, or that means
   * nothing, is a refusal that people can read.
   */
  lookAt(entries: readonly PlacedEntry[]): void {
    for (const { kind, log, seq } of entries) {
      if (kind === 'results.attested') continue
      const rule = kind === 'refused' ? 'body_malformed' : 'unauthorised'
      this.#foreign.record({ log, seq, item: null, rule, unit: null, attempt: null })
    }
  }

  /** Refusals in other authors' logs, the latest last. */
  foreignRejections(): readonly Rejection[] {
    return this.#foreign.latest()
  }

  /** Invariant 9; checked by the ledger after every batch. */
  assertBalanced(): void {
    assert(this.#money.accounts.sumsToZero(), 'credits sum to zero')
  }

  balances(): readonly AccountBalance[] {
    return this.#money.accounts.balances()
  }

  balanceOf(account: string): AccountBalance | null {
    const index = this.#money.accounts.find(account)
    return index === undefined ? null : this.#money.accounts.balance(index)
  }

  sessions(): readonly SessionSummary[] {
    return this.#sessions.summaries()
  }

  session(session: SessionId): SessionSummary | null {
    const row = this.#sessions.find(session)
    return row === undefined ? null : summaryOf(row)
  }

  bill(session: SessionId): SessionBill | null {
    const row = this.#sessions.find(session)
    return row === undefined ? null : billOf(row, this.#money)
  }

  /** Places in the sequencer's log of the entries that speak of a session. */
  sessionSeqs(session: SessionId): readonly number[] {
    return this.#sessions.find(session)?.seqs ?? []
  }

  /** What the fold knows of an attempt that reserved money. */
  attempt(unit: UnitId, attempt: number): AttemptFacts | null {
    return attemptFacts(this.#money, unit, attempt)
  }

  /** The calibrated cost that prices a model's units; null where the model is not registered. */
  modelCost(model: string): ModelCost | null {
    return this.#money.modelCost(model)
  }

  trustOf(node: PeerId): NodeTrust | null {
    return this.#trust.of(node)
  }

  nodes(): readonly NodeTrust[] {
    return this.#trust.all()
  }

  /** What the policy `probation` makes of the nodes; null where the mesh has another. */
  get probation(): ProbationView | null {
    return this.#escrow?.book ?? null
  }

  /** Score changes from that count on, and the count that comes next. */
  trustChanges(from: number): { readonly changes: readonly TrustChange[]; readonly next: number } {
    return this.#trust.changes(from)
  }

  /** Units whose results lost their last support, from that count on. */
  reopenings(from: number): readonly Reopening[] {
    return this.#escrow?.reopenings(from) ?? []
  }

  /** Pay that went back to tenants, from that count on. */
  returned(from: number): readonly ReturnedPay[] {
    return this.#escrow?.returned(from) ?? []
  }

  isRegisteredLog(log: LogId): boolean {
    return this.#trust.hasLog(log)
  }

  rejections(): readonly Rejection[] {
    return this.#rejections.latest()
  }

  rejectionCounts(): readonly (readonly [RejectionRule, number])[] {
    return this.#rejections.counts()
  }

  joinedHead(log: LogId): JoinedHead | null {
    return this.#joined.get(log) ?? null
  }

  /** SHA-256 of the state in canonical form: equal on every replica that folded the same entries. */
  digest(): string {
    return digestOf({
      mesh: this.#genesis.id,
      nextSeq: this.#nextSeq,
      lastHash: this.#lastHash,
      money: this.#money,
      sessions: this.#sessions,
      nodes: this.#trust.all(),
      rejections: this.#rejections.counts(),
      joined: [...this.#joined.values()],
      standing: this.#escrow?.book.state() ?? null
    })
  }

  #applyKind({ entry, receipts }: PreparedEntry): void {
    const { seq } = entry
    switch (entry.kind) {
      case 'refused':
        this.#refuse(seq, entry.reason === 'kind_unknown' ? 'kind_unknown' : 'body_malformed')
        break
      case 'mesh.genesis':
        this.#genesisEntry(entry)
        break
      case 'model.registered':
        this.#money.setModelCost(entry.body.model, entry.body)
        break
      case 'tenant.admitted':
        this.#rule(seq, this.#money.grant(entry.body.tenant, entry.body.grant_micro))
        break
      case 'node.registered':
        this.#trust.register(entry.body)
        break
      case 'node.observed':
        this.#observed(entry)
        break
      case 'session.opened':
        this.#opened(entry)
        break
      case 'units.reserved':
        this.#reserved(entry)
        break
      case 'units.accepted':
        this.#accepted(entry, receipts)
        break
      case 'units.voided':
        this.#voided(entry, receipts)
        break
      case 'units.withdrawn':
        this.#withdrawn(entry)
        break
      case 'units.escalated':
      case 'units.ended':
        this.#sessionOf(entry)
        break
      case 'session.closed':
        this.#closed(entry)
        break
      case 'head.sequenced':
        this.#sequenced(entry)
        break
      case 'results.attested':
        break
      default:
        assertNever(entry)
    }
  }

  #genesisEntry({ seq, body }: EntryOf<'mesh.genesis'>): void {
    const isFirst = seq === 0 && equalBytes(body.genesis, this.#genesis.bytes)
    if (!isFirst) this.#refuse(seq, 'genesis_misplaced')
  }

  #observed({ seq, body }: EntryOf<'node.observed'>): void {
    if (!this.#trust.isRegistered(body.node)) this.#refuse(seq, 'node_unknown')
    else if (!this.#trust.observe(body)) this.#refuse(seq, 'node_state_illegal')
  }

  #opened({ seq, body }: EntryOf<'session.opened'>): void {
    const account = this.#money.tenant(body.tenant)
    if (account === undefined) this.#refuse(seq, 'tenant_unknown')
    else if (this.#sessions.find(body.session) !== undefined) this.#refuse(seq, 'session_known')
    else this.#sessions.open(body, account).seqs.push(seq)
  }

  #closed(entry: EntryOf<'session.closed'>): void {
    const session = this.#sessionOf(entry)
    if (session !== null) this.#sessions.close(session, entry.body)
  }

  /** The running session that an entry speaks of. */
  #sessionOf({ seq, body }: EntryOf<RunningKind | 'session.closed'>): SessionRow | null {
    const session = this.#knownSession(seq, body.session)
    if (session === null || session.state === 'running') return session
    this.#refuse(seq, 'session_closed')
    return null
  }

  #knownSession(seq: number, id: SessionId): SessionRow | null {
    const session = this.#sessions.find(id)
    if (session === undefined) {
      this.#refuse(seq, 'session_unknown')
      return null
    }
    session.seqs.push(seq)
    return session
  }

  #reserved(entry: EntryOf<'units.reserved'>): void {
    const session = this.#sessionOf(entry)
    if (session === null) return
    for (const [index, item] of entry.body.items.entries()) {
      const refusal = this.#trust.isRegistered(item.node)
        ? this.#money.reserve(session, item)
        : 'node_unknown'
      if (refusal !== null) this.#refuse(entry.seq, refusal, index, item)
    }
  }

  #accepted(entry: EntryOf<'units.accepted'>, receipts: PreparedEntry['receipts']): void {
    const session = this.#sessionOf(entry)
    if (session === null) return
    for (const [index, item] of entry.body.items.entries()) {
      const receipt = receipts[index]
      assert(receipt !== undefined && receipt !== null, 'an accepted item was prepared')
      const refusal = this.#money.post(session, item, receipt, this.#classOf)
      if (refusal !== null) {
        this.#refuse(entry.seq, refusal, index, item)
        continue
      }
      assert(typeof receipt !== 'string', 'what was posted has facts')
      this.#trust.record(receipt.node, ACCEPTED, entry.seq)
      this.#escrow?.accepted(entry.seq, receipt.node, item)
    }
  }

  /** Other results refute what was accepted: nobody owes its pay, and another may stand in its place. */
  #withdrawn(entry: EntryOf<'units.withdrawn'>): void {
    const session = this.#sessionOf(entry)
    if (session === null) return
    for (const [index, item] of entry.body.items.entries()) {
      const row = this.#money.openRow(session, item)
      if (typeof row === 'string') this.#refuse(entry.seq, row, index, item)
      else this.#escrow?.withdrawn(entry.seq, session, row, item.stands)
    }
  }

  /** Voids are taken after a session's end too: they only give back what it still holds. */
  #voided(entry: EntryOf<'units.voided'>, receipts: PreparedEntry['receipts']): void {
    const session = this.#knownSession(entry.seq, entry.body.session)
    if (session === null) return
    for (const [index, item] of entry.body.items.entries()) {
      const refusal = this.#money.void(session, item)
      if (refusal === null) this.#blame(entry.seq, index, item, receipts[index] ?? null)
      else this.#refuse(entry.seq, refusal, index, item)
    }
  }

  /** A fault counts against a node only where the node's own receipt proves what it gave. */
  #blame(seq: number, index: number, item: VoidedItem, receipt: CheckedReceipt | null): void {
    const isProven = receipt !== null && this.#money.proves(item, receipt) === null
    if (item.fault !== 'none' && !isProven) this.#refuse(seq, 'fault_unproven', index, item)
    const outcome: TrustOutcome =
      item.fault !== 'none' && isProven
        ? { type: 'faulted', fault: item.fault }
        : { type: 'voided', reason: item.reason }
    const row = this.#money.attempts.find(item.unit, item.attempt)
    const node = this.#money.nodeOf(row)
    this.#trust.record(node, outcome, seq)
    // a schema can be wrong for everybody; only what another result refutes tells of the node
    const tells = item.fault === 'disagreed' || item.fault === 'copied'
    if (isProven && tells) this.#escrow?.refuted(seq, node, item.unit, false)
  }

  /** What a node writes of itself moves no balance and no score: joining is all it can do here. */
  #sequenced({ seq, body }: EntryOf<'head.sequenced'>): void {
    const log = parseLogId(body.log)
    const known = this.#joined.get(log)
    if (log === this.#log || (known !== undefined && body.seq <= known.seq)) {
      this.#refuse(seq, 'head_not_newer')
    } else this.#joined.set(log, { log, seq: body.seq, hash: body.hash })
  }

  #rule(seq: number, rule: RejectionRule | null): void {
    if (rule !== null) this.#refuse(seq, rule)
  }

  #refuse(
    seq: number,
    rule: RejectionRule,
    item: number | null = null,
    of: { readonly unit: UnitId; readonly attempt: number } | null = null
  ): void {
    this.#rejections.record({
      log: this.#log,
      seq,
      item,
      rule,
      unit: of?.unit ?? null,
      attempt: of?.attempt ?? null
    })
  }
}
