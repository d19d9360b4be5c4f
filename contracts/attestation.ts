/**
 * Attestation, version 1: a node says what it ran, on what, and what came out. A node's
 * attestations travel as one signed batch; each can be shown alone with its inclusion path (`Receipt`).
 * Says nothing about whether the result is right or what it earns.
 */
import { z } from 'zod'
import { openProvenItem } from './batch.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { isCid } from './cid.ts'
import { MeshError } from './errors.ts'
import { isLeaseId, isUnitId, type MeshId } from './ids.ts'
import {
  ATTESTATION_BYTES_MAX,
  NAME_CHARS_MAX,
  UNIT_INPUTS_MAX,
  VERIFIER_KEYS_MAX
} from './limits.ts'
import { cid } from './model-manifest.ts'
import {
  type Fields,
  isAmount,
  isBytes,
  isBytes32,
  isFields,
  isListOf,
  isText,
  isUint,
  readQuickly
} from './quick.ts'
import { bytes, bytes32, leaseId, text, uint, unitId } from './shape.ts'
import { isPeerId, type PeerId, type Verifier } from './signing.ts'

export const ATTESTATION_TYP = 'application/vnd.kora.attestation.v1+cbor'

export const Backend = z.strictObject({
  runtime: text(NAME_CHARS_MAX),
  version: text(NAME_CHARS_MAX),
  provider: text(NAME_CHARS_MAX),
  /** Optimisation level and instruction set or adapter family: equal bits are expected within a class. */
  device_class: text(NAME_CHARS_MAX)
})
export type Backend = z.infer<typeof Backend>

export const Usage = z.strictObject({
  cpu_ms: z.number().min(0),
  gpu_ms: z.number().min(0),
  wall_ms: z.number().min(0),
  tokens_in: uint(),
  tokens_out: uint()
})
export type Usage = z.infer<typeof Usage>

/** Peer ids found good, oldest first: reading base58 costs more than the rest of a small message. */
const goodPeerIds = new Set<string>()

function isKnownOrGood(text: string): boolean {
  if (goodPeerIds.has(text)) return true
  if (!isPeerId(text)) return false
  const oldest = goodPeerIds.values().next()
  if (goodPeerIds.size >= VERIFIER_KEYS_MAX && !oldest.done) goodPeerIds.delete(oldest.value)
  goodPeerIds.add(text)
  return true
}

export const peerId = z.custom<PeerId>(
  (value) => typeof value === 'string' && isKnownOrGood(value),
  'a peer id'
)

export const Attestation = z.strictObject({
  v: z.literal(1),
  work_unit_id: unitId,
  attempt: uint(),
  lease_id: leaseId,
  node: peerId,
  model_cid: cid.nullable(),
  input_cids: z.array(cid).max(UNIT_INPUTS_MAX),
  output_cid: cid,
  /** A digest of a large output by which results are compared without moving it. */
  output_fingerprint: bytes(258).optional(),
  backend: Backend,
  usage: Usage,
  started_ms: uint(),
  finished_ms: uint(),
  /** The commitment that was sent before the result was revealed; quorum only. */
  commit: bytes32.optional()
})
export type Attestation = z.infer<typeof Attestation>

const isCidText = (value: unknown): boolean => typeof value === 'string' && isCid(value)

function isBackend(value: unknown): boolean {
  return (
    isFields(value, 4) &&
    isText(value['runtime'], NAME_CHARS_MAX) &&
    isText(value['version'], NAME_CHARS_MAX) &&
    isText(value['provider'], NAME_CHARS_MAX) &&
    isText(value['device_class'], NAME_CHARS_MAX)
  )
}

function isUsage(value: unknown): boolean {
  return (
    isFields(value, 5) &&
    isAmount(value['cpu_ms']) &&
    isAmount(value['gpu_ms']) &&
    isAmount(value['wall_ms']) &&
    isUint(value['tokens_in']) &&
    isUint(value['tokens_out'])
  )
}

