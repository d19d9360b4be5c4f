/**
 * Invariant 5: replay of a log gives the same state hash, ledger and telemetry. Two tellings of one
 * session are compared part by part; the ledger is folded anew from its entries.
 */
import {
  type EntryContent,
  NO_PREVIOUS,
  type PlacedEntry,
  packEntry,
  type SignedGenesis,
  type Verifier
} from '#contracts'
import { LedgerFold, prepareEntry, ReceiptChecker } from '#ledger'
import type { ReplayDocument } from '../../../control/drivers/control-service.ts'
import type { Fault } from './run-record.ts'

/** What a replay says of itself: each part must be equal, and the verdict must follow from them. */
export function replayFaults(replay: ReplayDocument): Fault[] {
  const { state_hash, replay_hash, ledger_digest, replay_ledger_digest } = replay
  const faults: Fault[] = []
  if (state_hash !== replay_hash) faults.push(`state: ${replay_hash} for ${state_hash}`)
  if (ledger_digest !== replay_ledger_digest)
    faults.push(`ledger: ${replay_ledger_digest} for ${ledger_digest}`)
  if (!replay.telemetry_equal) faults.push(`telemetry: ${replay.difference ?? 'told otherwise'}`)
  if (replay.equal !== (faults.length === 0) && faults.length === 0)
    faults.push(`unequal: ${replay.difference ?? ''}`)
  return faults
}

export interface FoldOptions {
  readonly genesis: SignedGenesis
  readonly verifier: Verifier
  /** Called after each entry. */
  readonly after?: (fold: LedgerFold) => unknown
}

/** A fold of these entries from the first, receipts checked again. */
export function foldAnew(
  entries: readonly PlacedEntry[],
  { genesis, verifier, after }: FoldOptions
): LedgerFold {
  const log = entries[0]?.log
  if (log === undefined) throw new Error('a log has entries')
  const fold = new LedgerFold(genesis, log)
  const checker = new ReceiptChecker({ mesh: genesis.id, verifier })
  for (const entry of entries) {
    fold.apply(prepareEntry(entry, checker))
    after?.(fold)
  }
  return fold
}

/**
 * The digest that the live ledger had at some time, against those of a fold from the first entry: the
 * log may have grown since.
 */
export function ledgerFaults(
  digest: string,
  entries: readonly PlacedEntry[],
  options: Omit<FoldOptions, 'after'>
): Fault[] {
  const digests = new Set<string>()
  foldAnew(entries, { ...options, after: (fold) => digests.add(fold.digest()) })
  return digests.has(digest) ? [] : [`no fold of the entries comes to ${digest}`]
}

/** A log with other contents, chained as its author would have chained it. */
export function repacked(
  placed: readonly PlacedEntry[],
  contents: readonly EntryContent[]
): PlacedEntry[] {
  const log = placed[0]?.log
  if (log === undefined) throw new Error('a log has entries')
  let prev: Uint8Array = NO_PREVIOUS
  return contents.map(({ kind, body }, seq) => {
    const entry = packEntry({ kind, body } as EntryContent, { log, seq, prev })
    prev = entry.hash
    return entry
  })
}

/** Two lists of effects of one machine given the same inputs. */
export function effectFaults(first: readonly unknown[], again: readonly unknown[]): Fault[] {
  const texts = first.map(textOf)
  const place = again.findIndex((effect, index) => textOf(effect) !== texts[index])
  if (place >= 0) return [`effect ${place} differs: ${textOf(again[place]).slice(0, 200)}`]
  return first.length === again.length ? [] : [`${again.length} effects of ${first.length}`]
}

const textOf = (effect: unknown): string => JSON.stringify(effect) ?? ''
