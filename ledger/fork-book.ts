/**
 * Authors that said two things, and what shows it of each: found by comparing, or told by somebody and
 * checked from its bytes alone. Nothing more of such a log is taken, also after a restart. Keeps nothing
 * about logs that are neither held nor registered, so that strangers cannot fill the store with their own.
 */
import {
  assert,
  bytesToHex,
  FORK_PROOF_BYTES_MAX,
  type LogId,
  MeshError,
  openHead,
  type SignedHead
} from '#contracts'
import {
  type Contradiction,
  type ForkProof,
  openForkProof,
  type ProofContext,
  packForkProof
} from './fork-proof.ts'
import type { LogStore } from './store/log-store.ts'

/** Asked of a store, that it gives the smallest run that ends at a head. */
const ONE_BATCH = 0

export interface ForkBookPorts extends ProofContext {
  readonly store: LogStore
  readonly ownLog: LogId
  /** The sequencer's log, or one that an entry has registered. */
  readonly isRegistered: (log: LogId) => boolean
  /** Our own signature under what is not held here; gives what to tell of it. */
  readonly rolledBack: (head: SignedHead) => Promise<MeshError>
  /** One after another with all that is received. */
  readonly inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>
}

/** `known`: so was said before; `strange`: of a log that is nobody's here. Neither is kept. */
export type ForkVerdict = 'new' | 'known' | 'strange'

/** An author of whom it is known from now on. */
export interface KnownFork extends ForkProof {
  readonly proof: Uint8Array
  /** Found by comparing what is held here; else somebody told of it. */
  readonly isFound: boolean
}

export class ForkBook {
  readonly #ports: ForkBookPorts
  readonly #listeners = new Set<(fork: KnownFork) => void>()

  constructor(ports: ForkBookPorts) {
    this.#ports = ports
  }

  /** All of them. */
  logs(): readonly LogId[] {
    return [...this.#ports.store.conflicts.keys()]
  }

  /** Those whose proof fits what peers hand each other: that of one batch of nearly a frame does not. */
  provable(): readonly LogId[] {
    return this.logs().filter((log) => this.isProvable(log))
  }

  isProvable(log: LogId): boolean {
    const bytes = this.#ports.store.conflicts.get(log)
    return bytes !== undefined && bytes <= FORK_PROOF_BYTES_MAX
  }

  has(log: LogId): boolean {
    return this.#ports.store.conflicts.has(log)
  }

  /** Whether it would be kept that this log's author said two things. */
  concerns(log: LogId): boolean {
    const { store, isRegistered } = this.#ports
    return store.get(log) !== undefined || isRegistered(log)
  }

  /** What shows it, for `openForkProof`; null: nothing does. */
  async proof(log: LogId): Promise<Uint8Array | null> {
    return (await this.#ports.store.conflict(log)) ?? null
  }

  /** Opens what somebody tells; throws what is wrong with it. */
  open(raw: Uint8Array): ForkProof {
    return openForkProof(raw, this.#ports)
  }

  /** Takes what somebody tells; throws what is wrong with it, and keeps nothing then. */
  async take(raw: Uint8Array): Promise<ForkVerdict> {
    const fork = this.open(raw)
    return this.#ports.inTurn(async () => {
      if (this.has(fork.log)) return 'known'
      if (!this.concerns(fork.log)) return 'strange'
      const isOwn = fork.log === this.#ports.ownLog
      const over = isOwn ? await this.#ports.rolledBack(fork.offered) : null
      await this.#keep({ ...fork, proof: raw, isFound: false })
      if (over !== null) throw over
      return 'new'
    })
  }

  /** Keeps what was found here; gives the error to throw. */
  async found({ held, offered, between }: Contradiction): Promise<MeshError> {
    const proof = packForkProof({ held, offered, between })
    await this.#keep({ log: held.log, held, offered, proof, isFound: true })
    return conflict(offered)
  }

  /** Called once for each log, after what shows it was stored. Gives the way to stop. */
  onFork(listener: (fork: KnownFork) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #keep(fork: KnownFork): Promise<void> {
    await this.#ports.store.writeConflict(fork.log, fork.proof)
    for (const listener of this.#listeners) listener(fork)
  }
}

export const conflict = ({ log, seq, hash }: SignedHead): MeshError =>
  new MeshError('ledger.conflict', { log, seq, hash: bytesToHex(hash) })

/** What is held that cannot be right where that head is: the least of it that shows so. */
export async function headAgainst(
  held: SignedHead,
  offered: SignedHead,
  { store, mesh, verifier }: ProofContext & { readonly store: LogStore }
): Promise<Contradiction> {
  const { log, seq } = offered
  const same = seq === held.seq ? held.bytes : await store.headAt(log, seq)
  if (same !== undefined) return { held: openHead(same, { mesh, verifier }), offered, between: [] }
  const after = await store.bundle(log, seq + 1, ONE_BATCH)
  assert(after !== null, 'a log that is held further has a head beyond')
  return { held: openHead(after.head, { mesh, verifier }), offered, between: after.entries }
}
