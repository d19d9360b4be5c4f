/**
 * One run of one unit on the local engine: its inputs as values or files, its model's files checked
 * by hash, its limits as declared. Knows nothing of attempts, sessions or judges.
 */
import {
  assert,
  type Blobs,
  type Cid,
  decodeValue,
  INLINE_BLOB_BYTES_MAX,
  isDtype,
  MeshError,
  type ModelManifest,
  type PackedUnit,
  Tensor,
  type UnitInput
} from '#contracts'
import type { ExecutionEngine, ExecutionResult, InputRef } from '#mesh-node/exec'

/** Memory of a run whose unit asks for none: an executor and a small model. */
const MEMORY_MB_MIN = 512
/** Room over what the model is said to need: weights, graph and tensors vary with the input. */
const MEMORY_FACTOR = 2

/** A blob that stays a file while it is used. */
interface HeldFile {
  readonly path: string
  release(): void
}

/** Where a unit's bytes are on this machine. */
export interface UnitFiles extends Blobs {
  hold(cid: Cid): Promise<HeldFile | null>
  /** Manifest and checked files of a model by content id. */
  model(cid: Cid): Promise<{ manifest: ModelManifest; files: Readonly<Record<string, string>> }>
}

export interface RunOncePorts {
  readonly engine: ExecutionEngine
  readonly files: UnitFiles
  readonly signal: AbortSignal
}

export async function runOnce(
  { unit }: PackedUnit,
  { engine, files, signal }: RunOncePorts
): Promise<ExecutionResult> {
  const { cid } = unit.model
  assert(cid !== null, 'handlers are KORA’s own: units here run models')
  const model = await files.model(cid)
  const held: HeldFile[] = []
  try {
    const inputs: Record<string, InputRef> = {}
    for (const input of unit.inputs) inputs[input.name] = await inputRef(input, files, held)
    const memory = Math.max(unit.constraints.min_memory_mb * MEMORY_FACTOR, MEMORY_MB_MIN)
    return await engine.execute({
      ...model,
      inputs,
      limits: {
        run_ms: unit.timeouts.run_ms,
        memory_mb: memory,
        max_tokens: unit.budget.max_tokens
      },
      signal
    })
  } finally {
    for (const file of held) file.release()
  }
}

/** Small inputs go as values, so that they cost no file. */
async function inputRef(
  { cid, dtype, shape }: UnitInput,
  files: UnitFiles,
  held: HeldFile[]
): Promise<InputRef> {
  const bytes = dtype === 'value' ? (shape[0] ?? 0) : INLINE_BLOB_BYTES_MAX + 1
  if (bytes <= INLINE_BLOB_BYTES_MAX) {
    const found = await files.get(cid)
    if (found !== null) return { kind: 'value', value: inputValue(found, dtype, shape) }
  }
  const file = await files.hold(cid)
  if (file === null) throw new MeshError('blob.not_found', { cid })
  held.push(file)
  return isDtype(dtype)
    ? { kind: 'tensor', path: file.path, dtype, shape }
    : { kind: 'encoded', path: file.path }
}

const inputValue = (bytes: Uint8Array, dtype: UnitInput['dtype'], shape: readonly number[]) =>
  isDtype(dtype) ? new Tensor(dtype, shape, bytes) : decodeValue(bytes)
