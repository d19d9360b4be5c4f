/**
 * The book of what authors wrote into their logs and what replicas hold of them. Every log that is held
 * is, at every step, the beginning of what its author wrote; none goes back; whoever forked is told of
 * by those who compared, and nobody else is accused; in the end all hold the same.
 * Who knows of whose fork stands in the book of those told.
 */
import { bytesToHex, type LogId, type MeshError, type MeshId, type Verifier } from '#contracts'
import type { KnownFork, Ledger, LedgerBatch } from '#ledger'
import type { Broken } from './book.ts'
import { ToldBook } from './told-book.ts'

/** One process that holds logs. */
export interface Holder {
  /** Of its host; a second face of one that forked has another. */
  readonly name: string
  readonly face: number
  readonly identity: { readonly log: LogId }
  readonly ledger: Pick<Ledger, 'heads' | 'fold'> | null
}

export interface ReplicaBookPorts {
  readonly nowMs: () => number
  readonly mesh: MeshId
  readonly verifier: Verifier
  readonly broken: Broken
}

/** Two that are linked have compared heads by then: a digest every 30 s, and an answer within 15. */
export const TOLD_MS = 90_000

interface Held {
  /** The last entry that its disk is known to have. */
  seq: number
  /** Of the author's logs that can be told apart, those that this is the beginning of: a bit for each. */
  faces: number
}

export interface ReplicaFigures {
  readonly replicas: number
  /** Entries that replicas took from others. */
  readonly entries: number
  /** Forks that each replica found or was told of. */
  readonly forks_told: number
}

export class ReplicaBook {
  readonly #ports: ReplicaBookPorts
  /** By author's log and face: the hash of each entry. */
  readonly #written = new Map<LogId, string[][]>()
  readonly #held = new Map<string, Map<LogId, Held>>()
  readonly #forked = new Set<LogId>()
  /** Logs that an author's own disk took back: it may have written twice and meant once. */
  readonly #takenBack = new Set<LogId>()
  readonly #told: ToldBook
  /** Since when two that are linked hold what cannot both be right. */
  readonly #apartSince = new Map<string, { readonly seqs: string; readonly ms: number }>()
  #entries = 0
  #failure: unknown = null

