/**
 * The slow work of the agent: blobs, models and runs. Each is begun by an effect and answered with one
 * input, whatever happens. Our own mistakes and a full disk are thrown; all else becomes an answer.
 */
import {
  type Cid,
  type FailureClass,
  INLINE_BLOB_BYTES_MAX,
  isDiskFault,
  type LeaseId,
  MeshError,
  type PeerId,
  type ValueMap
} from '#contracts'
import { type AgentEffect, type BuiltInItem, builtInOf, type RunResult } from '#mesh-node/core'
import type { AgentDriverOptions, Feed } from './driver-options.ts'
import { ModelKeeper } from './model-keeper.ts'
import type { AgentPorts } from './ports.ts'
import type { ResultSender } from './result-sender.ts'
import { NO_USAGE, UnitRunner } from './unit-runner.ts'

type EffectOf<T extends AgentEffect['type']> = Extract<AgentEffect, { readonly type: T }>

const DONE = Promise.resolve()

export interface WorkBenchParts {
  readonly results: ResultSender
  readonly feed: Feed
}

export class WorkBench {
  readonly #options: AgentDriverOptions
  readonly #ports: AgentPorts
  readonly #results: ResultSender
  readonly #feed: Feed
  readonly #models: ModelKeeper
  readonly #runner: UnitRunner
  readonly #runs = new Map<LeaseId, AbortController>()
  /** Inputs of built-in units, read when they arrived. */
  readonly #inputs = new Map<LeaseId, ValueMap>()

  constructor(options: AgentDriverOptions, ports: AgentPorts, { results, feed }: WorkBenchParts) {
    this.#options = options
    this.#ports = ports
    this.#results = results
    this.#feed = feed
    this.#models = new ModelKeeper(ports)
    const { drill, runMemoryMb: memoryMb, descriptor } = options
    const { backend } = descriptor
    this.#runner = new UnitRunner(ports, { models: this.#models, memoryMb, drill, backend })
  }

  async fetch({ lease, unit, gateway, cids }: EffectOf<'fetch'>): Promise<void> {
    try {
      const sources = this.#sources(gateway)
      await Promise.all(cids.map((cid) => this.#ports.fetchBlob(cid, sources)))
      if (builtInOf(unit.unit) !== null) {
        this.#inputs.set(lease, await this.#runner.readInputs(unit))
      }
    } catch (error) {
      this.#feed({ type: 'blobs-failed', lease, ...failureOf(error) })
      return
    }
    this.#feed({ type: 'blobs-ready', lease })
  }

  async readManifest({ model, gateway }: EffectOf<'read-manifest'>): Promise<void> {
    try {
      const manifest = await this.#models.readManifest(model, this.#sources(gateway))
      const { tier, memory_mb: memoryMb } = manifest
      this.#feed({ type: 'manifest-read', model, tier, memoryMb })
    } catch (error) {
      this.#refuseModel(model, error)
    }
  }

  async checkModel({ model, gateway }: EffectOf<'check-model'>): Promise<void> {
    try {
      const { ok, reason, trials } = await this.#models.check(model, this.#sources(gateway))
      this.#ports.report({ type: 'model', model, ok, reason, trials })
      if (ok) this.#feed({ type: 'model-ready', model })
      else this.#feed({ type: 'model-refused', model, reason: reason.slice(0, 200), again: false })
    } catch (error) {
      this.#refuseModel(model, error)
    }
  }

  async execute({ lease, unit, timeoutMs }: EffectOf<'execute'>): Promise<void> {
    const abort = new AbortController()
    this.#runs.set(lease, abort)
    const startedMs = this.#ports.clock.nowMs()
    try {
      const from = this.#ports.network.peers()
      const output = await this.#runner.run(unit, { timeoutMs, signal: abort.signal, from })
      const { cid: outputCid, usage, backend, inline } = output
      this.#runs.delete(lease)
      this.#results.keep(lease, inline)
      const finishedMs = this.#ports.clock.nowMs()
      const result = { lease, outputCid, usage, backend, startedMs, finishedMs }
      this.#finished([result])
    } catch (error) {
      this.#runs.delete(lease)
      const failure = failureOf(error)
      this.#ports.report({ type: 'run-failed', lease, ...failure })
      this.#feed({ type: 'failed', lease, class: classOf(failure.code), ...failure })
    }
  }

  kill(lease: LeaseId): void {
    this.#runs.get(lease)?.abort()
  }

  /** All but large outputs are answered before this returns, as one input. */
  runBuiltIn(items: readonly BuiltInItem[]): Promise<void> {
    const results: RunResult[] = []
    const large: Promise<void>[] = []
    for (const { lease, unit } of items) {
      const { cid: outputCid, bytes } = this.#runner.runBuiltIn(unit, this.#inputs.get(lease) ?? {})
      const result = this.#builtInResult(lease, outputCid)
      if (bytes.length > INLINE_BLOB_BYTES_MAX) {
        large.push(this.#storeLarge(result, bytes))
        continue
      }
      this.#results.keep(lease, bytes)
      results.push(result)
    }
    if (results.length > 0) this.#finished(results)
    return large.length === 0 ? DONE : Promise.all(large).then(() => undefined)
  }

  #finished(results: readonly RunResult[]): void {
    this.#ports.report({ type: 'ran', results })
    this.#feed({ type: 'finished', results })
  }

  #builtInResult(lease: LeaseId, outputCid: Cid): RunResult {
    const { backend } = this.#options.descriptor
    const nowMs = this.#ports.clock.nowMs()
    return { lease, outputCid, usage: NO_USAGE, backend, startedMs: nowMs, finishedMs: nowMs }
  }

  /** A large output must be there to be fetched before anybody hears of it. */
  async #storeLarge(result: RunResult, bytes: Uint8Array): Promise<void> {
    const { lease } = result
    try {
      await this.#ports.blobs.put(bytes)
      this.#results.keep(lease, null)
      this.#finished([result])
    } catch (error) {
      const failure = failureOf(error)
      this.#ports.report({ type: 'run-failed', lease, ...failure })
      this.#feed({ type: 'failed', lease, class: 'execution', ...failure })
    }
  }

  forget(lease: LeaseId): void {
    this.#results.forget(lease)
    this.#inputs.delete(lease)
  }

  stop(): void {
    for (const run of this.#runs.values()) run.abort()
    this.#models.close()
  }

  /** What could not be fetched or kept may be there later; what cannot be read stays so. */
  #refuseModel(model: Cid, error: unknown): void {
    const { code, detail } = failureOf(error)
    this.#ports.report({ type: 'model', model, ok: false, reason: detail, trials: [] })
    const again = !code.startsWith('model.')
    this.#feed({ type: 'model-refused', model, reason: detail.slice(0, 200), again })
  }

  /** The gateway first: it holds the inputs of its units. */
  #sources(gateway: PeerId): PeerId[] {
    const others = this.#ports.network.peers().filter((peer) => peer !== gateway)
    return [gateway, ...others]
  }
}

/** A typed failure as data; our own mistakes, and a disk that keeps nothing more, are thrown on. */
function failureOf(error: unknown): { code: string; detail: string } {
  if (!(error instanceof MeshError) || isDiskFault(error)) throw error
  return { code: error.code, detail: error.message.slice(0, 500) }
}

function classOf(code: string): FailureClass {
  if (code === 'executor.timed_out') return 'timeout'
  const isInput = code.startsWith('model.input_') || code.startsWith('model.wrong_')
  return isInput ? 'validation' : 'execution'
}