/** As nearly all are: without the optional fields, or of a quorum, with its commitment alone. */
function isAttestationFields(value: unknown): value is Fields {
  return isFields(value, 12) || (isFields(value, 13) && isBytes32(value['commit']))
}

/** Surely an attestation. */
export function isSurelyAttestation(value: unknown): boolean {
  return (
    isAttestationFields(value) &&
    value['v'] === 1 &&
    isUnitIdText(value['work_unit_id']) &&
    isUint(value['attempt']) &&
    isLeaseIdText(value['lease_id']) &&
    isPeerIdText(value['node']) &&
    (value['model_cid'] === null || isCidText(value['model_cid'])) &&
    isListOf(value['input_cids'], UNIT_INPUTS_MAX, isCidText) &&
    isCidText(value['output_cid']) &&
    isBackend(value['backend']) &&
    isUsage(value['usage']) &&
    isUint(value['started_ms']) &&
    isUint(value['finished_ms'])
  )
}

export const isUnitIdText = (value: unknown): boolean =>
  typeof value === 'string' && isUnitId(value)
export const isLeaseIdText = (value: unknown): boolean =>
  typeof value === 'string' && isLeaseId(value)
export const isPeerIdText = (value: unknown): boolean =>
  typeof value === 'string' && isKnownOrGood(value)

const readAttestation = (value: unknown): Attestation =>
  readQuickly(Attestation, isSurelyAttestation, value, 'attestation.malformed')

/** What was read from these very bytes: gateway, judge and ledger each open the same attestation. */
const opened = new WeakMap<Uint8Array, Attestation>()

export function encodeAttestation(attestation: Attestation): Uint8Array {
  const read = readAttestation(attestation)
  const raw = encodeCanonical(read)
  opened.set(raw, read)
  return raw
}

export function decodeAttestation(raw: Uint8Array): Attestation {
  const known = opened.get(raw)
  if (known !== undefined) return known
  const attestation = readAttestation(decodeCanonical(raw, { bytesMax: ATTESTATION_BYTES_MAX }))
  opened.set(raw, attestation)
  return attestation
}

/** Reads an attestation whose shape was checked before it was stored. */
export const readCheckedAttestation = (raw: Uint8Array): Attestation =>
  opened.get(raw) ?? (decodeCanonical(raw, { bytesMax: ATTESTATION_BYTES_MAX }) as Attestation)

/** COSE_Sign1 over root, size and `about` of a batch of attestations. */
export const BATCH_HEAD_BYTES_MAX = 512

/** An attestation that proves itself: the item, its path, and the signed head it leads to. */
export const Receipt = z.strictObject({
  item: bytes(ATTESTATION_BYTES_MAX),
  index: uint(),
  path: z.array(bytes32).max(32),
  head: bytes(BATCH_HEAD_BYTES_MAX)
})
export type Receipt = z.infer<typeof Receipt>

export function isSurelyReceipt(value: unknown): boolean {
  return (
    isFields(value, 4) &&
    isBytes(value['item'], ATTESTATION_BYTES_MAX) &&
    isUint(value['index']) &&
    isListOf(value['path'], 32, isBytes32) &&
    isBytes(value['head'], BATCH_HEAD_BYTES_MAX)
  )
}

/** Checks signature, path and shape; returns what was attested. Needs no network and no ledger. */
export function openReceipt(
  receipt: Receipt,
  options: { mesh: MeshId; verifier: Verifier }
): Attestation {
  const opened = openProvenItem(receipt, {
    typ: ATTESTATION_TYP,
    bytesMax: BATCH_HEAD_BYTES_MAX,
    ...options
  })
  return signedBy(decodeAttestation(receipt.item), opened.kid)
}

/** The attestation, if the node that it names is the one that signed. */
export function signedBy(attestation: Attestation, signer: PeerId): Attestation {
  if (attestation.node !== signer) {
    throw new MeshError('attestation.signer_mismatch', { node: attestation.node, signer })
  }
  return attestation
}
