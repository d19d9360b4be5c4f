/**
 * Ledger entries, version 1: the hash-chained records of an author's log and the signed head that
 * covers them. What entries mean for money and trust is decided by the fold.
 */
import { z } from 'zod'
import { sha256 } from '#contracts/platform'
import { peerId, Receipt } from './attestation.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { openMessage, signMessage } from './cose.ts'
import { bytesToHex, concatBytes } from './hex.ts'
import { type LogId, type MeshId, parseLogId } from './ids.ts'
import { LEDGER_ENTRY_BYTES_MAX, MESSAGE_ITEMS_MAX, NAME_CHARS_MAX } from './limits.ts'
import { AckMessage } from './messages/ack.ts'
import { cid } from './model-manifest.ts'
import { isSurelyBody } from './quick-entries.ts'
import {
  bytes,
  bytes32,
  hex32,
  leaseId,
  readShape,
  sessionId,
  text,
  uint,
  unitId
} from './shape.ts'
import { type PeerId, publicKeyFromPeerId, type Signer, type Verifier } from './signing.ts'
import { FAILURE_CLASSES, NODE_STATES, STOP_REASONS } from './states.ts'
import { ESCALATION_TRIGGERS } from './task-graph.ts'

export const LEDGER_HEAD_TYP = 'application/vnd.kora.ledger-head.v1+cbor'
const HEAD_BYTES_MAX = 1024

/** Bodies by kind. The sequencer writes all but `results.attested`, which is every node's own. */
export const ENTRY_BODIES = {
  /** First entry of the sequencer's log: the signed genesis, as bytes. */
  'mesh.genesis': z.strictObject({ genesis: bytes(64 * 1024) }),
  /** A model the mesh works with, and its calibrated cost, which prices its units. */
  'model.registered': z.strictObject({
    model: cid,
    name: text(NAME_CHARS_MAX),
    base_us: uint(),
    us_per_kib: uint()
  }),
  'tenant.admitted': z.strictObject({ tenant: text(NAME_CHARS_MAX), grant_micro: uint() }),
  'node.registered': z.strictObject({
    node: peerId,
    owner: text(NAME_CHARS_MAX),
    log: hex32,
    node_class: text(NAME_CHARS_MAX)
  }),
  /** Node states and health change seldom; heartbeats themselves are not recorded. */
  'node.observed': z.strictObject({
    node: peerId,
    state: z.enum(NODE_STATES),
    health_milli: uint(1000),
    reason: text(NAME_CHARS_MAX)
  }),
  'session.opened': z.strictObject({
    session: sessionId,
    tenant: text(NAME_CHARS_MAX),
    graph_cid: cid,
    inputs_cid: cid,
    request_id: text(NAME_CHARS_MAX),
    max_cost_micro: uint(),
    opened_at_ms: uint()
  }),
  /** Leases granted: each reserves the most that its attempt may cost. */
  'units.reserved': z.strictObject({
    session: sessionId,
    items: z
      .array(
        z.strictObject({
          unit: unitId,
          attempt: uint(),
          lease: leaseId,
          node: peerId,
          model: cid.nullable(),
          input_bytes: uint(),
          max_micro: uint(),
          expires_at_ms: uint()
        })
      )
      .min(1)
      .max(MESSAGE_ITEMS_MAX)
  }),
  /** Verified results, each with the receipt that proves what the node attested. Posts what it reserved. */
  'units.accepted': z.strictObject({
    session: sessionId,
    items: z
      .array(
        z.strictObject({
          unit: unitId,
          attempt: uint(),
          lease: leaseId,
          /** The result that stands for the unit: exactly one of its accepted attempts. */
          canonical: z.boolean(),
          receipt: Receipt
        })
      )
      .min(1)
      .max(MESSAGE_ITEMS_MAX)
  }),
  /** Attempts that earn nothing; a refused result keeps its receipt, so that anyone can check the refusal. */
  'units.voided': z.strictObject({
    session: sessionId,
    items: z
      .array(
        z.strictObject({
          unit: unitId,
          attempt: uint(),
          lease: leaseId,
          reason: z.enum([
            'failed',
            'timeout',
            'released',
            'expired',
            'cancelled',
            'rejected',
            'redundant'
          ]),
          fault: z.enum(['none', 'schema', 'disagreed', 'copied', 'over_budget']),
          receipt: Receipt.nullable()
        })
      )
      .min(1)
      .max(MESSAGE_ITEMS_MAX)
  }),
  /**
   * Accepted results that other results refute, of a session that is open: their pay goes back. Only
   * where the mesh holds pay in escrow.
   */
  'units.withdrawn': z.strictObject({
    session: sessionId,
    items: z
      .array(
        z.strictObject({
          unit: unitId,
          attempt: uint(),
          lease: leaseId,
          reason: z.enum(['disagreed']),
          /** It was made use of already: it stands, in doubt. Else another may stand in its place. */
          stands: z.boolean()
        })
      )
      .min(1)
      .max(MESSAGE_ITEMS_MAX)
  }),
  /** A declared edge was taken: `to` is run for `from`. */
  'units.escalated': z.strictObject({
    session: sessionId,
    items: z
      .array(z.strictObject({ from: unitId, to: unitId, trigger: z.enum(ESCALATION_TRIGGERS) }))
      .min(1)
      .max(MESSAGE_ITEMS_MAX)
  }),
  /** Units that ended without a result; success is the canonical acceptance. */
  'units.ended': z.strictObject({
    session: sessionId,
    items: z
      .array(
        z.strictObject({
          unit: unitId,
          status: z.enum(['failed', 'timeout', 'cancelled']),
          stop_reason: z.enum(STOP_REASONS),
          failure_class: z.enum(FAILURE_CLASSES).nullable(),
          code: text(NAME_CHARS_MAX)
        })
      )
      .min(1)
      .max(MESSAGE_ITEMS_MAX)
  }),
  'session.closed': z.strictObject({
    session: sessionId,
    stop_reason: z.enum(STOP_REASONS),
    /** Of KORA's session: outputs, stage trace, stop reason. */
    state_hash: hex32
  }),
  /** The sequencer has seen another log up to here: its entries join the order at this point. */
  'head.sequenced': z.strictObject({ log: hex32, seq: uint(), hash: bytes32 }),
  /** A node's own record of what it attested and what it was told about it. */
  'results.attested': z.strictObject({
    gateway: peerId,
    receipts: z.array(Receipt).max(MESSAGE_ITEMS_MAX),
    verdicts: AckMessage.shape.verdicts.or(z.array(z.never()).max(0))
  })
} as const
export type EntryKind = keyof typeof ENTRY_BODIES
export type EntryBody<K extends EntryKind> = z.infer<(typeof ENTRY_BODIES)[K]>
export type EntryContent = {
  [K in EntryKind]: { readonly kind: K; readonly body: EntryBody<K> }
}[EntryKind]

