/**
 * Genesis: the signed document a mesh begins with. The mesh id is the hash of the
 * signed bytes, so joining by id is joining exactly these rules.
 */
import { z } from 'zod'
import { sha256 } from '#contracts/platform'
import { peerId } from './attestation.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { openMessage, signMessage } from './cose.ts'
import { MeshError } from './errors.ts'
import { bytesToHex } from './hex.ts'
import { type MeshId, parseMeshId } from './ids.ts'
import { NAME_CHARS_MAX } from './limits.ts'
import { hex32, readShape, record, text, uint } from './shape.ts'
import type { Signer, Verifier } from './signing.ts'
import { TrustSettings } from './trust-settings.ts'

export const GENESIS_TYP = 'application/vnd.kora.genesis.v1+cbor'
/** Genesis makes the mesh id, so it is signed under none. */
const BEFORE_ANY_MESH = null
const GENESIS_BYTES_MAX = 64 * 1024

export const PriceSchedule = z.strictObject({
  /** Micro-credits per compute-second by node class; `*` for the rest. */
  compute_micro_per_s: record(text(NAME_CHARS_MAX), uint()),
  /** Micro-credits per 1,000 tokens. */
  tokens_micro_per_1000: uint()
})
export type PriceSchedule = z.infer<typeof PriceSchedule>

export const Genesis = z.strictObject({
  v: z.literal(1),
  name: text(NAME_CHARS_MAX),
  operator: peerId,
  /** Whose log orders the fold: the control node. */
  sequencer: peerId,
  sequencer_log: hex32,
  witnesses: z.array(peerId).max(64),
  witness_quorum: uint(64),
  tenants: z.array(z.strictObject({ id: text(NAME_CHARS_MAX), grant_micro: uint() })).max(10_000),
  prices: PriceSchedule,
  policies: z.strictObject({
    trust: text(NAME_CHARS_MAX),
    scheduler: text(NAME_CHARS_MAX),
    /** Of the policies that have any; absent: those that its name stands for. */
    trust_settings: TrustSettings.optional()
  }),
  /** Zones and the owners in them: `trusted` holds those who may see local_only work. */
  zones: record(text(NAME_CHARS_MAX), z.array(peerId).max(10_000)),
  created_at_ms: uint()
})
export type Genesis = z.infer<typeof Genesis>

export interface SignedGenesis {
  readonly id: MeshId
  readonly genesis: Genesis
  readonly bytes: Uint8Array
}

export function signGenesis(genesis: Genesis, signer: Signer): SignedGenesis {
  const payload = encodeCanonical(readShape(Genesis, genesis, 'genesis.malformed'))
  const bytes = signMessage({ typ: GENESIS_TYP, mesh: BEFORE_ANY_MESH, payload, signer })
  return { id: meshIdOf(bytes), genesis, bytes }
}

/** Reads a genesis from outside; `expected` is the id the caller joined by. */
export function openGenesis(
  bytes: Uint8Array,
  verifier: Verifier,
  expected?: MeshId
): SignedGenesis {
  const { payload, kid } = openMessage(bytes, {
    typ: GENESIS_TYP,
    mesh: BEFORE_ANY_MESH,
    verifier,
    bytesMax: GENESIS_BYTES_MAX
  })
  const genesis = readShape(
    Genesis,
    decodeCanonical(payload, { bytesMax: GENESIS_BYTES_MAX }),
    'genesis.malformed'
  )
  const id = meshIdOf(bytes)
  if (genesis.operator !== kid)
    throw new MeshError('genesis.signer_mismatch', { operator: genesis.operator, kid })
  if (expected !== undefined && id !== expected)
    throw new MeshError('genesis.other_mesh', { expected, found: id })
  return { id, genesis, bytes }
}

const meshIdOf = (bytes: Uint8Array): MeshId => parseMeshId(bytesToHex(sha256(bytes)))

/** What a mesh asks where its genesis is made without other prices. */
export const DEFAULT_PRICES: PriceSchedule = {
  compute_micro_per_s: { '*': 500 },
  tokens_micro_per_1000: 2000
}
