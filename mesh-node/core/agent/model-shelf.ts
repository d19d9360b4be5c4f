/**
 * Which models this node may run: a model is ready after its golden vectors came out right
 * here. A refusal makes the node ineligible for that model, with its reason, and nothing more.
 */
import { AGENT_MODELS_MAX, type Cid, type PeerId } from '#contracts'
import type { AgentContext } from './agent-context.ts'
import type { InputOf } from './agent-contract.ts'
import { manifestRefusal } from './offer-rules.ts'

/** After a fault of fetching, a model is tried again this much later. */
const MODEL_RETRY_MS = 30_000

/** `reading`: its manifest is fetched; `checking`: its files and golden vectors are. */
export type ModelPhase = 'reading' | 'checking' | 'ready' | 'refused'

interface ModelEntry {
  readonly model: Cid
  /** Who named it, and serves its files. */
  readonly gateway: PeerId
  phase: ModelPhase
  /** Why it is refused; empty otherwise. */
  reason: string
  /** A refusal that may pass: not before this. */
  retryAtMs: number | null
  /** Leases that wait for it or use it. */
  held: number
}

export interface ModelView {
  readonly model: Cid
  readonly phase: ModelPhase
  readonly reason: string
}

export class ModelShelf {
  readonly #context: AgentContext
  readonly #entries = new Map<Cid, ModelEntry>()
  #ready: readonly Cid[] = []

  constructor(context: AgentContext) {
    this.#context = context
  }

  /** Models to claim, in the order in which they were first named; the same list until it changes. */
  get ready(): readonly Cid[] {
    return this.#ready
  }

  isReady(model: Cid): boolean {
    return this.#entries.get(model)?.phase === 'ready'
  }

  /** True while a check would only give the refusal again. */
  isRefused(model: Cid): boolean {
    return this.#entries.get(model)?.phase === 'refused' && !this.#mayRetry(model)
  }

  /** Somebody wants work on this model: begins its check where it is not known. False: no place. */
  need(model: Cid, gateway: PeerId): boolean {
    const entry = this.#entries.get(model)
    if (entry !== undefined && !this.#mayRetry(model)) return true
    if (entry === undefined && this.#entries.size >= AGENT_MODELS_MAX && !this.#makeRoom()) {
      return false
    }
    const held = entry?.held ?? 0
    this.#entries.set(model, {
      model,
      gateway,
      phase: 'reading',
      reason: '',
      retryAtMs: null,
      held
    })
    this.#context.out.push({ type: 'read-manifest', model, gateway })
    return true
  }

  /** A lease uses the model until `letGo`. False: no place for another model. */
  hold(model: Cid, gateway: PeerId): boolean {
    if (!this.need(model, gateway)) return false
    const entry = this.#entries.get(model)
    if (entry !== undefined) entry.held += 1
    return true
  }

  letGo(model: Cid): void {
    const entry = this.#entries.get(model)
    if (entry !== undefined) entry.held -= 1
  }

  /** The manifest says whether it is worth fetching the files. */
  manifestRead({ model, tier, memoryMb }: InputOf<'manifest-read'>): void {
    const entry = this.#entries.get(model)
    if (entry?.phase !== 'reading') return
    const reason = manifestRefusal({ tier, memoryMb }, this.#context.options)
    if (reason !== null) {
      this.#refuse(entry, reason, null)
      return
    }
    entry.phase = 'checking'
    this.#context.out.push({ type: 'check-model', model, gateway: entry.gateway })
  }

  passed(model: Cid): void {
    const entry = this.#entries.get(model)
    if (entry?.phase !== 'checking') return
    entry.phase = 'ready'
    this.#list()
  }

  refused({ model, reason, again }: InputOf<'model-refused'>): void {
    const entry = this.#entries.get(model)
    if (entry?.phase !== 'checking' && entry?.phase !== 'reading') return
    this.#refuse(entry, reason, again ? this.#context.nowMs + MODEL_RETRY_MS : null)
  }

  /** What conforms may have changed: models that were settled are checked anew, their files being here. */
  checkAgain(): void {
    for (const entry of this.#entries.values()) {
      if (entry.phase !== 'ready' && entry.phase !== 'refused') continue
      entry.phase = 'reading'
      entry.reason = ''
      entry.retryAtMs = null
      this.#context.out.push({ type: 'read-manifest', model: entry.model, gateway: entry.gateway })
    }
    this.#list()
  }

  view(): ModelView[] {
    return [...this.#entries.values()].map(({ model, phase, reason }) => ({ model, phase, reason }))
  }

  #refuse(entry: ModelEntry, reason: string, retryAtMs: number | null): void {
    entry.phase = 'refused'
    entry.reason = reason
    entry.retryAtMs = retryAtMs
    this.#list()
  }

  #mayRetry(model: Cid): boolean {
    const retryAtMs = this.#entries.get(model)?.retryAtMs ?? Number.POSITIVE_INFINITY
    return retryAtMs <= this.#context.nowMs
  }

  #list(): void {
    const ready = [...this.#entries.values()].filter((entry) => entry.phase === 'ready')
    this.#ready = ready.map((entry) => entry.model)
  }

  /** Entries stand in the order in which they were first named: the oldest idle one goes. */
  #makeRoom(): boolean {
    for (const entry of this.#entries.values()) {
      if (entry.held > 0 || entry.phase === 'checking' || entry.phase === 'reading') continue
      this.#entries.delete(entry.model)
      this.#list()
      return true
    }
    return false
  }
}