/** An entry with its place in its log. `hash` is over the bytes as received. */
export type LedgerEntry = EntryContent & {
  readonly log: LogId
  readonly seq: number
  readonly prev: Uint8Array
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
}

/** `prev` of the first entry. */
export const NO_PREVIOUS = new Uint8Array(32)

const EntryFrame = z.strictObject({
  v: z.literal(1),
  log: hex32,
  seq: uint(),
  prev: bytes32,
  kind: text(NAME_CHARS_MAX),
  body: z.unknown()
})

export function packEntry(
  content: EntryContent,
  place: { log: LogId; seq: number; prev: Uint8Array }
): LedgerEntry {
  const raw = encodeCanonical({ v: 1, ...place, kind: content.kind, body: content.body })
  return { ...content, ...place, hash: sha256(raw), bytes: raw }
}

const isEntryKind = (kind: string): kind is EntryKind => Object.hasOwn(ENTRY_BODIES, kind)

/** Reads an entry from outside. Chain and signature are the store's to check. */
export function openEntry(raw: Uint8Array): LedgerEntry {
  const plain = decodeCanonical(raw, { bytesMax: LEDGER_ENTRY_BYTES_MAX })
  const frame = readShape(EntryFrame, plain, 'ledger.entry_malformed')
  const kind = isEntryKind(frame.kind) ? frame.kind : null
  const shape = kind === null ? z.never() : ENTRY_BODIES[kind]
  const body = readShape(shape, frame.body, 'ledger.entry_malformed')
  const place = { log: parseLogId(frame.log), seq: frame.seq, prev: frame.prev }
  return { kind, body, ...place, hash: sha256(raw), bytes: raw } as LedgerEntry
}

