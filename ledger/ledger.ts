/**
 * The ledger of one process: its own log, the logs of others, and the fold of the sequencer's log.
 * Appends and receives; every batch is stored before it is folded and before anyone hears of it.
 * Speaks to no network: `sync/` hands over what peers send.
 */
import {
  assert,
  type EntryContent,
  equalBytes,
  LEDGER_LOGS_MAX,
  LEDGER_NODE_ENTRIES_MAX,
  LEDGER_STRANGER_LOGS_MAX,
  type LedgerEntry,
  type LogId,
  logIdOf,
  MeshError,
  NO_PREVIOUS,
  openHead,
  type PlacedEntry,
  parseLogId,
  type SessionHistory,
  type SessionId,
  type SignedGenesis,
  type SignedHead,
  type Signer,
  sha256,
  signHead,
  type Verifier
} from '#contracts'
import { AppendQueue } from './append-queue.ts'
import { type Breathe, prepareInSlices } from './breathe.ts'
import { LedgerFold } from './fold/fold.ts'
import { historyOf } from './fold/history.ts'
import { type PreparedEntry, prepareEntry } from './fold/prepared.ts'
import { ReceiptChecker } from './fold/receipts.ts'
import { conflict, ForkBook, headAgainst } from './fork-book.ts'
import { META_ROLLED_BACK, openIncarnation } from './incarnation.ts'
import { chainFrom } from './incoming.ts'
import type { HeldLog } from './store/chain-check.ts'
import type { LevelPort } from './store/level-port.ts'
import { type Bundle, LogStore } from './store/log-store.ts'
import { type VerifyReport, verifyStore } from './verify.ts'

/** Heads of other logs named in one batch, so that thousands leave room for what is appended. */
const SEQUENCED_PER_BATCH = 256

export interface LedgerOptions {
  readonly level: LevelPort
  readonly genesis: SignedGenesis
  readonly signer: Signer
  readonly verifier: Verifier
  /** 32 random bytes, asked for when the store is new: a log is never begun twice. */
  readonly incarnation: () => Uint8Array
  /** True for the control node that the genesis names; it opens its log with the genesis. */
  readonly isSequencer: boolean
  /**
   * Asked between entries and receipts: null goes on, a promise is waited for. Without it a batch is
   * checked in one go, which takes a page's thread for as long as half a megabyte of entries takes.
   */
  readonly breathe?: Breathe
  /** False: a batch counts once the system has it; it outlives the process, not a loss of power. */
  readonly sync?: boolean
}

/** A batch that was stored, from here or from a peer. */
export interface LedgerBatch {
  readonly head: SignedHead
  readonly entries: readonly PlacedEntry[]
  /** Appended by this process. */
  readonly isOwn: boolean
}

/** How far a log is held. */
export interface LogHead {
  readonly log: LogId
  readonly seq: number
  readonly hash: Uint8Array
}

export class Ledger {
  readonly genesis: SignedGenesis
  readonly ownLog: LogId
  readonly sequencerLog: LogId
  /** Authors that said two things. */
  readonly forks: ForkBook
  readonly #options: LedgerOptions
  readonly #incarnation: Uint8Array
  readonly #store: LogStore
  readonly #fold: LedgerFold
  readonly #checker: ReceiptChecker
  readonly #queue: AppendQueue
  readonly #listeners = new Set<(batch: LedgerBatch) => void>()
  /** Heads of registered logs that the sequencer has yet to name. */
  readonly #toSequence = new Map<LogId, SignedHead>()
  #receiving: Promise<unknown> = Promise.resolve()
  #closed = false

