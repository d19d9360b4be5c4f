/**
 * Another replica of the ledger, fed as peers feed one: in parts, under signed heads, by the product's
 * own code. It ends where the sequencer is; it takes no part that was tampered with, is told of a fork,
 * and accuses nobody who did not fork.
 */
import {
  type EntryContent,
  type LedgerEntry,
  type LogId,
  MeshError,
  NO_PREVIOUS,
  packEntry,
  parseLogId,
  peerIdFromPublicKey,
  type SignedGenesis,
  type Signer,
  signHead,
  type Verifier
} from '#contracts'
import { Ledger, type LevelPort } from '#ledger'
import type { Chance } from '../kernel/chance.ts'
import type { Broken } from './book.ts'

export interface Author {
  readonly log: LogId
  readonly genesis: SignedGenesis
  readonly signer: Signer
  readonly verifier: Verifier
  readonly incarnation: Uint8Array
  /** All of the log, from the genesis on. */
  readonly entries: readonly LedgerEntry[]
  readonly digest: string
}

export interface ReplicaPorts {
  readonly signerOf: (peer: ReturnType<typeof peerIdFromPublicKey>) => Signer
  readonly level: LevelPort
  readonly chance: Chance
  readonly broken: Broken
}

const REPLICA = peerIdFromPublicKey(new Uint8Array(32).fill(0xee))
const PARTS = 3

export async function checkReplica(author: Author, ports: ReplicaPorts): Promise<void> {
  const { entries, digest } = author
  const replica = await Ledger.open({
    level: ports.level,
    genesis: author.genesis,
    signer: ports.signerOf(REPLICA),
    verifier: author.verifier,
    incarnation: () => new Uint8Array(32).fill(7),
    isSequencer: false
  })
  try {
    let from = 0
    for (let part = 1; part <= PARTS && from < entries.length; part++) {
      const left = entries.length - from
      const to = part === PARTS ? entries.length : from + 1 + ports.chance.below(left)
      await offerTampered(replica, { author, from, to }, ports)
      // peers do not know what is held: what was sent before comes again
      const again = Math.max(0, from - ports.chance.below(PARTS))
      const head = headAt(author, to - 1)
      const code = await codeOf(() => replica.receive(head, bytesOf(entries.slice(again, to))))
      if (code !== null)
        ports.broken('replicas_converge', `${code} for entries of ${again} to ${to}`)
      if (code !== null) return
      from = to
    }
    if (replica.fold.digest() !== digest) ports.broken('replicas_converge', replica.fold.digest())
    await offerForks(replica, author, ports)
  } finally {
    await replica.close()
  }
}

const bytesOf = (entries: readonly LedgerEntry[]): readonly Uint8Array[] =>
  entries.map(({ bytes }) => bytes)

function headOf(author: Author, { seq, hash }: Pick<LedgerEntry, 'seq' | 'hash'>): Uint8Array {
  const { incarnation, genesis, signer } = author
  return signHead({ incarnation, seq, hash }, { mesh: genesis.id, signer }).bytes
}

function headAt(author: Author, seq: number): Uint8Array {
  const entry = author.entries[seq]
  if (entry === undefined) throw new RangeError(`entry ${seq}`)
  return headOf(author, entry)
}

interface Part {
  readonly author: Author
  readonly from: number
  readonly to: number
}

/** The same entries under the same head, with one of them gone, in another's place, or forged. */
async function offerTampered(
  replica: Ledger,
  { author, from, to }: Part,
  { chance, broken }: ReplicaPorts
): Promise<void> {
  const whole = author.entries.slice(from, to)
  const head = headAt(author, to - 1)
  const last = whole.length - 1
  const at = last > 0 ? chance.below(last) : 0
  const offers: Readonly<Record<string, readonly LedgerEntry[]>> = {
    'the last of them forged': whole.with(last, forged(author, to - 1, 'linked')),
    ...(last > 0 ? { 'one missing': whole.toSpliced(at, 1) } : {}),
    ...(last > 0 ? { 'one forged': whole.with(at, forged(author, from + at, 'loose')) } : {})
  }
  const stranger = ofAnotherLog(author, to - 1)
  const tampered = [
    ...Object.entries(offers).map(([how, entries]) => ({ how, entries, under: head })),
    { how: 'fewer than its head says', entries: whole.slice(0, -1), under: head },
    {
      how: 'an entry of another log',
      entries: whole.with(last, stranger),
      under: headOf(author, stranger)
    }
  ]
  const before = replica.head(author.log)?.seq ?? -1
  for (const { how, entries, under } of tampered) {
    const code = await codeOf(() => replica.receive(under, bytesOf(entries)))
    const isTaken = (replica.head(author.log)?.seq ?? -1) !== before
    if (code === null || isTaken) broken('tampered_refused', how)
    if (isTaken) return
  }
}

/** Something else in that place of the log; `loose`: it follows nothing. */
function forged({ log, entries }: Author, seq: number, how: 'linked' | 'loose'): LedgerEntry {
  const body = { model: 'bafkforged', name: 'forged', base_us: 1, us_per_kib: 0 }
  const content = { kind: 'model.registered', body } as unknown as EntryContent
  const prev =
    how === 'linked' ? (entries[seq - 1]?.hash ?? NO_PREVIOUS) : new Uint8Array(32).fill(1)
  return packEntry(content, { log, seq, prev })
}

/** What its author wrote there, under the name of another log. */
function ofAnotherLog({ entries }: Author, seq: number): LedgerEntry {
  const entry = entries[seq]
  if (entry === undefined) throw new RangeError(`entry ${seq}`)
  const content = { kind: entry.kind, body: entry.body } as EntryContent
  const prev = entries[seq - 1]?.hash ?? NO_PREVIOUS
  return packEntry(content, { log: parseLogId('ee'.repeat(32)), seq, prev })
}

async function offerForks(
  replica: Ledger,
  author: Author,
  { chance, broken }: ReplicaPorts
): Promise<void> {
  const last = author.entries.length - 1
  for (const seq of new Set([0, chance.below(last + 1), last])) {
    const code = await codeOf(() => replica.receive(headAt(author, seq), []))
    if (code !== null) broken('nobody_accused', `${code} for a head of ${seq}`)
  }
  const fork = headOf(author, forged(author, last, 'linked'))
  const code = await codeOf(() => replica.receive(fork, []))
  if (code !== 'ledger.conflict') broken('fork_told', code ?? 'nothing')
}

async function codeOf(act: () => Promise<unknown>): Promise<string | null> {
  try {
    await act()
    return null
  } catch (error) {
    if (error instanceof MeshError) return error.code
    throw error
  }
}
