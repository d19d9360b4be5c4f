/**
 * What a peer hands over: a signed head and the entries before it. Reads the entries and checks that
 * they lead to the head, and whether from what is held, each exactly as it was received; stores nothing.
 */
import {
  equalBytes,
  MeshError,
  NO_PREVIOUS,
  type PlacedEntry,
  readEntry,
  type SignedHead
} from '#contracts'
import type { Breathe } from './breathe.ts'

/** The end of what is held of a log. */
export interface HeldEnd {
  readonly seq: number
  readonly hash: Uint8Array
}

export interface ChainEnds {
  readonly held: HeldEnd | undefined
  readonly head: SignedHead
}

export interface Chain {
  readonly entries: readonly PlacedEntry[]
  /**
   * The entries lead to the signed head, and not from what is held: whoever signed that and this has
   * said two things, whoever brings it.
   */
  readonly isFork: boolean
}

/** Throws ledger.chain_broken where the entries are no chain to the head from where the held one ends. */
export async function chainFrom(
  { held, head }: ChainEnds,
  raws: readonly Uint8Array[],
  breathe: Breathe = () => null
): Promise<Chain> {
  let next = held === undefined ? 0 : held.seq + 1
  let hash = held?.hash ?? NO_PREVIOUS
  let isFork = false
  const entries: PlacedEntry[] = []
  for (const raw of raws) {
    const pause = breathe()
    if (pause !== null) await pause
    const entry = readEntry(raw)
    if (entry.log !== head.log) throw broken(head, entry.seq, 'the entry is of another log')
    if (entry.seq < next && entries.length === 0) continue
    if (entry.seq !== next) throw broken(head, next, 'an entry is missing')
    if (!equalBytes(entry.prev, hash)) {
      if (held === undefined || entries.length > 0) {
        throw broken(head, next, 'an entry does not follow')
      }
      isFork = true
    }
    entries.push(entry)
    hash = entry.hash
    next += 1
  }
  if (next - 1 !== head.seq) throw broken(head, next, 'the entries do not reach the head')
  if (!equalBytes(hash, head.hash)) throw broken(head, head.seq, 'the head is of another entry')
  return { entries, isFork }
}

const broken = ({ log }: SignedHead, seq: number, what: string): MeshError =>
  new MeshError('ledger.chain_broken', { log, seq, what })
