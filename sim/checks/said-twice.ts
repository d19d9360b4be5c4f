/**
 * A sequencer that says everything twice and more besides: each entry of the log is followed, or led, by
 * what it must not be able to do. The product's fold refuses all of that, and comes to the same balances,
 * sessions and standing as without it.
 */
import {
  type Attestation,
  decodeAttestation,
  type EntryContent,
  encodeAttestation,
  type LedgerEntry,
  type LogId,
  leaseIdOf,
  NO_PREVIOUS,
  type PeerId,
  packEntry,
  type Receipt,
  resultsOf,
  type SignedGenesis,
  signResults,
  type UnitId
} from '#contracts'
import { LedgerFold, prepareEntry, ReceiptChecker } from '#ledger'
import type { Keys } from '../kernel/signing.ts'
import type { Broken } from './book.ts'

export interface Log {
  readonly log: LogId
  readonly genesis: SignedGenesis
  readonly keys: Keys
  readonly entries: readonly LedgerEntry[]
  readonly fold: LedgerFold
}

type ContentOf<K extends EntryContent['kind']> = Extract<EntryContent, { readonly kind: K }>
type Reserved = ContentOf<'units.reserved'>
type Accepted = ContentOf<'units.accepted'>
type Voided = ContentOf<'units.voided'>

/** No honest gateway counts so far. */
const ATTEMPT_NEVER = 900_000

export function checkSaidTwice(log: Log, broken: Broken): void {
  const teller = new Teller(log, broken)
  for (const entry of log.entries) teller.tell(entry)
  teller.end()
  const own = stateOf(log.fold)
  const told = stateOf(teller.fold)
  if (own !== told) broken('said_twice', `${differing(own, told)}`)
}

class Teller {
  readonly fold: LedgerFold
  readonly #log: Log
  readonly #broken: Broken
  readonly #checker: ReceiptChecker
  readonly #nodes: PeerId[] = []
  readonly #canonical = new Set<UnitId>()
  #seq = 0
  #prev: Uint8Array = NO_PREVIOUS
  #reserved: Reserved | null = null
  #maxMicro = 0

  constructor(log: Log, broken: Broken) {
    this.#log = log
    this.#broken = broken
    this.fold = new LedgerFold(log.genesis, log.log)
    this.#checker = new ReceiptChecker({ mesh: log.genesis.id, verifier: log.keys })
  }

  tell(entry: EntryContent): void {
    switch (entry.kind) {
      case 'node.registered':
        this.#apply(entry)
        this.#nodes.push(entry.body.node)
        return
      case 'session.opened':
        this.#apply(entry)
        this.#maxMicro = entry.body.max_cost_micro
        this.#lie(entry, 'a session that is opened twice')
        return
      case 'units.reserved':
        this.#apply(entry)
        this.#reserved = entry
        this.#lie(entry, 'an attempt that reserves twice')
        this.#lie(this.#tooDear(entry), 'a reservation above the budget')
        return
      case 'units.accepted':
        for (const item of entry.body.items) this.#paid(entry, item)
        this.#lie(entry, 'a result that is paid twice')
        return
      case 'units.voided':
        this.#apply(blamed(entry), unproven(entry))
        this.#lie(entry, 'an attempt that is given back twice')
        return
      case 'units.withdrawn':
        this.#apply(entry)
        for (const { unit } of entry.body.items) this.#canonical.delete(unit)
        return
      default:
        this.#apply(entry)
    }
  }

