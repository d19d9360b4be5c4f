/**
 * Invariant 7: no double execution of one attempt; no double billing, whatever is retried, duplicated
 * or replayed.
 */
import type { PeerId } from '#contracts'
import { type AccountBalance, escrowAccount, nodeAccount } from '#ledger'
import {
  attestedIn,
  type Fault,
  type LogLine,
  logLines,
  postedMicro,
  type RunRecord
} from './run-record.ts'

export function doubleFaults(record: RunRecord): Fault[] {
  const lines = logLines(record.entries)
  return [
    ...repeated(record.executions.map(({ lease }) => lease ?? '')).map(
      (lease) => `lease ${lease} ran twice`
    ),
    ...repeated(record.executions.map(({ unit, attempt }) => `${unit} ${attempt}`)).map(
      (attempt) => `attempt ${attempt} ran twice`
    ),
    ...repeated(postedLeases(record)).map((lease) => `lease ${lease} is posted twice`),
    ...settlementFaults(lines, record)
  ]
}

const postedLeases = ({ events }: RunRecord): string[] =>
  events.flatMap(({ type, data }) => (type === 'credits.posted' ? [String(data['lease_id'])] : []))

/**
 * Reserved once, settled once and after it, one result that stands, and no lease after that but where the
 * mesh checks its nodes; one result more where the unit was opened again.
 */
function settlementFaults(lines: readonly LogLine[], { events, checksNodes }: RunRecord): Fault[] {
  const reopened = new Set<string | null>()
  for (const event of events)
    if (event.type === 'workunit.reopened') reopened.add(event.work_unit_id)
  const faults: Fault[] = []
  const open = new Set<string>()
  const attempts = new Set<string>()
  const standing = new Set<string>()
  for (const { kind, item } of lines) {
    const attempt = `${item.unit} ${item.attempt}`
    if (kind === 'reserved') {
      if (attempts.has(attempt)) faults.push(`attempt ${attempt} is leased twice`)
      if (standing.has(item.unit) && !checksNodes)
        faults.push(`unit ${item.unit} is leased after its result`)
      attempts.add(attempt)
      open.add(item.lease)
      continue
    }
    if (!open.delete(item.lease)) faults.push(`lease ${item.lease} is settled twice or unreserved`)
    if (kind !== 'accepted' || !item.canonical) continue
    if (standing.has(item.unit) && !reopened.has(item.unit))
      faults.push(`unit ${item.unit} has two results that stand`)
    standing.add(item.unit)
  }
  for (const lease of open) faults.push(`lease ${lease} is never settled`)
  return faults
}

export interface BilledLine {
  readonly unit: string
  readonly attempt: number
  readonly item: string
  readonly micro: number
}

/** A bill names each line item of an attempt once, and nothing that was not accepted. */
export function billFaults(lines: readonly BilledLine[], record: RunRecord): Fault[] {
  const accepted = new Set<string>()
  for (const { kind, item } of logLines(record.entries))
    if (kind === 'accepted') accepted.add(`${item.unit} ${item.attempt}`)
  const keys = lines.map(({ unit, attempt, item }) => `${unit} ${attempt} ${item}`)
  return [
    ...repeated(keys).map((key) => `line ${key} is billed twice`),
    ...lines.flatMap(({ unit, attempt }) =>
      accepted.has(`${unit} ${attempt}`) ? [] : [`attempt ${unit} ${attempt} is billed unaccepted`]
    )
  ]
}

/** What each node was paid, for good or into escrow, is what its accepted attempts were posted at, each once. */
export function paidFaults(accounts: readonly AccountBalance[], record: RunRecord): Fault[] {
  const due = new Map<PeerId, number>()
  const posted = postedMicro(record.events)
  for (const { kind, item } of logLines(record.entries)) {
    if (kind !== 'accepted') continue
    const { node } = attestedIn(item.receipt)
    due.set(node, (due.get(node) ?? 0) + (posted.get(item.lease) ?? 0))
  }
  const paid = new Map(accounts.map(({ account, balance }) => [account, balance]))
  return [...due].flatMap(([node, micro]) => {
    const got = (paid.get(nodeAccount(node)) ?? 0) + (paid.get(escrowAccount(node)) ?? 0)
    return got === micro ? [] : [`${node} is paid ${got} of ${micro}`]
  })
}

function repeated(keys: readonly string[]): string[] {
  const seen = new Set<string>()
  return keys.filter((key) => seen.size === seen.add(key).size)
}
