/**
 * The fold's input: an entry together with what its receipts were found to say. Preparing does the
 * costly checks once; folding the same prepared entry again, on any replica, needs no key.
 */
import { assertNever, type LedgerEntry, type PlacedEntry, type Receipt } from '#contracts'
import {
  type CheckedReceipt,
  checkedFacts,
  type ReceiptChecker,
  type ReceiptRule
} from './receipts.ts'

/** Facts by item of `units.accepted` and `units.voided`; null where an item has no receipt. */
export interface PreparedEntry {
  readonly entry: PlacedEntry
  readonly receipts: readonly (CheckedReceipt | null)[]
}

/** Receipts of an entry that were refused, by item: kept beside the entry, so nobody checks twice. */
export type RefusedReceipts = ReadonlyMap<number, ReceiptRule>
export const NO_REFUSED_RECEIPTS: RefusedReceipts = new Map()
const NO_RECEIPTS: PreparedEntry['receipts'] = []

/** Checks every receipt of an entry. */
export function prepareEntry(entry: PlacedEntry, checker: ReceiptChecker): PreparedEntry {
  const receipts = receiptsOf(entry)
  if (receipts.length === 0) return { entry, receipts: NO_RECEIPTS }
  return { entry, receipts: receipts.map((one) => (one === null ? null : checker.check(one))) }
}

/** Prepares an entry whose receipts were checked before it was stored. */
export function prepareCheckedEntry(entry: PlacedEntry, refused: RefusedReceipts): PreparedEntry {
  const receipts = receiptsOf(entry)
  if (receipts.length === 0) return { entry, receipts: NO_RECEIPTS }
  return {
    entry,
    receipts: receipts.map((one, index) =>
      one === null ? null : (refused.get(index) ?? checkedFacts(one))
    )
  }
}

export function refusedReceipts({ receipts }: PreparedEntry): RefusedReceipts {
  const refused = new Map<number, ReceiptRule>()
  receipts.forEach((one, index) => {
    if (typeof one === 'string') refused.set(index, one)
  })
  return refused.size === 0 ? NO_REFUSED_RECEIPTS : refused
}

/** By item; null where an item has none. */
export function receiptsOf(entry: PlacedEntry): readonly (Receipt | null)[] {
  switch (entry.kind) {
    case 'units.accepted':
    case 'units.voided':
      return entry.body.items.map(({ receipt }) => receipt)
    case 'refused':
    case 'mesh.genesis':
    case 'model.registered':
    case 'tenant.admitted':
    case 'node.registered':
    case 'node.observed':
    case 'session.opened':
    case 'units.reserved':
    case 'units.withdrawn':
    case 'units.escalated':
    case 'units.ended':
    case 'session.closed':
    case 'head.sequenced':
    case 'results.attested':
      return NONE
    default:
      return assertNever(entry)
  }
}
const NONE: readonly (Receipt | null)[] = []
export type EntryOf<K extends LedgerEntry['kind']> = Extract<LedgerEntry, { kind: K }>
