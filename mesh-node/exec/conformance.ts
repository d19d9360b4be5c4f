/**
 * May this node earn with this model, and on which of its backends? A backend must reproduce the
 * model's golden outputs within the model's calibrated bounds. Failing that makes it ineligible for
 * the model, and says nothing about its owner's honesty: runtimes have wrong kernels.
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
import type { ExecutionEngine, InputRef, Trial } from './engine.ts'
import { type TrialRecord, trialKey } from './trials.ts'

/**
 * Golden inputs are a few seconds of sound or one line of text; a GPU compiles its shaders in the first
 * run, which took up to a minute on a busy machine with an adapter in software.
 */
const GOLDEN_RUN_MS_MAX = 120_000
/** The encoder and decoder of a large model, and the runtime's own needs, on top of its figure. */
const GOLDEN_MEMORY_FACTOR = 2
const GOLDEN_TOKENS_MAX = 512

/** The runtime cannot take the model at all; whatever else fails a run may be of this hour. */
const LASTING: ReadonlySet<string> = new Set(['model.not_onnx', 'model.unsupported'])

export interface ConformanceRequest {
  readonly manifest: ModelManifest
  readonly files: Readonly<Record<string, string>>
  readonly engine: ExecutionEngine
  /** Bytes of a golden vector; they are checked against their content id here. */
  readonly loadBlob: (cid: Cid) => Promise<Uint8Array>
  /** Outcomes of before; absent: every backend is tried anew. */
  readonly record?: TrialRecord
}

export interface Conformance {
  /** One backend or more conforms. */
  readonly ok: boolean
  /** Empty where one conforms; else why none does. */
  readonly reason: string
  /** The one that runs the model; null where none may. */
  readonly backend: Backend | null
  /** Of every backend that is switched on, the preferred first. */
  readonly trials: readonly Trial[]
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
async function judge(
  request: ConformanceRequest,
  backend: Backend,
  golden: GoldenPair
): Promise<string> {
  const { manifest, files, engine } = request
  const inputs: Record<string, InputRef> = {}
  for (const [name, value] of Object.entries(golden.inputs)) inputs[name] = { kind: 'value', value }
  const memoryMb = manifest.memory_mb * GOLDEN_MEMORY_FACTOR
  const { outputs } = await engine.execute({
    manifest,
    files,
    inputs,
    backend,
    limits: { run_ms: GOLDEN_RUN_MS_MAX, memory_mb: memoryMb, max_tokens: GOLDEN_TOKENS_MAX }
  })
  const rule = toleranceFor(manifest, backend.provider)
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
  if (!isRun || error.code === 'executor.no_backend') throw error
  return error.message
}

/** Runs every golden pair on one backend; the outcome may be kept where a repeat would give it again. */
async function attempt(request: ConformanceRequest, backend: Backend): Promise<Trial> {
  const { record, manifest } = request
  const key = trialKey(manifest, backend)
  const known = await record?.read(key)
  if (known !== undefined) return { backend, ...known }
  let mayKeep = true
  for (const [index, golden] of manifest.golden.entries()) {
    const pair = {
      inputs: await loadGolden(request, golden.inputs),
      outputs: await loadGolden(request, golden.outputs),
      outputsCid: golden.outputs
    }
    const reason = await judge(request, backend, pair).catch((error: unknown) => {
      mayKeep = error instanceof MeshError && LASTING.has(error.code)
      return runFailure(error)
    })
    if (reason === '') continue
    const failed = { ok: false, reason: `golden ${index}: ${reason}` }
    if (mayKeep) await record?.write(key, failed)
    return { backend, ...failed }
  }
  await record?.write(key, { ok: true, reason: '' })
  return { backend, ok: true, reason: '' }
}

/**
 * Tries every backend that is switched on and tells the engine how it went. A run that fails is a
 * reason; a blob that fails is the caller's error, and so is an engine that is switched off.
 */
export async function conformance(request: ConformanceRequest): Promise<Conformance> {
  const { manifest, engine } = request
  if (manifest.golden.length === 0) {
    const reason = 'the manifest has no golden vectors'
    return { ok: false, reason, backend: null, trials: [] }
  }
  const trials: Trial[] = []
  for (const backend of engine.backends) trials.push(await attempt(request, backend))
  if (trials.length === 0) throw new MeshError('executor.no_backend', { model: manifest.name })
  engine.settle(manifest, trials)
  const ok = trials.find((trial) => trial.ok)
  return { ok: ok !== undefined, backend: ok?.backend ?? null, reason: reasonOf(trials), trials }
}

/** Empty where one conforms; names the providers where more than one had to be asked. */
function reasonOf(trials: readonly Trial[]): string {
  if (trials.some(({ ok }) => ok)) return ''
  const [only] = trials
  if (trials.length === 1 && only !== undefined) return only.reason
  return trials.map(({ backend, reason }) => `${backend.provider}: ${reason}`).join('; ')
}
