/**
 * A host that keeps the ledger: its disk, its name and log, and the process that runs now. What forks
 * has two processes, each with a log of its own under one name. Knows no other host.
 */
import {
  type Attestation,
  type EntryContent,
  type LeaseId,
  type LogId,
  logIdOf,
  type PeerId,
  type Receipt,
  type SignedGenesis
} from '#contracts'
import type { SyncTopic } from '#ledger'
import type { ReplicaBook } from '../checks/replica-book.ts'
import type { Keys, SealedResults } from '../kernel/signing.ts'
import { LedgerProcess, type ProcessPorts } from './ledger-process.ts'
import { type DiskPorts, ReplicaDisk } from './replica-disk.ts'

export interface HostPorts {
  readonly number: number
  readonly genesis: SignedGenesis
  readonly keys: Keys
  /** Of the sequencer; null for a node, which draws one for each log that it begins. */
  readonly incarnation: Uint8Array | null
  readonly book: ReplicaBook
  readonly disk: DiskPorts
  readonly nowMs: ProcessPorts['nowMs']
  readonly after: ProcessPorts['after']
  readonly publish: (host: LedgerHost, topic: SyncTopic, bytes: Uint8Array) => void
}

type Verdicts = Extract<EntryContent, { kind: 'results.attested' }>['body']['verdicts']

export class LedgerHost {
  readonly number: number
  /** Empty: its process is gone. */
  processes: readonly LedgerProcess[] = []
  /** Hosts that are shown the second log. */
  victims: ReadonlySet<number> = new Set()
  peer: PeerId
  readonly #ports: HostPorts
  readonly #disks: ReplicaDisk[]
  #generation = 0
  /** What the last process left is not whole. */
  #isTorn = false
  readonly #receipts = new Map<LeaseId, () => Receipt>()

  constructor(peer: PeerId, ports: HostPorts) {
    this.number = ports.number
    this.peer = peer
    this.#ports = ports
    this.#disks = [new ReplicaDisk(ports.disk)]
  }

  get isUp(): boolean {
    return this.processes.length > 0
  }

  get isForked(): boolean {
    return this.#disks.length > 1
  }

  get log(): LogId {
    return logIdOf(this.peer, this.#incarnation())
  }

  /** Nobody knows this machine any more. */
  named(peer: PeerId): void {
    if (peer === this.peer) return
    this.#beginAnew()
    this.peer = peer
    this.#isTorn = false
  }

  /** A new process; it opens what is on the disk, or begins anew where that is not whole. */
  async begin(): Promise<void> {
    const { book } = this.#ports
    if (this.#isTorn) await this.#replace()
    this.processes = this.#disks.map((_, face) => this.#process(face))
    for (const process of this.processes) {
      const code = await process.begin()
      if (code !== null) book.unopened(process, code)
    }
  }

  stop(): void {
    const { book } = this.#ports
    for (const process of this.processes) process.stop()
    this.processes = []
    this.#receipts.clear()
    const [first, ...others] = this.#disks
    for (const disk of others) disk.cut()
    if (first?.cut() === true) {
      this.#isTorn = true
      this.#generation += 1
    }
    if (this.#ports.disk.kind === 'rolls_back') book.tookBack(this.log)
  }

  /** From here on it writes two logs, each of which says what the other does not. */
  async fork(
    victims: ReadonlySet<number>,
    lies: readonly (readonly EntryContent[])[]
  ): Promise<void> {
    const [disk] = this.#disks
    if (disk === undefined) return
    this.victims = victims
    this.#ports.book.forks(this.log)
    // the second disk is as good as any
    this.#disks.push(disk.copy({ ...this.#ports.disk, kind: 'keeps' }))
    const second = this.#process(1)
    this.processes = [...this.processes, second]
    await second.begin()
    for (const [face, process] of this.processes.entries()) {
      process.append(lies[face] ?? [])
    }
  }

  /** The process that speaks to that host. */
  processFor(other: number): LedgerProcess | undefined {
    return this.processes[this.victims.has(other) ? 1 : 0]
  }

  append(contents: readonly EntryContent[]): void {
    for (const process of this.processes) process.append(contents)
  }

  /** What it sends of its results: its own log keeps the receipts. */
  sealed(attestations: readonly Attestation[], sealed: SealedResults): void {
    for (const [index, { lease_id }] of attestations.entries()) {
      this.#receipts.set(lease_id, () => sealed.open().receipt(index))
    }
  }

  /** The gateway has spoken: as the product's agent does, receipts and verdicts go into its own log. */
  judged(gateway: PeerId, verdicts: Verdicts): void {
    const receipts = verdicts.flatMap(({ lease_id }) => {
      const receipt = this.#receipts.get(lease_id)
      this.#receipts.delete(lease_id)
      return receipt === undefined ? [] : [receipt()]
    })
    this.append([{ kind: 'results.attested', body: { gateway, receipts, verdicts } }])
  }

  /** The product has to see that the store is not whole; then an empty one takes its place. */
  async #replace(): Promise<void> {
    const { book } = this.#ports
    this.#isTorn = false
    const torn = this.#process(0)
    const code = await torn.begin()
    torn.stop()
    if (code === null) book.untold(torn)
    for (const face of this.#disks.keys()) book.emptied(this.#process(face).name)
    this.#beginAnew()
  }

  /** One empty disk: with the log of which there were two, the second one is over. */
  #beginAnew(): void {
    this.#disks.length = 1
    this.#disks[0]?.wipe()
    this.victims = new Set()
  }

  #process(face: number): LedgerProcess {
    const { number: host, genesis, keys, incarnation, book, nowMs, after, publish } = this.#ports
    const disk = this.#disks[face] ?? new ReplicaDisk(this.#ports.disk)
    const identity = {
      host,
      genesis,
      log: this.log,
      signer: keys.signerOf(this.peer),
      verifier: keys,
      incarnation: this.#incarnation(),
      isSequencer: incarnation !== null
    }
    return new LedgerProcess(identity, {
      disk,
      book,
      face,
      lied: this.#ports.disk.kind === 'rolls_back',
      nowMs,
      after,
      publish: (topic, bytes) => publish(this, topic, bytes),
      rolledBack: () => {
        this.#generation += 1
      }
    })
  }

  /** One for each log that it begins, whatever its name is. */
  #incarnation(): Uint8Array {
    const { incarnation, number } = this.#ports
    if (incarnation !== null) return incarnation
    const bytes = new Uint8Array(32).fill(0x1a)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, number)
    view.setUint32(4, this.#generation)
    return bytes
  }
}