  constructor(ports: ReplicaBookPorts) {
    this.#ports = ports
    this.#told = new ToldBook({
      ...ports,
      isTwofold: (log) => this.#forked.has(log) || this.#takenBack.has(log),
      isWritten: (log, seq, hash) => this.#facesWith(log, seq, hash) !== 0,
      holds: (holder, log) => this.#held.get(holder)?.has(log) === true
    })
  }

  get figures(): Omit<ReplicaFigures, 'replicas'> {
    return { entries: this.#entries, forks_told: this.#told.count }
  }

  /** Our own mistake, found where nobody waited for it. */
  failed(error: unknown): void {
    this.#failure ??= error
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** From here on the author writes two logs that begin alike. */
  forks(log: LogId): void {
    this.#forked.add(log)
    const faces = this.#facesOf(log)
    faces[1] = [...(faces[0] ?? [])]
    for (const logs of this.#held.values()) {
      const held = logs.get(log)
      if (held !== undefined && held.faces > 0) held.faces = 3
    }
  }

  isForked(log: LogId): boolean {
    return this.#forked.has(log)
  }

  /** The disk lost what it said it had. */
  tookBack(log: LogId): void {
    this.#takenBack.add(log)
  }

  /** A process has opened its store: what an earlier one was told is there must be there. */
  async opened(
    holder: Holder,
    ledger: Pick<Ledger, 'heads' | 'entries' | 'forks'>,
    lied = false
  ): Promise<void> {
    const own = holder.identity.log
    const written = this.#faceOf(own, holder.face)
    for await (const { seq, hash } of ledger.entries(own, written.length)) {
      written[seq] = bytesToHex(hash)
    }
    const before = this.#held.get(holder.name)
    const now = new Map<LogId, Held>()
    for (const { log, seq, hash } of ledger.heads()) {
      now.set(log, { seq, faces: this.#facesWith(log, seq, bytesToHex(hash)) })
      if (now.get(log)?.faces === 0) this.#broken(holder, 'prefix', log, seq)
    }
    this.#held.set(holder.name, now)
    await this.#told.opened(holder, ledger.forks, lied)
    if (lied) return
    for (const [log, { seq }] of before ?? []) {
      if (seq > (now.get(log)?.seq ?? -1)) this.#broken(holder, 'never_back', log, seq)
    }
  }

  /** Its owner put an empty disk in the place of one that was refused. */
  emptied(holder: string): void {
    this.#held.delete(holder)
    this.#told.emptied(holder)
  }

  /** A store that is as it was left is not opened. */
  unopened({ name }: Holder, code: string): void {
    this.#ports.broken('store_opens', `${name}: ${code}`)
  }

  /** A store that is not whole was opened. */
  untold({ name }: Holder): void {
    this.#ports.broken('damage_told', name)
  }

  stored(holder: Holder, { head, entries }: Pick<LedgerBatch, 'head' | 'entries'>): void {
    const { log } = head
    const isOwn = log === holder.identity.log
    const written = isOwn ? this.#faceOf(log, holder.face) : null
    const held = this.#heldBy(holder, log)
    if (!isOwn && this.#told.knows(holder.name, log)) {
      this.#broken(holder, 'forked_frozen', log, head.seq)
    }
    for (const { seq, hash } of entries) {
      const hex = bytesToHex(hash)
      if (seq <= held.seq) this.#broken(holder, 'never_back', log, seq)
      else if (seq !== held.seq + 1) this.#broken(holder, 'prefix', log, seq)
      if (written !== null) written[seq] = hex
      held.faces &= this.#facesWith(log, seq, hex)
      held.seq = seq
      if (!isOwn) this.#entries += 1
    }
    if (held.faces === 0) this.#broken(holder, 'prefix', log, held.seq)
    if (entries.at(-1)?.seq !== head.seq) this.#broken(holder, 'prefix', log, head.seq)
  }

  /** Something that came to it was not taken: where that is called a fork, it is known why. */
  refused(holder: Holder, { code, facts }: MeshError): void {
    if (code !== 'ledger.conflict') return
    const log = [...this.#written.keys()].find((one) => one === facts['log'])
    if (log === undefined) {
      this.#ports.broken('nobody_accused', `${holder.name}: a log that nobody wrote`)
    } else if (!this.#told.knows(holder.name, log)) {
      this.#ports.broken('proof_holds', `${holder.name}: nothing of ${log}`)
    }
  }

  /** A fork was found or told of. */
  told(holder: Holder, fork: Pick<KnownFork, 'log' | 'proof'>): void {
    this.#told.told(holder, fork)
  }

  /** One of those that knows less of forks than another of them. */
  lacking<T extends Holder>(holders: readonly T[]): T | undefined {
    return this.#told.lacking(holders)
  }

  /** Two that are linked now, and since when. */
  linked(one: Holder, other: Holder, sinceMs: number): void {
    this.#told.linked(one, other, sinceMs)
    for (const log of this.#forked) {
      const pair = `${one.name} ${other.name} ${log}`
      const [mine, theirs] = [one, other].map((holder) => this.#held.get(holder.name)?.get(log))
      const isToldOf = [one, other].some(({ name }) => this.#told.knows(name, log))
      const isLiar = [one, other].some(({ identity }) => identity.log === log)
      const isApart =
        mine !== undefined && theirs !== undefined && (mine.faces & theirs.faces) === 0
      if (!isApart || isToldOf || isLiar) {
        this.#apartSince.delete(pair)
        continue
      }
      // who has more to ask of others asks these: the two compare when neither gets longer
      const seqs = `${mine.seq} ${theirs.seq}`
      const before = this.#apartSince.get(pair)
      const apartMs = before?.seqs === seqs ? before.ms : this.#ports.nowMs()
      this.#apartSince.set(pair, { seqs, ms: apartMs })
      if (this.#ports.nowMs() - Math.max(apartMs, sinceMs) <= TOLD_MS) continue
      this.#ports.broken('fork_told', `${one.name} and ${other.name} say nothing of ${log}`)
      this.#apartSince.set(pair, { seqs, ms: Number.POSITIVE_INFINITY })
    }
  }

  /** Whether it holds all that the other does; the logs of those who forked are left out. */
  follows(holder: Holder, other: Holder): boolean {
    const [mine, theirs] = [holder, other].map(({ ledger }) => this.#sameOf(ledger))
    return mine === theirs
  }

  #sameOf(ledger: Holder['ledger']): string {
    const heads = (ledger?.heads() ?? []).filter(
      ({ log }) => !this.#forked.has(log) && !this.#takenBack.has(log)
    )
    const lines = heads.map(({ log, seq, hash }) => `${log} ${seq} ${bytesToHex(hash)}`).sort()
    // the sequencer's state is not to be compared where it has two
    return JSON.stringify([lines, this.#forked.size > 0 ? null : ledger?.fold.digest()])
  }

  #heldBy({ name }: Holder, log: LogId): Held {
    const logs = this.#held.get(name) ?? new Map<LogId, Held>()
    this.#held.set(name, logs)
    const held = logs.get(log) ?? { seq: -1, faces: 3 }
    logs.set(log, held)
    return held
  }

  #facesOf(log: LogId): string[][] {
    const faces = this.#written.get(log) ?? [[]]
    this.#written.set(log, faces)
    return faces
  }

  #faceOf(log: LogId, face: number): string[] {
    const faces = this.#facesOf(log)
    const written = faces[face] ?? []
    faces[face] = written
    return written
  }

  #facesWith(log: LogId, seq: number, hash: string): number {
    const faces = this.#written.get(log) ?? []
    if (this.#takenBack.has(log)) return 3
    return faces.reduce((bits, written, face) => bits | (written[seq] === hash ? 1 << face : 0), 0)
  }

  #broken({ name }: Holder, rule: string, log: LogId, seq: number): void {
    this.#ports.broken(rule, `${name}: entry ${seq} of ${log}`)
  }
}
