/**
 * A small mesh for tests of the ledger: a control node, two nodes with registered logs, a tenant with
 * a grant, and receipts signed as real nodes sign them. Fixed keys, in memory, worth nothing.
 */
import { MemoryLevel } from 'memory-level'
import {
  type Attestation,
  type Cid,
  cidOfBytes,
  cidOfDocument,
  DEFAULT_PRICES,
  type EntryContent,
  encodeAttestation,
  encodeCanonical,
  type Genesis,
  type LedgerEntry,
  leaseIdOf,
  logIdOf,
  type MeshId,
  NO_PREVIOUS,
  type PeerId,
  packEntry,
  parseSessionId,
  parseUnitId,
  type Receipt,
  resultsOf,
  type SessionId,
  type SignedGenesis,
  type Signer,
  signGenesis,
  signHead,
  signResults,
  type UnitId
} from '#contracts'
import { Ledger, type LedgerOptions, type LevelPort } from '#ledger'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { seed } from './mesh-fixtures.ts'

export const GRANT_MICRO = 1_000_000
export const TENANT = 'acme'
export const SESSION: SessionId = parseSessionId(`s${'0'.repeat(32)}`)
const MODEL: Cid = cidOfBytes(Uint8Array.of(1, 2, 3))
/** 2 s of compute for every unit: 1,000 micro-credits at the default price. */
const MODEL_COST = { base_us: 2_000_000, us_per_kib: 0 }

export const controlSigner: Signer = nodeSigner(seed(1))
export const nodeA: Signer = nodeSigner(seed(2))
export const nodeB: Signer = nodeSigner(seed(3))
const CONTROL_INCARNATION = seed(9)
export const CONTROL_LOG = logIdOf(controlSigner.peerId, CONTROL_INCARNATION)

export function testGenesis(changes: Partial<Genesis> = {}): SignedGenesis {
  return signGenesis(
    {
      v: 1,
      name: 'test',
      operator: controlSigner.peerId,
      sequencer: controlSigner.peerId,
      sequencer_log: CONTROL_LOG,
      witnesses: [],
      witness_quorum: 0,
      tenants: [{ id: TENANT, grant_micro: GRANT_MICRO }],
      prices: DEFAULT_PRICES,
      policies: { trust: 'credibility', scheduler: 'default' },
      zones: {},
      created_at_ms: 1_700_000_000_000,
      ...changes
    },
    controlSigner
  )
}

export const GENESIS = testGenesis()

export const memoryLevel = (): LevelPort =>
  new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view' })

export const openControl = (options: Partial<LedgerOptions> = {}): Promise<Ledger> =>
  Ledger.open({
    level: memoryLevel(),
    genesis: GENESIS,
    signer: controlSigner,
    verifier: nodeVerifier,
    incarnation: () => CONTROL_INCARNATION,
    isSequencer: true,
    ...options
  })

export const openNode = (
  signer: Signer = nodeA,
  options: Partial<LedgerOptions> = {}
): Promise<Ledger> =>
  Ledger.open({
    level: memoryLevel(),
    genesis: GENESIS,
    signer,
    verifier: nodeVerifier,
    incarnation: () => incarnationOf(signer),
    isSequencer: false,
    ...options
  })

export const incarnationOf = (signer: Signer): Uint8Array =>
  signer === nodeA ? seed(21) : seed(22)

export const unitOf = (name: string | number): UnitId =>
  parseUnitId(cidOfDocument(encodeCanonical({ name })))

/** A model, both nodes and one session. */
export function opening(maxCostMicro = GRANT_MICRO): readonly EntryContent[] {
  const node = (signer: Signer): EntryContent => ({
    kind: 'node.registered',
    body: {
      node: signer.peerId,
      owner: signer === nodeA ? 'alice' : 'bob',
      log: logIdOf(signer.peerId, incarnationOf(signer)),
      node_class: 'cpu'
    }
  })
  return [
    { kind: 'model.registered', body: { model: MODEL, name: 'model', ...MODEL_COST } },
    node(nodeA),
    node(nodeB),
    {
      kind: 'session.opened',
      body: {
        session: SESSION,
        tenant: TENANT,
        graph_cid: MODEL,
        inputs_cid: MODEL,
        request_id: 'r1',
        max_cost_micro: maxCostMicro,
        opened_at_ms: 1
      }
    }
  ]
}

/** One attempt of one unit on one node. */
export interface Run {
  readonly unit: UnitId
  readonly attempt: number
  readonly node: Signer
}

export const leaseOf = ({ unit, attempt, node }: Run) => leaseIdOf(unit, attempt, node.peerId)

export const reserved = (runs: readonly Run[], maxMicro = 5_000): EntryContent => ({
  kind: 'units.reserved',
  body: {
    session: SESSION,
    items: runs.map((run) => ({
      unit: run.unit,
      attempt: run.attempt,
      lease: leaseOf(run),
      node: run.node.peerId,
      model: MODEL,
      input_bytes: 100,
      max_micro: maxMicro,
      expires_at_ms: 99
    }))
  }
})

