/**
 * One process that keeps the ledger: the product's own ledger and sync over a disk, links and gossip of
 * the simulated mesh. Tells the book what it stores and refuses; a process that is gone does nothing.
 */
import {
  type EntryContent,
  type LogId,
  MeshError,
  openHead,
  type PeerId,
  type SignedGenesis,
  type Signer,
  type Verifier
} from '#contracts'
import { Ledger, LedgerSync, type SyncedLedger, type SyncLink, type SyncTopic } from '#ledger'
import type { Holder, ReplicaBook } from '../checks/replica-book.ts'
import type { ReplicaDisk } from './replica-disk.ts'

export interface Identity {
  readonly host: number
  readonly log: LogId
  readonly signer: Signer
  readonly verifier: Verifier
  readonly genesis: SignedGenesis
  readonly incarnation: Uint8Array
  readonly isSequencer: boolean
}

export interface ProcessPorts {
  readonly disk: ReplicaDisk
  readonly book: ReplicaBook
  /** Which of the two logs that its host shows this one is. */
  readonly face: number
  /** What its disk said it had may be gone. */
  readonly lied: boolean
  readonly nowMs: () => number
  /** After so long by the host's clock. */
  readonly after: (atMs: number, act: () => void) => void
  readonly publish: (topic: SyncTopic, bytes: Uint8Array) => void
  /** The store went back in time: its log is over, and the next process begins another. */
  readonly rolledBack: () => void
}

export class LedgerProcess implements Holder {
  readonly identity: Identity
  isAlive = true
  readonly #ports: ProcessPorts
  #ledger: Ledger | null = null
  #sync: LedgerSync | null = null
  /** What is to be appended once the store is open. */
  #early: EntryContent[] = []
  readonly #links: SyncLink[] = []

  constructor(identity: Identity, ports: ProcessPorts) {
    this.identity = identity
    this.#ports = ports
  }

  get name(): string {
    const { face } = this.#ports
    return face === 0 ? this.identity.signer.peerId : `${this.identity.signer.peerId}+${face}`
  }

  get ledger(): Ledger | null {
    return this.#ledger
  }

  get host(): number {
    return this.identity.host
  }

  get face(): number {
    return this.#ports.face
  }

  /** Opens the store; the code with which the product refuses it, or null. */
  async begin(): Promise<string | null> {
    const { disk, book } = this.#ports
    const { genesis, signer, verifier, incarnation, isSequencer } = this.identity
    const level = disk.begin()
    try {
      this.#ledger = await Ledger.open({
        level,
        genesis,
        signer,
        verifier,
        isSequencer,
        incarnation: () => incarnation
      })
    } catch (error) {
      if (error instanceof MeshError) return error.code
      throw error
    }
    level.opened()
    const ledger = this.#ledger
    await book.opened(this, ledger, this.#ports.lied)
    this.#sync = new LedgerSync({
      ledger: this.#synced(ledger),
      verifier,
      nowMs: this.#ports.nowMs,
      setTimer: (atMs, fire) => this.#timer(atMs, fire),
      publish: async (topic, bytes) => {
        if (this.isAlive) this.#ports.publish(topic, bytes)
      },
      onRefused: ({ error }) => this.#refused(error)
    })
    ledger.onEntries((batch) => book.stored(this, batch))
    ledger.forks.onFork((fork) => book.told(this, fork))
    for (const link of this.#links.splice(0)) this.#sync.attach(link)
    this.append(this.#early.splice(0))
    return null
  }

  /** Whatever it had in memory is gone. */
  stop(): void {
    this.isAlive = false
  }

  attach(link: SyncLink): void {
    if (this.#sync === null) this.#links.push(link)
    else this.#sync.attach(link)
  }

  deliver(topic: SyncTopic, bytes: Uint8Array, from: PeerId): void {
    const handler = topic === 'fork' ? this.#sync?.forks : this.#sync
    if (handler?.validate(bytes) === 'accept') handler.deliver(bytes, from)
  }

  append(contents: readonly EntryContent[]): void {
    if (contents.length === 0) return
    if (this.#ledger === null || this.#sync === null) {
      this.#early.push(...contents)
      return
    }
    this.#ledger.append(contents).catch((error: unknown) => {
      // a log that is over: the next process begins another
      if (!(error instanceof MeshError)) this.#ports.book.failed(error)
      else this.#refused(error)
    })
  }

  #refused(error: MeshError): void {
    if (!this.isAlive) return
    if (error.code === 'ledger.store_rolled_back') this.#ports.rolledBack()
    else this.#ports.book.refused(this, error)
  }

  /** Who says two things takes no notice of what others hold of its own log. */
  #synced(ledger: Ledger): SyncedLedger {
    const { book } = this.#ports
    const { forks } = ledger
    return {
      genesis: ledger.genesis,
      sequencerLog: ledger.sequencerLog,
      heads: () => ledger.heads(),
      head: (log) => ledger.head(log),
      forks: {
        logs: () => forks.logs(),
        provable: () => forks.provable(),
        isProvable: (log) => forks.isProvable(log),
        has: (log) => forks.has(log),
        concerns: (log) => forks.concerns(log) && !(this.#isOwn(log) && book.isForked(log)),
        proof: (log) => forks.proof(log),
        open: (raw) => forks.open(raw),
        take: (raw) => forks.take(raw),
        onFork: (listener) => forks.onFork(listener)
      },
      onEntries: (listener) => ledger.onEntries(listener),
      bundle: (log, from, bytesMax) => ledger.bundle(log, from, bytesMax),
      receive: (raw, entries) => {
        const { log, genesis, verifier } = this.identity
        const isTwofold = book.isForked(log)
        const isOwn = isTwofold && openHead(raw, { mesh: genesis.id, verifier }).log === log
        // it is nobody's fault: nothing more of it is asked of who offered that
        return isOwn ? Promise.reject(new MeshError('ledger.closed')) : ledger.receive(raw, entries)
      }
    }
  }

  #isOwn(log: LogId): boolean {
    return log === this.identity.log
  }

  #timer(atMs: number, fire: () => void): () => void {
    let isCalledOff = false
    this.#ports.after(atMs, () => {
      if (this.isAlive && !isCalledOff) fire()
    })
    return () => {
      isCalledOff = true
    }
  }
}
