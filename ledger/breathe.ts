/**
 * Long work of a ledger in slices, where it shares its thread with a page: between two steps it asks
 * whether somebody else wants the thread. Knows no clock; whoever opens the ledger has one.
 */
import type { PlacedEntry } from '#contracts'
import { type PreparedEntry, receiptsOf } from './fold/prepared.ts'
import type { CheckedReceipt, ReceiptChecker } from './fold/receipts.ts'

/** Null: go on. A promise: the thread is wanted; wait for it first. */
export type Breathe = () => Promise<void> | null

/** As `prepareEntry` for each entry, giving way between receipts: each may cost a signature. */
export async function prepareInSlices(
  entries: readonly PlacedEntry[],
  checker: ReceiptChecker,
  breathe: Breathe
): Promise<PreparedEntry[]> {
  const prepared: PreparedEntry[] = []
  for (const entry of entries) {
    const receipts: (CheckedReceipt | null)[] = []
    for (const one of receiptsOf(entry)) {
      receipts.push(one === null ? null : checker.check(one))
      const pause = breathe()
      if (pause !== null) await pause
    }
    prepared.push({ entry, receipts })
  }
  return prepared
}
