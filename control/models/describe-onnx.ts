/**
 * Makes a manifest for any ONNX file: `kora models add my.onnx`. Reads the signature in an executor
 * process, runs the model on given or drawn inputs, and keeps what came out as golden vectors with
 * the cost that was measured. Refuses models that no drawn input fits: their owner must give one.
 */
import { readFile } from 'node:fs/promises'
import {
  type Agreement,
  type Cid,
  cidDigest,
  cidOfBytes,
  cidOfDocument,
  encodeManifest,
  encodeValue,
  MeshError,
  type ModelManifest,
  Tensor,
  type ValueMap
} from '#contracts'
import type { ExecutionEngine, ExecutionResult, InputRef, Signature } from '#mesh-node/exec'
import { DRAWN_SIZES, drawInputs } from './draw-inputs.ts'

export interface DescribeOptions {
  readonly path: string
  readonly name: string
  readonly licence: string
  readonly engine: ExecutionEngine
  /** Inputs to make golden vectors from; drawn from the file's hash where there are none. */
  readonly inputs?: readonly ValueMap[]
  readonly tier?: ModelManifest['tier']
}

export interface DescribedModel {
  readonly manifest: ModelManifest
  readonly cid: Cid
  readonly manifestBytes: Uint8Array
  readonly files: Readonly<Record<string, string>>
  /** The golden vectors, to be stored beside the model file. */
  readonly blobs: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]
}

const FILE_NAME = 'model.onnx'
const LIMITS = { run_ms: 60_000, memory_mb: 8_192, max_tokens: 0 } as const
/** Parsed weights, the optimised graph and the run's own tensors, over the size of the file. */
const MEMORY_FACTOR = 4
const MEMORY_BASE_MB = 256
/** Figures seen on right results of other backends (fp32 features): never purely relative. */
const NUMERIC: Agreement = { level: 'numeric', rtol: 1e-4, atol: 3e-5 }
/** The first run compiles and fills caches; the cheapest of the rest is the cost. */
const TIMED_RUNS = 3
const GOLDEN_MAX = 16

interface Measured {
  readonly inputs: ValueMap
  readonly result: ExecutionResult
  readonly inputKib: number
}

function refs(inputs: ValueMap): Record<string, InputRef> {
  const named: Record<string, InputRef> = {}
  for (const [name, value] of Object.entries(inputs)) named[name] = { kind: 'value', value }
  return named
}

function bytesOf(inputs: ValueMap): number {
  let bytes = 0
  for (const value of Object.values(inputs)) if (value instanceof Tensor) bytes += value.data.length
  return bytes
}

async function measure(
  options: DescribeOptions,
  manifest: ModelManifest,
  inputs: ValueMap
): Promise<Measured> {
  const files = { [FILE_NAME]: options.path }
  const request = { manifest, files, inputs: refs(inputs), limits: LIMITS }
  let result = await options.engine.execute(request)
  for (let run = 1; run < TIMED_RUNS; run++) {
    const next = await options.engine.execute(request)
    if (next.usage.wall_ms < result.usage.wall_ms) result = next
  }
  return { inputs, result, inputKib: bytesOf(inputs) / 1024 }
}

/** Draws inputs with one size after another for the axes that the model leaves open. */
async function measureDrawn(
  options: DescribeOptions,
  manifest: ModelManifest,
  signature: Signature
): Promise<Measured> {
  const seed = cidDigest(manifest.files[0]?.cid ?? cidOfBytes(new Uint8Array(0)))
  let refusal: MeshError | undefined
  for (const size of DRAWN_SIZES) {
    try {
      return await measure(options, manifest, drawInputs(signature.inputs, size, seed))
    } catch (error) {
      if (!(error instanceof MeshError) || !error.code.startsWith('model.')) throw error
      refusal ??= error
    }
  }
  const reason = refusal?.message.slice(0, 200) ?? ''
  throw new MeshError('model.inputs_needed', { model: options.name, reason }, { cause: refusal })
}

/** Cost grows with the input; what a run costs on none is a tenth of a millisecond. */
function costOf(measured: readonly Measured[]): ModelManifest['cost'] {
  const base = 100
  const perKib = measured.map(({ result, inputKib }) => {
    const microseconds = Math.max(0, result.usage.wall_ms * 1_000 - base)
    return microseconds / Math.max(1, inputKib)
  })
  return { base_us: base, us_per_kib: Math.ceil(Math.max(0, ...perKib)) }
}

function draft(options: DescribeOptions, bytes: Uint8Array, signature: Signature): ModelManifest {
  const ports = (list: Signature['inputs']): ModelManifest['inputs'] =>
    list.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] }))
  return {
    version: 1,
    name: options.name,
    licence: options.licence,
    source: `file:${options.path.split(/[/\\]/).at(-1) ?? FILE_NAME}`,
    runner: 'tensor',
    tier: options.tier ?? 'small',
    files: [{ name: FILE_NAME, cid: cidOfBytes(bytes), bytes: bytes.length }],
    inputs: ports(signature.inputs),
    outputs: ports(signature.outputs),
    settings: {},
    golden: [],
    tolerances: {},
    cost: { base_us: 0, us_per_kib: 0 },
    memory_mb: MEMORY_BASE_MB + Math.ceil((MEMORY_FACTOR * bytes.length) / 1_048_576)
  }
}

/** Describes an ONNX file; takes as long as a few runs of it. */
export async function describeOnnx(options: DescribeOptions): Promise<DescribedModel> {
  const bytes = await readFile(options.path)
  const signature = await options.engine.describe(options.path)
  const first = draft(options, bytes, signature)
  const measured: Measured[] = []
  for (const inputs of (options.inputs ?? []).slice(0, GOLDEN_MAX)) {
    measured.push(await measure(options, first, inputs))
  }
  if (measured.length === 0) measured.push(await measureDrawn(options, first, signature))
  const pairs = measured.map(({ inputs, result }) => {
    const [given, answered] = [encodeValue(inputs), encodeValue(result.outputs)]
    return { given, answered, cids: { inputs: cidOfBytes(given), outputs: cidOfBytes(answered) } }
  })
  const hasFloats = signature.outputs.some(({ dtype }) => dtype.startsWith('float'))
  const manifest: ModelManifest = {
    ...first,
    golden: pairs.map(({ cids }) => cids),
    tolerances: { '*': hasFloats ? NUMERIC : { level: 'label' } },
    cost: costOf(measured)
  }
  const manifestBytes = encodeManifest(manifest)
  return {
    manifest,
    cid: cidOfDocument(manifestBytes),
    manifestBytes,
    files: { [FILE_NAME]: options.path },
    blobs: pairs.flatMap(({ given, answered, cids }) => [
      { cid: cids.inputs, bytes: given },
      { cid: cids.outputs, bytes: answered }
    ])
  }
}
