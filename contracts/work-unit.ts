/**
 * WorkUnit: the one thing Krako runs. Its id is the content id of its canonical bytes, so
 * a unit cannot be changed without becoming another. Says what must hold, never where it runs.
 */
import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { type Cid, cidOfDocument, isCid } from './cid.ts'
import { isSessionId, parseUnitId, type UnitId } from './ids.ts'
import { NAME_CHARS_MAX, TENSOR_RANK_MAX, UNIT_INPUTS_MAX, WORK_UNIT_BYTES_MAX } from './limits.ts'
import { cid, dtype } from './model-manifest.ts'
import {
  isCount,
  isFields,
  isListOf,
  isOneOf,
  isText,
  isTextOrNull,
  isUint,
  readQuickly
} from './quick.ts'
import { isJson, sessionId, text, uint, unitId } from './shape.ts'
import {
  JsonSchema,
  PRIORITIES,
  PRIVACY,
  TASK_ID,
  taskId,
  VERIFICATION_MODES,
  Verification
} from './task-graph.ts'
import { isDtype } from './value.ts'

const DAY_MS = 86_400_000

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

/** Surely a unit, if one of those that most are: no dependencies, results that agree exactly. */
export function isSurelyWorkUnit(value: unknown): boolean {
  return (
    isFields(value, 19) &&
    value['v'] === 1 &&
    isTaskIdText(value['graph_id']) &&
    typeof value['execution_session_id'] === 'string' &&
    isSessionId(value['execution_session_id']) &&
    isText(value['tenant_id'], NAME_CHARS_MAX) &&
    isTaskIdText(value['task_id']) &&
    isUint(value['index']) &&
    isOneOf(value['kind'], UNIT_KINDS) &&
    isListOf(value['dependencies'], 0, () => false) &&
    isSurelyModel(value['model']) &&
    isListOf(value['inputs'], UNIT_INPUTS_MAX, isSurelyInput) &&
    isSurelySchema(value['output_schema']) &&
    isSurelyConstraints(value['constraints']) &&
    isSurelyBudget(value['budget']) &&
    isSurelyRetries(value['retries']) &&
    isSurelyTimeouts(value['timeouts']) &&
    typeof value['idempotent'] === 'boolean' &&
    typeof value['critical'] === 'boolean' &&
    isSurelyVerification(value['verification']) &&
    isOneOf(value['priority'], PRIORITIES)
  )
}

const isTaskIdText = (value: unknown): boolean => typeof value === 'string' && TASK_ID.test(value)
const isCidText = (value: unknown): boolean => typeof value === 'string' && isCid(value)
const isSurelySchema = (value: unknown): boolean =>
  typeof value === 'boolean' ||
  (typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value))

const isSurelyModel = (value: unknown): boolean =>
  isFields(value, 2) &&
  (value['cid'] === null || isCidText(value['cid'])) &&
  isTextOrNull(value['handler'], NAME_CHARS_MAX)

const isSurelyInput = (value: unknown): boolean =>
  isFields(value, 4) &&
  isText(value['name'], NAME_CHARS_MAX) &&
  isCidText(value['cid']) &&
  (value['dtype'] === 'value' || isDtype(value['dtype'])) &&
  isListOf(value['shape'], TENSOR_RANK_MAX, (size) => isUint(size))

const isSurelyConstraints = (value: unknown): boolean =>
  isFields(value, 6) &&
  isOneOf(value['privacy'], PRIVACY) &&
  typeof value['trusted_node_required'] === 'boolean' &&
  isTextOrNull(value['region'], NAME_CHARS_MAX) &&
  isUint(value['min_memory_mb'], 1_000_000) &&
  isListOf(value['accelerators'], 8, (name) => isText(name, NAME_CHARS_MAX)) &&
  isUint(value['latency_ms'], DAY_MS)

const isSurelyBudget = (value: unknown): boolean =>
  isFields(value, 3) &&
  isUint(value['max_tokens']) &&
  isCount(value['max_time_ms'], DAY_MS) &&
  isUint(value['max_cost_micro'])

const isSurelyRetries = (value: unknown): boolean =>
  isFields(value, 2) && isCount(value['max_attempts'], 21) && isUint(value['backoff_ms'], 30_000)

const isSurelyTimeouts = (value: unknown): boolean =>
  isFields(value, 2) && isCount(value['dispatch_ms'], DAY_MS) && isCount(value['run_ms'], DAY_MS)

const isSurelyVerification = (value: unknown): boolean =>
  isFields(value, 3) &&
  isOneOf(value['mode'], VERIFICATION_MODES) &&
  isCount(value['replicas'], 7) &&
  isFields(value['agreement'], 1) &&
  value['agreement']['level'] === 'exact'

const readUnit = (value: unknown): WorkUnit =>
  readQuickly(WorkUnit, isSurelyWorkUnit, value, 'unit.malformed')

/** Encodes a unit made here. */
export function packUnit(unit: WorkUnit): PackedUnit {
  const bytes = encodeCanonical(readUnit(unit))
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
  return { id: idOf(bytes), unit: readUnit(plain), bytes }
}

const idOf = (bytes: Uint8Array): UnitId => parseUnitId(cidOfDocument(bytes))

/** Blobs that a node needs before it can run the unit, beside the model's files. */
export const unitBlobs = (unit: WorkUnit): Cid[] => unit.inputs.map((input) => input.cid)