  /** After the session's end. */
  end(): void {
    const reserved = this.#reserved
    const [item] = reserved?.body.items ?? []
    const isOver = this.fold.sessions().every(({ state }) => state !== 'running')
    if (reserved === null || item === undefined || !isOver) return
    const attempt = ATTEMPT_NEVER
    const lease = leaseIdOf(item.unit, attempt, item.node)
    const items = [{ ...item, attempt, lease, max_micro: 0 }]
    this.#lie(
      { ...reserved, body: { ...reserved.body, items } },
      'a session that was closed reserves'
    )
  }

  #apply(content: EntryContent, refusals = 0): void {
    const before = this.#refusals()
    const place = { log: this.#log.log, seq: this.#seq, prev: this.#prev }
    const entry = packEntry({ kind: content.kind, body: content.body } as EntryContent, place)
    this.fold.apply(prepareEntry(entry, this.#checker))
    this.#seq += 1
    this.#prev = entry.hash
    const refused = this.#refusals() - before
    if (refused !== refusals) {
      this.#broken('fold_takes_all', `${content.kind}: ${refused} refused of ${refusals}`)
    }
  }

  /** Every item of it is to be refused. */
  #lie(content: EntryContent, what: string): void {
    const before = this.#refusals()
    const items = 'items' in content.body ? content.body.items.length : 1
    const place = { log: this.#log.log, seq: this.#seq, prev: this.#prev }
    const entry = packEntry({ kind: content.kind, body: content.body } as EntryContent, place)
    this.fold.apply(prepareEntry(entry, this.#checker))
    this.#seq += 1
    this.#prev = entry.hash
    if (this.#refusals() - before !== items) this.#broken('lies_refused', what)
  }

  #refusals(): number {
    return this.fold.rejectionCounts().reduce((sum, [, count]) => sum + count, 0)
  }

  #tooDear(entry: Reserved): Reserved {
    const items = entry.body.items.map((item) => {
      const lease = leaseIdOf(item.unit, ATTEMPT_NEVER, item.node)
      return { ...item, attempt: ATTEMPT_NEVER, lease, max_micro: this.#maxMicro + 1 }
    })
    return { ...entry, body: { ...entry.body, items } }
  }

  /** One item by itself, after it was told with receipts of others, and as a second result. */
  #paid(entry: Accepted, item: Accepted['body']['items'][number]): void {
    const only = (change: Partial<typeof item>): Accepted => ({
      ...entry,
      body: { ...entry.body, items: [{ ...item, ...change }] }
    })
    const said = decodeAttestation(item.receipt.item)
    const other = this.#nodes.find((node) => node !== said.node)
    if (other !== undefined) {
      this.#lie(
        only({ receipt: this.#signed({ ...said, node: other }) }),
        'a receipt of another node'
      )
    }
    const lease = leaseIdOf(said.work_unit_id, ATTEMPT_NEVER, said.node)
    this.#lie(only({ receipt: this.#signed({ ...said, lease_id: lease }) }), 'of another lease')
    const forged = {
      ...item.receipt,
      head: item.receipt.head.with(-1, (item.receipt.head.at(-1) ?? 0) ^ 1)
    }
    this.#lie(only({ receipt: forged }), 'a receipt with a forged signature')
    if (this.#canonical.has(item.unit))
      this.#lie(only({ canonical: true }), 'two that stand for one unit')
    if (item.canonical) this.#canonical.add(item.unit)
    this.#apply(only({}))
  }

  #signed(attestation: Attestation): Receipt {
    const { genesis, keys } = this.#log
    const signer = keys.signerOf(attestation.node)
    const batch = signResults([encodeAttestation(attestation)], { mesh: genesis.id, signer })
    return resultsOf(batch).receipt(0)
  }
}

/** Items without a proof are said to be the node's fault. */
const blamed = (entry: Voided): Voided => ({
  ...entry,
  body: {
    ...entry.body,
    items: entry.body.items.map((item) =>
      item.receipt === null ? { ...item, fault: 'schema' as const } : item
    )
  }
})

const unproven = (entry: Voided): number =>
  entry.body.items.filter(({ receipt }) => receipt === null).length

/** What is to be the same. */
function stateOf(fold: LedgerFold): string {
  const nodes = fold.nodes().map(({ reasons: _reasons, ...standing }) => standing)
  return JSON.stringify([fold.balances(), fold.sessions(), nodes])
}

function differing(one: string, other: string): string {
  const at = [...one].findIndex((letter, index) => letter !== other[index])
  return `${one.slice(Math.max(0, at - 60), at + 20)} … ${other.slice(at, at + 20)}`
}
