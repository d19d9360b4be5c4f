/**
 * A model as the mesh knows it: files by content hash, how to run them, what right results look like
 * and what a run costs. The manifest's own content id is "the model" everywhere else. Holds no file
 * bytes and says nothing about where a model may run beyond its tier.
 */
import { z } from 'zod'
import { Agreement } from './agreement.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { type Cid, isCid } from './cid.ts'
import { BLOB_BYTES_MAX, NAME_CHARS_MAX, PROSE_CHARS_MAX, TENSOR_RANK_MAX } from './limits.ts'
import { readShape, record, text, uint } from './shape.ts'
import { DTYPE_BYTES, type Dtype, isDtype } from './value.ts'

export const cid = z.custom<Cid>(
  (value) => typeof value === 'string' && isCid(value),
  'a content id'
)
/** A tensor's element type, or `value` for an encoded Value. */
export const dtype = z.custom<Dtype>(isDtype, `one of ${Object.keys(DTYPE_BYTES).join(', ')}`)

/** How a model's files become a function of a unit's inputs. `tensor` runs any ONNX model as it is. */
export const RUNNERS = [
  'tensor',
  'silero-vad',
  'moonshine',
  'ocr-detect',
  'ocr-direction',
  'ocr-recognize'
] as const
export type RunnerName = (typeof RUNNERS)[number]

export const TIERS = ['small', 'medium', 'large'] as const
export type Tier = (typeof TIERS)[number]

const Port = z.strictObject({
  name: text(NAME_CHARS_MAX),
  dtype,
  /** null: any size. */
  shape: z.array(uint().nullable()).max(TENSOR_RANK_MAX)
})
export type ModelPort = z.infer<typeof Port>

export const ModelManifest = z.strictObject({
  version: z.literal(1),
  name: text(NAME_CHARS_MAX),
  licence: text(NAME_CHARS_MAX),
  /** Where it came from, for people: a package and version, or a file name. */
  source: text(PROSE_CHARS_MAX),
  runner: z.enum(RUNNERS),
  tier: z.enum(TIERS),
  files: z
    .array(z.strictObject({ name: text(NAME_CHARS_MAX), cid, bytes: uint(BLOB_BYTES_MAX) }))
    .min(1)
    .max(16),
  /** A generator takes none. */
  inputs: z.array(Port).max(64),
  outputs: z.array(Port).max(64),
  settings: record(
    text(NAME_CHARS_MAX),
    z.union([z.string().max(PROSE_CHARS_MAX), z.number(), z.boolean()])
  ),
  /** Right answers on given inputs: each names two encoded value maps. A backend earns only after it gives them. */
  golden: z.array(z.strictObject({ inputs: cid, outputs: cid })).max(16),
  /** How near a backend must come to the golden outputs, by provider; `*` for the rest. */
  tolerances: record(text(NAME_CHARS_MAX), Agreement),
  /** Calibrated cost on the reference class: microseconds per run, and per KiB of input. */
  cost: z.strictObject({ base_us: uint(), us_per_kib: uint() }),
  memory_mb: uint(1_000_000)
})
export type ModelManifest = z.infer<typeof ModelManifest>

/** The largest manifest: 16 files and 128 ports fit ten times over. */
const MANIFEST_BYTES_MAX = 64 * 1024

export const encodeManifest = (manifest: ModelManifest): Uint8Array =>
  encodeCanonical(readShape(ModelManifest, manifest, 'model.manifest_malformed'))

export const decodeManifest = (bytes: Uint8Array): ModelManifest =>
  readShape(
    ModelManifest,
    decodeCanonical(bytes, { bytesMax: MANIFEST_BYTES_MAX }),
    'model.manifest_malformed'
  )

/** The agreement that a provider's golden run must reach. */
export const toleranceFor = (manifest: ModelManifest, provider: string): Agreement =>
  manifest.tolerances[provider] ?? manifest.tolerances['*'] ?? { level: 'exact' }
