/**
 * The engine as the owner's limits let it run: a unit waits at the gate while the machine rests, and
 * whoever shows the tab hears how far it is. A backend on which a unit ran out of time gives way to
 * the next one that conforms. Runs nothing itself.
 */
import { type Backend, type Cid, MeshError, type ModelManifest } from '#contracts'
import {
  type EngineStats,
  type ExecutionEngine,
  type ExecutionRequest,
  type ExecutionResult,
  modelId,
  type Signature,
  type Trial
} from '#mesh-node/portable'

export interface GateNews {
  readonly progress: (share: number) => void
  /** A unit or a golden run kept the machine busy for so long, whatever came of it. */
  readonly ran: (run: {
    readonly ranMs: number
    readonly isUnit: boolean
    readonly ok: boolean
  }) => void
  /** The model runs on another backend from here on, and why. */
  readonly demoted: (model: Cid, trial: Trial) => void
  readonly nowMs: () => number
}

export class GatedEngine implements ExecutionEngine {
  readonly #engine: ExecutionEngine
  readonly #news: GateNews
  #gate: PromiseWithResolvers<void> | null = null

  constructor(engine: ExecutionEngine, news: GateNews) {
    this.#engine = engine
    this.#news = news
  }

  setOpen(isOpen: boolean): void {
    if (isOpen) {
      this.#gate?.resolve()
      this.#gate = null
    } else this.#gate ??= Promise.withResolvers<void>()
  }

  get backends(): readonly Backend[] {
    return this.#engine.backends
  }

  backendFor(manifest: ModelManifest): Backend | null {
    return this.#engine.backendFor(manifest)
  }

  mayRun(manifest: ModelManifest, backend: Backend): boolean {
    return this.#engine.mayRun(manifest, backend)
  }

  settle(manifest: ModelManifest, trials: readonly Trial[]): void {
    this.#engine.settle(manifest, trials)
  }

  async execute(request: ExecutionRequest): Promise<ExecutionResult> {
    await this.#pass(request.signal)
    // golden runs are never withdrawn, so they carry no signal
    const isUnit = request.signal !== undefined
    const { nowMs, ran, progress } = this.#news
    const startedMs = nowMs()
    if (isUnit) progress(0)
    let ok = false
    try {
      const result = await this.#engine.execute(
        isUnit ? { ...request, onProgress: progress } : request
      )
      ok = true
      return result
    } catch (error) {
      if (isUnit && isOutOfTime(error)) this.#demote(request)
      throw error
    } finally {
      ran({ ranMs: nowMs() - startedMs, isUnit, ok })
    }
  }

  warm(manifest: ModelManifest, files: Readonly<Record<string, string>>): Promise<void> {
    return this.#engine.warm(manifest, files)
  }

  describe(path: string): Promise<Signature> {
    return this.#engine.describe(path)
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  stats(): EngineStats {
    return this.#engine.stats()
  }

  /** Golden vectors say that a backend is right, not that it is fast enough for real units. */
  #demote({ manifest, backend }: ExecutionRequest): void {
    const used = backend ?? this.#engine.backendFor(manifest)
    const next = this.#engine.backends.find(
      (one) => one.provider !== used?.provider && this.#engine.mayRun(manifest, one)
    )
    if (used === null || next === undefined) return
    const trial = { backend: used, ok: false, reason: 'a unit took longer on it than it may' }
    this.#engine.settle(manifest, [trial])
    this.#news.demoted(modelId(manifest), trial)
  }

  /** Waits for the gate, or until the run is withdrawn: the engine then refuses it at once. */
  async #pass(signal: AbortSignal | undefined): Promise<void> {
    while (this.#gate !== null && signal?.aborted !== true) {
      const withdrawn = Promise.withResolvers<void>()
      const leave = () => withdrawn.resolve()
      signal?.addEventListener('abort', leave)
      await Promise.race([this.#gate.promise, withdrawn.promise])
      signal?.removeEventListener('abort', leave)
    }
  }
}

const isOutOfTime = (error: unknown): boolean =>
  error instanceof MeshError && error.code === 'executor.timed_out'
