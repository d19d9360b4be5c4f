/**
 * The book of who knows of which fork. What a replica holds against an author proves it to somebody who
 * has nothing else, and accuses nobody who did not fork; it is never forgotten; and of two replicas that
 * are linked for long, and at the end of all that can be reached, either all know of it or none.
 */
import { bytesToHex, type LogId, MeshError, type MeshId, type Verifier } from '#contracts'
import { type KnownFork, type Ledger, openForkProof } from '#ledger'
import type { Broken } from './book.ts'

/** One process that may know of forks. */
export interface Teller {
  readonly name: string
  readonly identity: { readonly log: LogId }
}

export interface ToldBookPorts {
  readonly nowMs: () => number
  readonly mesh: MeshId
  readonly verifier: Verifier
  readonly broken: Broken
  /** Whether its author said two things, or a disk that lied may have made it do so. */
  readonly isTwofold: (log: LogId) => boolean
  /** Whether its author wrote that there. */
  readonly isWritten: (log: LogId, seq: number, hash: string) => boolean
  /** Whether that process holds anything of the log: else it may have no use for a proof. */
  readonly holds: (holder: string, log: LogId) => boolean
}

/** Two that are linked tell each other at once; what was lost is told again with the next digest. */
export const SPREAD_MS = 90_000

export class ToldBook {
  readonly #ports: ToldBookPorts
  readonly #told = new Map<string, Set<LogId>>()
  /** All that anybody knows of. */
  readonly #known = new Set<LogId>()
  /** Since when one of two that are linked knows, and the other does not. */
  readonly #unevenSinceMs = new Map<string, number>()
  #count = 0

  constructor(ports: ToldBookPorts) {
    this.#ports = ports
  }

  /** Forks that some replica got to know of. */
  get count(): number {
    return this.#count
  }

  knows(name: string, log: LogId): boolean {
    return this.#told.get(name)?.has(log) === true
  }

  /** Found or told: a process holds it against that author from now on. */
  told(holder: Teller, { log, proof }: Pick<KnownFork, 'log' | 'proof'>): void {
    this.#count += 1
    this.#logsOf(holder.name).add(log)
    this.#known.add(log)
    this.#prove(holder, log, proof)
  }

  /** A process has opened its store: what an earlier one held against others is there. */
  async opened(
    holder: Teller,
    forks: Pick<Ledger['forks'], 'logs' | 'proof'>,
    lied: boolean
  ): Promise<void> {
    const now = new Set(forks.logs())
    for (const log of this.#told.get(holder.name) ?? []) {
      if (!now.has(log) && !lied) this.#ports.broken('proof_kept', `${holder.name}: of ${log}`)
    }
    this.#told.set(holder.name, now)
    for (const log of now) this.#prove(holder, log, await forks.proof(log))
  }

  emptied(name: string): void {
    this.#told.delete(name)
  }

  /** Two that are linked now, and since when. */
  linked(one: Teller, other: Teller, sinceMs: number): void {
    const { nowMs, broken } = this.#ports
    for (const log of this.#known) {
      const key = `${one.name} ${other.name} ${log}`
      if (!this.#lacks(one, log) && !this.#lacks(other, log)) {
        this.#unevenSinceMs.delete(key)
        continue
      }
      if (!this.knows(one.name, log) && !this.knows(other.name, log)) continue
      const unevenMs = this.#unevenSinceMs.get(key) ?? nowMs()
      this.#unevenSinceMs.set(key, unevenMs)
      if (nowMs() - Math.max(unevenMs, sinceMs) <= SPREAD_MS) continue
      broken('fork_spread', `one of ${one.name} and ${other.name} knows of ${log}`)
      this.#unevenSinceMs.set(key, Number.POSITIVE_INFINITY)
    }
  }

  /** One of those that lacks what another of them knows. */
  lacking<T extends Teller>(holders: readonly T[]): T | undefined {
    return holders.find((holder) =>
      [...this.#known].some(
        (log) => this.#lacks(holder, log) && holders.some(({ name }) => this.knows(name, log))
      )
    )
  }

  /** Who is accused itself need not hold it against itself. */
  #lacks({ name, identity }: Teller, log: LogId): boolean {
    return identity.log !== log && this.#ports.holds(name, log) && !this.knows(name, log)
  }

  #prove({ name }: Teller, log: LogId, proof: Uint8Array | null): void {
    const { mesh, verifier, broken, isTwofold, isWritten } = this.#ports
    if (!isTwofold(log)) broken('nobody_accused', `${name}: ${log}`)
    try {
      if (proof === null) throw new MeshError('ledger.head_malformed')
      const fork = openForkProof(proof, { mesh, verifier })
      const isOf = (head: typeof fork.held): boolean =>
        isWritten(log, head.seq, bytesToHex(head.hash))
      if (fork.log === log && isOf(fork.held) && isOf(fork.offered)) return
      broken('proof_holds', `${name}: of what nobody wrote into ${log}`)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      broken('proof_holds', `${name}: ${error.code} of ${log}`)
    }
  }

  #logsOf(name: string): Set<LogId> {
    const logs = this.#told.get(name) ?? new Set()
    this.#told.set(name, logs)
    return logs
  }
}
