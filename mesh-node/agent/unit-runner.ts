/**
 * Runs one unit: its inputs and model from the store, through the engine, its output back into the
 * store. Built-in handlers run here too, at once. Knows nothing of leases, links or attestations.
 */
import {
  assert,
  type Backend,
  type Cid,
  cidOfBytes,
  decodeValue,
  encodeValue,
  INLINE_BLOB_BYTES_MAX,
  MeshError,
  type ModelManifest,
  type PackedUnit,
  type PeerId,
  Tensor,
  type UnitInput,
  type Usage,
  type Value,
  type ValueMap,
  type WorkUnit
} from '#contracts'
import { type BuiltInOutput, builtInOf, runBuiltIn } from '#mesh-node/core'
import type { ExecutionResult, InputRef } from '#mesh-node/exec'
import type { HeldBlob } from '#mesh-node/store'
import { type Drill, forgeOutputs } from './drill.ts'
import type { ModelKeeper } from './model-keeper.ts'
import type { AgentPorts } from './ports.ts'

export const NO_USAGE: Usage = { cpu_ms: 0, gpu_ms: 0, wall_ms: 0, tokens_in: 0, tokens_out: 0 }

export interface UnitOutput extends Pick<ExecutionResult, 'usage' | 'backend'> {
  readonly cid: Cid
  /** The output itself, where it is small enough to ride beside its attestation. */
  readonly inline: Uint8Array | null
}

export interface RunOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Who has the model, should it be needed again. */
  readonly from: readonly PeerId[]
}

export interface UnitRunnerOptions {
  readonly memoryMb: number
  readonly drill: Drill | null
  /** The one that the node's hello names. */
  readonly backend: Backend
}

export class UnitRunner {
  readonly #ports: Pick<AgentPorts, 'blobs' | 'engine'>
  readonly #models: ModelKeeper
  readonly #options: UnitRunnerOptions

  constructor(
    ports: Pick<AgentPorts, 'blobs' | 'engine'>,
    { models, ...options }: UnitRunnerOptions & { readonly models: ModelKeeper }
  ) {
    this.#ports = ports
    this.#models = models
    this.#options = options
  }

  async run({ unit }: PackedUnit, { timeoutMs, signal, from }: RunOptions): Promise<UnitOutput> {
    assert(unit.model.cid !== null, 'what goes to the engine names a model')
    const { manifest, files } = await this.#models.use(unit.model.cid, from)
    const held: HeldBlob[] = []
    try {
      const inputs: Record<string, InputRef> = {}
      for (const input of unit.inputs) inputs[input.name] = await this.#input(input, held)
      const { outputs, usage, backend } = await this.#ports.engine.execute({
        manifest,
        files,
        inputs,
        limits: {
          run_ms: timeoutMs,
          memory_mb: this.#options.memoryMb,
          max_tokens: unit.budget.max_tokens
        },
        signal,
        ...this.#promised(unit, manifest)
      })
      return { usage, backend, ...(await this.#store(this.#drilled(outputs))) }
    } finally {
      for (const blob of held) blob.release()
    }
  }

  /**
   * Leases that want equal bytes were given out by the backend of the hello: where that one may run
   * the model, it does, whatever the engine prefers.
   */
  #promised(unit: WorkUnit, manifest: ModelManifest): { backend?: Backend } {
    const { backend } = this.#options
    const { engine } = this.#ports
    if (unit.verification.agreement.level !== 'class_exact') return {}
    return engine.mayRun(manifest, backend) ? { backend } : {}
  }

  /** The output of a built-in handler; inputs were read when they arrived. */
  runBuiltIn({ unit }: PackedUnit, inputs: ValueMap): BuiltInOutput {
    const handler = builtInOf(unit)
    assert(handler !== null, 'only units with a built-in handler come here')
    const output = runBuiltIn(handler, inputs)
    if (this.#options.drill === null) return output
    const bytes = encodeValue({ ...forgeOutputs(inputs), forged: true })
    return { cid: cidOfBytes(bytes), bytes }
  }

  /** The unit's inputs as values, for handlers that run here. */
  async readInputs({ unit }: PackedUnit): Promise<ValueMap> {
    const inputs: Record<string, Value> = {}
    for (const input of unit.inputs)
      inputs[input.name] = inputValue(input, await this.#bytes(input))
    return inputs
  }

  async #input(input: UnitInput, held: HeldBlob[]): Promise<InputRef> {
    const size = await this.#ports.blobs.size(input.cid)
    // so small: as a value; larger ones are read from their file over there
    if (size !== null && size <= INLINE_BLOB_BYTES_MAX) {
      return { kind: 'value', value: inputValue(input, await this.#bytes(input)) }
    }
    const blob = await this.#ports.blobs.hold(input.cid)
    if (blob === null) throw new MeshError('blob.not_found', { cid: input.cid, input: input.name })
    held.push(blob)
    const { dtype, shape } = input
    if (dtype === 'value') return { kind: 'encoded', path: blob.path }
    return { kind: 'tensor', path: blob.path, dtype, shape }
  }

  async #bytes({ cid, name }: UnitInput): Promise<Uint8Array> {
    const bytes = await this.#ports.blobs.get(cid)
    if (bytes === null) throw new MeshError('blob.not_found', { cid, input: name })
    return bytes
  }

  /** Small outputs ride beside the result and may be made again; large ones must be there to be fetched. */
  async #store(outputs: ValueMap): Promise<Pick<UnitOutput, 'cid' | 'inline'>> {
    const bytes = encodeValue(outputs)
    if (bytes.length > INLINE_BLOB_BYTES_MAX) {
      return { cid: await this.#ports.blobs.put(bytes), inline: null }
    }
    return { cid: await this.#ports.blobs.putVolatile(bytes), inline: bytes }
  }

  #drilled(outputs: ValueMap): ValueMap {
    return this.#options.drill === 'forge-outputs' ? forgeOutputs(outputs) : outputs
  }
}

function inputValue({ dtype, shape }: UnitInput, bytes: Uint8Array): Value {
  return dtype === 'value' ? decodeValue(bytes) : new Tensor(dtype, shape, bytes)
}
