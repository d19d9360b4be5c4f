/**
 * How far each log is held, as peers are told of it: one digest over all, and pages of heads. Logs whose
 * authors said two things are in no digest, for honest peers may hold either side of them.
 */
import {
  bytesToHex,
  encodeCanonical,
  equalBytes,
  hexToBytes,
  type LogId,
  parseLogId,
  SYNC_HEADS_PER_FRAME,
  type SyncFrame,
  sha256
} from '#contracts'
import type { LogHead } from '../ledger.ts'

export type HeadsFrame = Extract<SyncFrame, { t: 'heads' }>

export class HeldHeads {
  readonly #held = new Map<LogId, LogHead>()
  readonly #isShunned: (log: LogId) => boolean
  #digest: Uint8Array | null = null

  constructor(held: readonly LogHead[], isShunned: (log: LogId) => boolean) {
    this.#isShunned = isShunned
    for (const head of held) this.#held.set(head.log, head)
  }

  get count(): number {
    return this.#held.size
  }

  set(head: LogHead): void {
    this.#held.set(head.log, head)
    this.#digest = null
  }

  /** One more log is shunned. */
  shunned(): void {
    this.#digest = null
  }

  seq(log: LogId): number | undefined {
    return this.#held.get(log)?.seq
  }

  /** Whether a peer with this head holds something that is not held here. */
  lacks({ log, seq, hash }: LogHead): boolean {
    const held = this.#held.get(log)
    const isOther = held?.seq === seq && !equalBytes(held.hash, hash)
    return held === undefined || seq > held.seq || isOther
  }

  /** SHA-256 over all heads by log: equal exactly where both hold the same. */
  digest(): Uint8Array {
    this.#digest ??= digestOf([...this.#held.values()].filter(({ log }) => !this.#isShunned(log)))
    return this.#digest
  }

  /** All heads, in frames; one that is empty where nothing is held. */
  pages(): readonly HeadsFrame[] {
    const heads = [...this.#held.values()].map(
      ({ log, seq, hash }): [Uint8Array, number, Uint8Array] => [hexToBytes(log), seq, hash]
    )
    const pages: HeadsFrame[] = []
    for (let at = 0; at === 0 || at < heads.length; at += SYNC_HEADS_PER_FRAME) {
      const page = heads.slice(at, at + SYNC_HEADS_PER_FRAME)
      const more = at + SYNC_HEADS_PER_FRAME < heads.length
      pages.push({ v: 1, t: 'heads', heads: page, more })
    }
    return pages
  }
}

export const logOf = (bytes: Uint8Array): LogId => parseLogId(bytesToHex(bytes))

function digestOf(heads: readonly LogHead[]): Uint8Array {
  const sorted = heads.toSorted((a, b) => (a.log < b.log ? -1 : 1))
  return sha256(encodeCanonical(sorted.map(({ log, seq, hash }) => [log, seq, hash])))
}
