/**
 * Studio: KORA on this machine alone. Brings together blobs, cache, registry and a pool of executors
 * for graphs that run here, with no node, ledger, trust or network behind them; none of that is even
 * loaded.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TaskGraph, ValueMap } from '#contracts'
import { type Cid, cidMatches, type EventDraft, MeshError, type StageRecord } from '#contracts'
import { type ExecutionEngine, ExecutorPool } from '#mesh-node/exec'
import { DiskBlobStore } from '#mesh-node/store'
import { DiskResultCache } from '../cache/result-cache.ts'
import { freshRequestId, SYSTEM_CLOCK } from '../drivers/system-clock.ts'
import { runHandler } from '../handlers/index.ts'
import { ModelRegistry } from '../registry/model-registry.ts'
import type { SessionProgress } from '../session/progress.ts'
import { runSession } from '../session/session-driver.ts'
import type { SessionResult } from '../session/session-result.ts'
import { SessionJudge } from '../verify/judge.ts'
import { LocalEngine } from './local-engine.ts'
import type { UnitFiles } from './run-once.ts'

export interface StudioOptions {
  /** Folder of blobs and finished work. */
  readonly dataDir: string
  /** Folder of added models; `models` in `dataDir` where absent. */
  readonly modelsDir?: string
  /** Runs at once; one per core but one where absent. */
  readonly slots?: number
  /** Where absent, a pool of executors that `close` ends. */
  readonly engine?: ExecutionEngine
}

export interface StudioRun {
  readonly graph: TaskGraph
  readonly inputs: ValueMap
  readonly requestId?: string
  /** false: units that were run before are run again. */
  readonly useCache?: boolean
  readonly onProgress?: (progress: SessionProgress) => void
  readonly onEvent?: (event: EventDraft) => void
  readonly onStage?: (record: StageRecord) => void
  readonly signal?: AbortSignal
}

export class Studio {
  readonly blobs: DiskBlobStore
  readonly cache: DiskResultCache
  readonly registry: ModelRegistry
  readonly engine: ExecutionEngine
  readonly #judge = new SessionJudge()
  readonly #checked = new Set<string>()

  private constructor(parts: Pick<Studio, 'blobs' | 'cache' | 'registry' | 'engine'>) {
    this.blobs = parts.blobs
    this.cache = parts.cache
    this.registry = parts.registry
    this.engine = parts.engine
  }

  static async open({ dataDir, modelsDir, slots, engine }: StudioOptions): Promise<Studio> {
    const blobs = await DiskBlobStore.open(join(dataDir, 'blobs'))
    const cache = await DiskResultCache.open(join(dataDir, 'cache'))
    const registry = await ModelRegistry.open(modelsDir ?? join(dataDir, 'models'))
    const inputRoots = [blobs.dir]
    const pool = new ExecutorPool(slots === undefined ? { inputRoots } : { inputRoots, slots })
    return new Studio({ blobs, cache, registry, engine: engine ?? pool })
  }

  run({ useCache = true, ...options }: StudioRun): Promise<SessionResult> {
    return runSession(options, {
      fabric: (emit) =>
        new LocalEngine({
          engine: this.engine,
          files: this.#files(),
          judge: this.#judge.judge,
          clock: SYSTEM_CLOCK,
          emit
        }),
      blobs: this.blobs,
      cache: useCache ? this.cache : null,
      handle: (handler, args) => runHandler(handler, args),
      models: this.registry,
      judge: this.#judge,
      clock: SYSTEM_CLOCK,
      freshId: freshRequestId
    })
  }

  /** Ends the executors; none is left behind. */
  close(): Promise<void> {
    return this.engine.close()
  }

  #files(): UnitFiles {
    return {
      has: (cid) => this.blobs.has(cid),
      get: (cid) => this.blobs.get(cid),
      put: (bytes) => this.blobs.put(bytes),
      hold: (cid) => this.blobs.hold(cid),
      model: (cid) => this.#model(cid)
    }
  }

  async #model(cid: Cid): ReturnType<UnitFiles['model']> {
    const model = this.registry.find(cid)
    if (model === undefined) throw new MeshError('model.not_registered', { model: cid })
    const { manifest, files } = model
    for (const file of manifest.files) {
      const path = files[file.name]
      if (path === undefined) throw new MeshError('model.file_missing', { file: file.name })
      if (this.#checked.has(path)) continue
      if (!cidMatches(file.cid, await readFile(path)))
        throw new MeshError('blob.mismatch', { cid: file.cid, file: path })
      this.#checked.add(path)
    }
    return { manifest, files }
  }
}