/** An entry whose place is sound and whose kind or body means nothing here: kept, chained and refused. */
export interface RefusedEntry {
  readonly kind: 'refused'
  readonly claimed: string
  readonly reason: string
  readonly log: LogId
  readonly seq: number
  readonly prev: Uint8Array
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
}
/** What stands at a place of a log. */
export type PlacedEntry = LedgerEntry | RefusedEntry

/**
 * Reads whatever may stand in a log. Throws only where the place itself cannot be read: a kind or
 * body that means nothing is a `RefusedEntry`, for the chain goes on through it.
 */
export function readEntry(raw: Uint8Array): PlacedEntry {
  const plain = decodeCanonical(raw, { bytesMax: LEDGER_ENTRY_BYTES_MAX })
  const { kind, body, ...rest } = readShape(EntryFrame, plain, 'ledger.entry_malformed')
  const place = { log: parseLogId(rest.log), seq: rest.seq, prev: rest.prev }
  const found = { ...place, hash: sha256(raw), bytes: raw }
  if (!isEntryKind(kind)) return refusedEntry(kind, 'kind_unknown', found)
  if (isSurelyBody(kind, body)) return { kind, body, ...found } as LedgerEntry
  const parsed = ENTRY_BODIES[kind].safeParse(body)
  if (!parsed.success) return refusedEntry(kind, 'body_malformed', found)
  return { kind, body: parsed.data, ...found } as LedgerEntry
}

/** Reads an entry that `readEntry` has seen whole before it was stored: only its hash is to be checked. */
export function readCheckedEntry(raw: Uint8Array, hash: Uint8Array): LedgerEntry {
  const { kind, body, log, seq, prev } = decodeCanonical(raw, {
    bytesMax: LEDGER_ENTRY_BYTES_MAX
  }) as LedgerEntry
  return { kind, body, log, seq, prev, hash, bytes: raw } as LedgerEntry
}

const refusedEntry = (
  claimed: string,
  reason: string,
  found: Omit<RefusedEntry, 'kind' | 'claimed' | 'reason'>
): RefusedEntry => ({ kind: 'refused', claimed, reason, ...found })

/** log = H(public key ‖ incarnation): a store that was lost starts a new one. */
export function logIdOf(author: PeerId, incarnation: Uint8Array): LogId {
  return parseLogId(bytesToHex(sha256(concatBytes(publicKeyFromPeerId(author), incarnation))))
}

const LedgerHead = z.strictObject({
  v: z.literal(1),
  log: hex32,
  incarnation: bytes32,
  seq: uint(),
  hash: bytes32
})

/** The author's word that its log ends here. `author` comes from the signature and fits `log`. */
export interface SignedHead {
  readonly author: PeerId
  readonly log: LogId
  readonly incarnation: Uint8Array
  readonly seq: number
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
}

export function signHead(
  head: { incarnation: Uint8Array; seq: number; hash: Uint8Array },
  { mesh, signer }: { mesh: MeshId; signer: Signer }
): SignedHead {
  const log = logIdOf(signer.peerId, head.incarnation)
  const payload = encodeCanonical({ v: 1, log, ...head })
  const raw = signMessage({ typ: LEDGER_HEAD_TYP, mesh, payload, signer })
  return { author: signer.peerId, log, ...head, bytes: raw }
}

export function openHead(
  raw: Uint8Array,
  { mesh, verifier }: { mesh: MeshId; verifier: Verifier }
): SignedHead {
  const { payload, kid } = openMessage(raw, {
    typ: LEDGER_HEAD_TYP,
    mesh,
    verifier,
    bytesMax: HEAD_BYTES_MAX
  })
  const head = readShape(
    LedgerHead,
    decodeCanonical(payload, { bytesMax: HEAD_BYTES_MAX }),
    'ledger.head_malformed'
  )
  const log = logIdOf(kid, head.incarnation)
  readShape(z.literal(log), head.log, 'ledger.head_malformed')
  return {
    author: kid,
    log,
    incarnation: head.incarnation,
    seq: head.seq,
    hash: head.hash,
    bytes: raw
  }
}
