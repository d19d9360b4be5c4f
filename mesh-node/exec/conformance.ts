/**
 * May this backend earn with this model? It must reproduce the model's golden outputs within the
 * model's calibrated bounds. Failing that makes a node ineligible for the model, and says
 * nothing about its honesty: runtimes have wrong kernels.
 */
import {
  agree,
  type Backend,
  type Cid,
  cidMatches,
  cidOfBytes,
  decodeValue,
  encodeValue,
  isValueMap,
  MeshError,
  type ModelManifest,
  toleranceFor,
  type ValueMap
} from '#contracts'
import type { ExecutionEngine, InputRef } from './engine.ts'

/** Golden inputs are a few seconds of sound or one line of text: a minute is generous anywhere. */
const GOLDEN_RUN_MS_MAX = 60_000
/** The encoder and decoder of a large model, and the runtime's own needs, on top of its figure. */
const GOLDEN_MEMORY_FACTOR = 2
const GOLDEN_TOKENS_MAX = 512

export interface ConformanceRequest {
  readonly manifest: ModelManifest
  readonly files: Readonly<Record<string, string>>
  readonly engine: ExecutionEngine
  /** Bytes of a golden vector; they are checked against their content id here. */
  readonly loadBlob: (cid: Cid) => Promise<Uint8Array>
}

export interface Conformance {
  readonly ok: boolean
  /** Empty when it conforms; else which golden pair failed and how. */
  readonly reason: string
  readonly backend: Backend
}

async function loadGolden(request: ConformanceRequest, cid: Cid): Promise<ValueMap> {
  const bytes = await request.loadBlob(cid)
  if (!cidMatches(cid, bytes)) throw new MeshError('model.golden_mismatch', { cid })
  const value = decodeValue(bytes)
  if (!isValueMap(value)) throw new MeshError('model.golden_mismatch', { cid })
  return value
}

interface GoldenPair {
  readonly inputs: ValueMap
  readonly outputs: ValueMap
  readonly outputsCid: Cid
}

/** Runs one golden pair; gives the reason why it differs, or the empty string. */
async function judge(request: ConformanceRequest, golden: GoldenPair): Promise<string> {
  const { manifest, files, engine } = request
  const inputs: Record<string, InputRef> = {}
  for (const [name, value] of Object.entries(golden.inputs)) inputs[name] = { kind: 'value', value }
  const memoryMb = manifest.memory_mb * GOLDEN_MEMORY_FACTOR
  const { outputs } = await engine.execute({
    manifest,
    files,
    inputs,
    limits: { run_ms: GOLDEN_RUN_MS_MAX, memory_mb: memoryMb, max_tokens: GOLDEN_TOKENS_MAX }
  })
  const rule = toleranceFor(manifest, engine.backend.provider)
  const verdict = agree(
    rule,
    { cid: golden.outputsCid, value: golden.outputs, backendClass: 'golden' },
    { cid: cidOfBytes(encodeValue(outputs)), value: outputs, backendClass: 'golden' }
  )
  return verdict === 'agree' ? '' : `the outputs are not within ${rule.level} of the golden ones`
}

/** A run that the model or its executor failed; anything else is not the backend's doing. */
function runFailure(error: unknown): string {
  const isRun =
    error instanceof MeshError &&
    (error.code.startsWith('executor.') || error.code.startsWith('model.'))
  if (!isRun) throw error
  return error.message
}

/** Runs every golden pair. A run that fails is a reason; a blob that fails is the caller's error. */
export async function conformance(request: ConformanceRequest): Promise<Conformance> {
  const { backend } = request.engine
  if (request.manifest.golden.length === 0) {
    return { ok: false, reason: 'the manifest has no golden vectors', backend }
  }
  for (const [index, golden] of request.manifest.golden.entries()) {
    const pair = {
      inputs: await loadGolden(request, golden.inputs),
      outputs: await loadGolden(request, golden.outputs),
      outputsCid: golden.outputs
    }
    const reason = await judge(request, pair).catch(runFailure)
    if (reason !== '') return { ok: false, reason: `golden ${index}: ${reason}`, backend }
  }
  return { ok: true, reason: '', backend }
}