export function attestationOf(run: Run, changes: Partial<Attestation> = {}): Attestation {
  return {
    v: 1,
    work_unit_id: run.unit,
    attempt: run.attempt,
    lease_id: leaseOf(run),
    node: run.node.peerId,
    model_cid: MODEL,
    input_cids: [],
    output_cid: cidOfBytes(Uint8Array.of(run.attempt)),
    backend: { runtime: 'ort', version: '1.30', provider: 'cpu', device_class: 'avx2' },
    usage: { cpu_ms: 10, gpu_ms: 0, wall_ms: 3_000, tokens_in: 0, tokens_out: 0 },
    started_ms: 1,
    finished_ms: 2,
    ...changes
  }
}

/** Receipts of attestations that one node signed as one batch. */
export function receiptsOf(
  attestations: readonly Attestation[],
  signer: Signer,
  mesh: MeshId = GENESIS.id
): readonly Receipt[] {
  const batch = signResults(attestations.map(encodeAttestation), { mesh, signer })
  const results = resultsOf(batch)
  return attestations.map((_, index) => results.receipt(index))
}

export function receiptOf(run: Run, changes: Partial<Attestation> = {}): Receipt {
  const [receipt] = receiptsOf([attestationOf(run, changes)], run.node)
  if (receipt === undefined) throw new Error('a batch of one has a receipt')
  return receipt
}

export const accepted = (
  runs: readonly Run[],
  { canonical = true, receipts = runs.map((run) => receiptOf(run)) }: AcceptedOptions = {}
): EntryContent => ({
  kind: 'units.accepted',
  body: {
    session: SESSION,
    items: runs.map((run, index) => ({
      unit: run.unit,
      attempt: run.attempt,
      lease: leaseOf(run),
      canonical,
      receipt: receipts[index] ?? receiptOf(run)
    }))
  }
})

interface AcceptedOptions {
  readonly canonical?: boolean
  readonly receipts?: readonly Receipt[]
}

type VoidedItem = Extract<EntryContent, { kind: 'units.voided' }>['body']['items'][number]

export const voided = (
  runs: readonly Run[],
  changes: Partial<Pick<VoidedItem, 'reason' | 'fault' | 'receipt'>> = {}
): EntryContent => ({
  kind: 'units.voided',
  body: {
    session: SESSION,
    items: runs.map((run) => ({
      unit: run.unit,
      attempt: run.attempt,
      lease: leaseOf(run),
      reason: 'failed',
      fault: 'none',
      receipt: null,
      ...changes
    }))
  }
})

export const closed = (): EntryContent => ({
  kind: 'session.closed',
  body: { session: SESSION, stop_reason: 'success', state_hash: '00'.repeat(32) }
})

export const attested = (signer: Signer, gateway: PeerId = controlSigner.peerId): EntryContent => ({
  kind: 'results.attested',
  body: {
    gateway,
    receipts: [receiptOf({ unit: unitOf('own'), attempt: 1, node: signer })],
    verdicts: []
  }
})

/** Rules of the fold's refusals, oldest first. */
export const rulesOf = (ledger: Ledger): readonly string[] =>
  ledger.fold.rejections().map(({ rule }) => rule)

/** Head and raw entries of everything that is held of a log. */
export async function everything(
  ledger: Ledger,
  log = ledger.ownLog,
  from = 0
): Promise<{ head: Uint8Array; entries: Uint8Array[] }> {
  const head = ledger.head(log)
  if (head === null) throw new Error('the log is held')
  const entries: Uint8Array[] = []
  for await (const { bytes } of ledger.entries(log, from)) entries.push(bytes)
  return { head: head.bytes, entries }
}

/** All that an iterable gives, in order. */
export async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A chain of entries and its head, by hand. */
export function chainOf(
  contents: readonly EntryContent[],
  { signer, incarnation }: { signer: Signer; incarnation: Uint8Array },
  after: { seq: number; hash: Uint8Array } = { seq: -1, hash: NO_PREVIOUS }
): { head: Uint8Array; entries: Uint8Array[]; end: { seq: number; hash: Uint8Array } } {
  const log = logIdOf(signer.peerId, incarnation)
  let { seq, hash } = after
  const entries: Uint8Array[] = []
  for (const content of contents) {
    const entry: LedgerEntry = packEntry(content, { log, seq: seq + 1, prev: hash })
    entries.push(entry.bytes)
    seq = entry.seq
    hash = entry.hash
  }
  const head = signHead({ incarnation, seq, hash }, { mesh: GENESIS.id, signer })
  return { head: head.bytes, entries, end: { seq, hash } }
}
export const authorA = { signer: nodeA, incarnation: incarnationOf(nodeA) }
