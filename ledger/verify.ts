/**
 * The full check of a store: every head's signature, every chain, shape and receipt, and a new fold of
 * the sequencer's log whose digest must be the one in use. Reads everything, changes nothing, and
 * reports what it finds instead of stopping at it.
 */
import {
  equalBytes,
  type LogId,
  MeshError,
  openHead,
  parseLogId,
  readEntry,
  type SignedGenesis,
  type SignedHead,
  type Verifier
} from '#contracts'
import { LedgerFold } from './fold/fold.ts'
import { prepareEntry } from './fold/prepared.ts'
import { ReceiptChecker } from './fold/receipts.ts'
import type { LogStore } from './store/log-store.ts'

export interface VerifyFault {
  readonly log: LogId
  readonly seq: number
  readonly what: string
}

export interface VerifyReport {
  readonly ok: boolean
  readonly logs: number
  readonly heads: number
  readonly entries: number
  /** Of the state folded anew. */
  readonly digest: string
  readonly faults: readonly VerifyFault[]
}

export interface VerifyOptions {
  readonly store: LogStore
  readonly genesis: SignedGenesis
  readonly verifier: Verifier
  /** Of the state in use. */
  readonly digest: string
}

export async function verifyStore(options: VerifyOptions): Promise<VerifyReport> {
  const { store, genesis, verifier } = options
  const sequencerLog = parseLogId(genesis.genesis.sequencer_log)
  const fold = new LedgerFold(genesis, sequencerLog)
  const checker = new ReceiptChecker({ mesh: genesis.id, verifier })
  const faults: VerifyFault[] = []
  const counts = { logs: 0, heads: 0, entries: 0 }
  const logs = [...store.all()].map(({ head }) => head)
  for (const { log, seq: end } of logs) {
    counts.logs += 1
    const heads = await headsBySeq(store, log, { mesh: genesis.id, verifier, faults })
    counts.heads += heads.size
    let prev: Uint8Array | undefined
    for await (const raw of store.entries(log, 0, end)) {
      const entry = readEntry(raw)
      counts.entries += 1
      const fault = (what: string) => faults.push({ log, seq: entry.seq, what })
      if (entry.log !== log) fault('the entry is of another log')
      if (prev !== undefined && !equalBytes(entry.prev, prev)) fault('the chain is broken')
      const head = heads.get(entry.seq)
      if (head !== undefined && !equalBytes(head.hash, entry.hash)) {
        fault('the head is of another entry')
      }
      prev = entry.hash
      if (log !== sequencerLog) continue
      if (entry.seq === fold.nextSeq) fold.apply(prepareEntry(entry, checker))
      else fault('an entry is missing')
    }
  }
  const digest = fold.digest()
  const last = fold.nextSeq - 1
  if (digest !== options.digest) {
    faults.push({ log: sequencerLog, seq: last, what: 'folding anew gives another state' })
  }
  return { ok: faults.length === 0, ...counts, digest, faults }
}

async function headsBySeq(
  store: LogStore,
  log: LogId,
  {
    mesh,
    verifier,
    faults
  }: Pick<VerifyOptions, 'verifier'> & {
    readonly mesh: SignedGenesis['id']
    readonly faults: VerifyFault[]
  }
): Promise<ReadonlyMap<number, SignedHead>> {
  const heads = new Map<number, SignedHead>()
  for await (const bytes of store.heads(log)) {
    try {
      const head = openHead(bytes, { mesh, verifier })
      if (head.log === log) heads.set(head.seq, head)
      else faults.push({ log, seq: head.seq, what: 'the head is of another log' })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      faults.push({ log, seq: -1, what: `a signed head does not verify: ${error.code}` })
    }
  }
  return heads
}
