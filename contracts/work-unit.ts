/**
 * WorkUnit: the one thing Krako runs. Its id is the content id of its canonical bytes, so
 * a unit cannot be changed without becoming another. Says what must hold, never where it runs.
 */
import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { type Cid, cidOfDocument } from './cid.ts'
import { parseUnitId, type UnitId } from './ids.ts'
import { NAME_CHARS_MAX, TENSOR_RANK_MAX, UNIT_INPUTS_MAX, WORK_UNIT_BYTES_MAX } from './limits.ts'
import { cid, dtype } from './model-manifest.ts'
import { readShape, sessionId, text, uint, unitId } from './shape.ts'
import { JsonSchema, PRIORITIES, PRIVACY, taskId, Verification } from './task-graph.ts'

export const WORK_UNIT_TYP = 'application/vnd.kora.work-unit.v1+cbor'

export const UNIT_KINDS = ['deterministic', 'retrieval', 'small_model', 'llm'] as const
export type UnitKind = (typeof UNIT_KINDS)[number]

const UnitInput = z.strictObject({
  name: text(NAME_CHARS_MAX),
  cid,
  /** `value`: an encoded Value, whose shape is its length in bytes; else a raw tensor. */
  dtype: z.union([dtype, z.literal('value')]),
  shape: z.array(uint()).max(TENSOR_RANK_MAX)
})
export type UnitInput = z.infer<typeof UnitInput>

export const UnitBudget = z.strictObject({
  max_tokens: uint(),
  max_time_ms: uint(86_400_000).min(1),
  max_cost_micro: uint()
})
export type UnitBudget = z.infer<typeof UnitBudget>

export const WorkUnit = z.strictObject({
  v: z.literal(1),
  graph_id: taskId,
  execution_session_id: sessionId,
  tenant_id: text(NAME_CHARS_MAX),
  task_id: taskId,
  /** Position in the fan-out; 0 where there is none. */
  index: uint(),
  kind: z.enum(UNIT_KINDS),
  /** Units of this session that must have succeeded first: the readiness gate. */
  dependencies: z.array(unitId).max(1_000),
  /** `cid` null: a handler built into every node, named by `handler`. */
  model: z.strictObject({ cid: cid.nullable(), handler: text(NAME_CHARS_MAX).nullable() }),
  inputs: z.array(UnitInput).max(UNIT_INPUTS_MAX),
  output_schema: JsonSchema,
  constraints: z.strictObject({
    privacy: z.enum(PRIVACY),
    trusted_node_required: z.boolean(),
    region: text(NAME_CHARS_MAX).nullable(),
    min_memory_mb: uint(1_000_000),
    accelerators: z.array(text(NAME_CHARS_MAX)).max(8),
    latency_ms: uint(86_400_000)
  }),
  budget: UnitBudget,
  retries: z.strictObject({ max_attempts: uint(21).min(1), backoff_ms: uint(30_000) }),
  timeouts: z.strictObject({
    dispatch_ms: uint(86_400_000).min(1),
    run_ms: uint(86_400_000).min(1)
  }),
  idempotent: z.boolean(),
  critical: z.boolean(),
  /** As a task's, with nothing left to a default: what opens is what the id is the hash of. */
  verification: z.strictObject({
    mode: Verification.shape.mode,
    replicas: Verification.shape.replicas.unwrap(),
    agreement: Verification.shape.agreement.unwrap()
  }),
  priority: z.enum(PRIORITIES)
})
export type WorkUnit = z.infer<typeof WorkUnit>

/** A unit with its id and the bytes that the id is the hash of. */
export interface PackedUnit {
  readonly id: UnitId
  readonly unit: WorkUnit
  readonly bytes: Uint8Array
}

/** Encodes a unit made here. */
export function packUnit(unit: WorkUnit): PackedUnit {
  const bytes = encodeCanonical(readShape(WorkUnit, unit, 'unit.malformed'))
  return { id: idOf(bytes), unit, bytes }
}

/**
 * As `packUnit`, without reading the shape once more (two thirds of the work): for units that differ
 * from one that was packed only in what their maker has made itself.
 */
export function packAlike(unit: WorkUnit): PackedUnit {
  const bytes = encodeCanonical(unit)
  return { id: idOf(bytes), unit, bytes }
}

/** Reads a unit from outside; its id is computed, never believed. */
export function openUnit(bytes: Uint8Array): PackedUnit {
  const plain = decodeCanonical(bytes, { bytesMax: WORK_UNIT_BYTES_MAX })
  return { id: idOf(bytes), unit: readShape(WorkUnit, plain, 'unit.malformed'), bytes }
}

const idOf = (bytes: Uint8Array): UnitId => parseUnitId(cidOfDocument(bytes))

/** Blobs that a node needs before it can run the unit, beside the model's files. */
export const unitBlobs = (unit: WorkUnit): Cid[] => unit.inputs.map((input) => input.cid)