  private constructor(options: LedgerOptions, parts: LedgerParts) {
    this.genesis = options.genesis
    this.#options = options
    this.#incarnation = parts.incarnation
    this.ownLog = parts.ownLog
    this.sequencerLog = parts.sequencerLog
    this.#store = parts.store
    this.#fold = parts.fold
    this.#checker = new ReceiptChecker({ mesh: options.genesis.id, verifier: options.verifier })
    const { store, fold, ownLog, sequencerLog } = parts
    this.forks = new ForkBook({
      store,
      ownLog,
      mesh: options.genesis.id,
      verifier: options.verifier,
      isRegistered: (log) => log === sequencerLog || fold.isRegisteredLog(log),
      rolledBack: (head) => this.#rolledBack(head),
      inTurn: (work) => this.#inTurn(work)
    })
    const head = store.get(ownLog)?.head
    this.#queue = new AppendQueue({
      end: { log: ownLog, seq: head?.seq ?? -1, hash: head?.hash ?? NO_PREVIOUS },
      before: () => this.#sequencing(),
      commit: (entries) => this.#commit(entries)
    })
  }

  /**
   * Opens, checks and folds a store. Throws ledger.store_locked, .store_corrupted, .other_mesh,
   * .policy_unknown, .not_sequencer or .sequencer_store_lost.
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const { genesis, level, verifier, signer, isSequencer, sync = true, breathe } = options
    const sequencerLog = parseLogId(genesis.genesis.sequencer_log)
    if (isSequencer && signer.peerId !== genesis.genesis.sequencer) {
      const { sequencer } = genesis.genesis
      throw new MeshError('ledger.not_sequencer', { sequencer, peer: signer.peerId })
    }
    const fold = new LedgerFold(genesis, sequencerLog)
    const store = await LogStore.open({
      level,
      mesh: genesis.id,
      verifier,
      sync,
      foldLog: sequencerLog,
      fold: (prepared) => fold.apply(prepared),
      ...(breathe === undefined ? {} : { breathe })
    })
    try {
      fold.assertBalanced()
      const incarnation = await openIncarnation(store, options)
      const ownLog = logIdOf(signer.peerId, incarnation)
      if (isSequencer && ownLog !== sequencerLog) {
        throw new MeshError('ledger.sequencer_store_lost', { log: sequencerLog })
      }
      const ledger = new Ledger(options, { store, fold, incarnation, ownLog, sequencerLog })
      if (isSequencer && store.get(ownLog) === undefined) {
        await ledger.append([{ kind: 'mesh.genesis', body: { genesis: genesis.bytes } }])
      }
      return ledger
    } catch (error) {
      await store.close()
      throw error
    }
  }

  /** Balances, sessions and trust, as of the last stored batch. Read it; folding is the ledger's. */
  get fold(): LedgerFold {
    return this.#fold
  }

  /** Appends to the own log under one signed head; calls of one moment share it, in their order. */
  append(contents: readonly EntryContent[]): Promise<SignedHead> {
    if (this.#closed) return Promise.reject(new MeshError('ledger.closed'))
    return this.#queue.append(contents)
  }

  /**
   * Takes a signed head and the entries before it from a peer; those that are held already are
   * skipped. Gives the number of new entries. Throws what is wrong with them, and stores nothing then.
   */
  receive(headBytes: Uint8Array, entries: readonly Uint8Array[]): Promise<number> {
    return this.#inTurn(() => this.#receive(headBytes, entries))
  }

  /** Entries of a log from `fromSeq` up to and with `toSeq`, or to the end of what is held. */
  async *entries(log: LogId, fromSeq: number, toSeq?: number): AsyncGenerator<PlacedEntry> {
    yield* this.#store.placed(log, fromSeq, this.#lastSeq(log, toSeq))
  }

  /**
   * All entries in the order of the fold: the sequencer's log, and another author's entries where
   * `head.sequenced` lets them join, as far as they are held.
   */
  async *ordered(): AsyncGenerator<PlacedEntry> {
    const next = new Map<LogId, number>()
    for await (const entry of this.entries(this.sequencerLog, 0)) {
      yield entry
      if (entry.kind !== 'head.sequenced') continue
      const log = parseLogId(entry.body.log)
      const from = next.get(log) ?? 0
      if (log === this.sequencerLog || entry.body.seq < from) continue
      yield* this.entries(log, from, entry.body.seq)
      next.set(log, entry.body.seq + 1)
    }
  }

  /** Whole batches from `fromSeq` on, of about `bytesMax`, for a peer; null where nothing is held. */
  bundle(log: LogId, fromSeq: number, bytesMax: number): Promise<Bundle | null> {
    return this.#store.bundle(log, fromSeq, bytesMax)
  }

  /** How far each log is held. */
  heads(): readonly LogHead[] {
    return [...this.#store.all()].map(({ head: { log, seq, hash } }) => ({ log, seq, hash }))
  }

  head(log: LogId): SignedHead | null {
    return this.#store.get(log)?.head ?? null
  }

  /** Checks the whole store again from its bytes: every signature, chain, shape and receipt. */
  verify(): Promise<VerifyReport> {
    const { verifier } = this.#options
    const { genesis } = this
    return verifyStore({ store: this.#store, genesis, verifier, digest: this.#fold.digest() })
  }

  /** Called for every stored batch, after it was folded. Gives the way to stop. */
  onEntries(listener: (batch: LedgerBatch) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What the ledger knows of a session's units; null where it was never opened. */
  async history(session: SessionId): Promise<SessionHistory | null> {
    if (this.#fold.session(session) === null) return null
    const entries: PreparedEntry[] = []
    for (const seq of this.#fold.sessionSeqs(session)) {
      const prepared = await this.#store.prepared(this.sequencerLog, seq)
      if (prepared !== undefined) entries.push(prepared)
    }
    const attempt = this.#fold.attempt.bind(this.#fold)
    return historyOf({ session, entries, attempt })
  }

  /** Ends when all that was appended and received is stored, and lets go of the store. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#receiving
    await this.#queue.idle()
    this.#listeners.clear()
    await this.#store.close()
  }

  /** What peers send is taken one after another. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new MeshError('ledger.closed'))
    const done = this.#receiving.then(work)
    this.#receiving = done.catch(() => undefined)
    return done
  }

  async #commit(entries: readonly LedgerEntry[]): Promise<SignedHead> {
    const last = entries.at(-1)
    assert(last !== undefined, 'a batch has entries')
    const head = signHead(
      { incarnation: this.#incarnation, seq: last.seq, hash: last.hash },
      { mesh: this.genesis.id, signer: this.#options.signer }
    )
    await this.#keep(head, entries, true)
    return head
  }

  async #keep(head: SignedHead, entries: readonly PlacedEntry[], isOwn: boolean): Promise<void> {
    const isFolded = head.log === this.sequencerLog
    const prepared = isFolded ? await this.#prepare(entries) : entries.map(asItIs)
    await this.#store.write({ head, entries: prepared })
    if (isFolded) {
      for (const one of prepared) this.#fold.apply(one)
      this.#fold.assertBalanced()
    } else this.#fold.lookAt(entries)
    for (const listener of this.#listeners) listener({ head, entries, isOwn })
    this.#queueSequencing(head, entries)
  }

  #prepare(entries: readonly PlacedEntry[]): PreparedEntry[] | Promise<PreparedEntry[]> {
    const { breathe } = this.#options
    return breathe === undefined
      ? entries.map((entry) => prepareEntry(entry, this.#checker))
      : prepareInSlices(entries, this.#checker, breathe)
  }

  async #receive(headBytes: Uint8Array, raws: readonly Uint8Array[]): Promise<number> {
    const { id: mesh } = this.genesis
    const head = openHead(headBytes, { mesh, verifier: this.#options.verifier })
    const held = this.#store.get(head.log)
    if (this.forks.has(head.log)) throw conflict(head)
    if (held !== undefined && head.seq <= held.head.seq) {
      await this.#compare(held, head)
      return 0
    }
    if (head.log === this.ownLog) throw await this.#rolledBack(head)
    this.#admit(head, held)
    const ends = { held: held?.head, head }
    const { entries, isFork } = await chainFrom(ends, raws, this.#options.breathe)
    if (isFork && held !== undefined) {
      const between = entries.map(({ bytes }) => bytes)
      throw await this.forks.found({ held: held.head, offered: head, between })
    }
    await this.#keep(head, entries, false)
    return entries.length
  }

  /** A head that is not beyond what is held says the same, or its author says two things. */
  async #compare({ head: held }: HeldLog, offered: SignedHead): Promise<void> {
    if (offered.seq === held.seq && equalBytes(offered.hash, held.hash)) return
    const raw = await this.#store.raw(offered.log, offered.seq)
    if (raw !== undefined && equalBytes(sha256(raw), offered.hash)) return
    // our own signature under what we do not hold
    if (offered.log === this.ownLog) throw await this.#rolledBack(offered)
    const { verifier } = this.#options
    const ports = { store: this.#store, mesh: this.genesis.id, verifier }
    throw await this.forks.found(await headAgainst(held, offered, ports))
  }

  /** A stranger's log takes room here; how much is bounded. */
  #admit({ log, seq }: SignedHead, held: HeldLog | undefined): void {
    if (log === this.sequencerLog) return
    if (seq >= LEDGER_NODE_ENTRIES_MAX) throw new MeshError('ledger.logs_full', { log, seq })
    if (held !== undefined) return
    const logs = this.#store.logCount
    if (logs >= LEDGER_LOGS_MAX) throw new MeshError('ledger.logs_full', { logs })
    if (this.#fold.isRegisteredLog(log) || logs < LEDGER_STRANGER_LOGS_MAX) return
    const strangers = this.heads().filter((one) => !this.#fold.isRegisteredLog(one.log)).length
    if (strangers >= LEDGER_STRANGER_LOGS_MAX)
      throw new MeshError('ledger.logs_full', { strangers })
  }

  /** Entries of ours that we do not hold: the store went back in time, so this log is over. */
  async #rolledBack({ log, seq }: SignedHead): Promise<MeshError> {
    const error = new MeshError('ledger.store_rolled_back', { log, seq })
    this.#queue.fail(error)
    await this.#store.writeMeta(META_ROLLED_BACK, this.#incarnation)
    return error
  }

  #queueSequencing(head: SignedHead, entries: readonly PlacedEntry[]): void {
    if (!this.#options.isSequencer) return
    if (head.log !== this.ownLog && this.#fold.isRegisteredLog(head.log)) {
      this.#toSequence.set(head.log, head)
    }
    for (const entry of entries) {
      if (entry.kind !== 'node.registered' || head.log !== this.ownLog) continue
      const registered = this.#store.get(parseLogId(entry.body.log))
      if (registered !== undefined && registered.log !== this.ownLog) {
        this.#toSequence.set(registered.log, registered.head)
      }
    }
    if (this.#toSequence.size > 0) this.#queue.wake()
  }

  /** `head.sequenced` for every log that came further since the last batch. */
  #sequencing(): readonly EntryContent[] {
    const contents: EntryContent[] = []
    for (const { log, seq, hash } of this.#toSequence.values()) {
      if (contents.length >= SEQUENCED_PER_BATCH) break
      this.#toSequence.delete(log)
      if (this.forks.has(log)) continue
      const joined = this.#fold.joinedHead(log)
      if (joined === null || seq > joined.seq) {
        contents.push({ kind: 'head.sequenced', body: { log, seq, hash } })
      }
    }
    return contents
  }

  #lastSeq(log: LogId, toSeq = Number.MAX_SAFE_INTEGER - 1): number {
    return Math.min(toSeq, this.#store.get(log)?.head.seq ?? -1)
  }
}

interface LedgerParts {
  readonly store: LogStore
  readonly fold: LedgerFold
  readonly incarnation: Uint8Array
  readonly ownLog: LogId
  readonly sequencerLog: LogId
}

const asItIs = (entry: PlacedEntry): PreparedEntry => ({ entry, receipts: [] })
