/** The models of a tab for people: names, how much of each is here, and which backend passed or why none did. */
import type { Cid, ModelManifest, NoticedModel } from '#contracts'
import type { AgentStatus } from '#mesh-node/core'
import type { Trial } from '#mesh-node/portable'
import type { ModelView } from '../tab-contract.ts'

type AgentModel = AgentStatus['models'][number]

interface Named {
  readonly name: string
  readonly files: readonly { readonly cid: Cid; readonly bytes: number }[]
}

export class TabModels {
  readonly #named = new Map<Cid, Named>()
  /** From the mesh's notice, which comes before any manifest. */
  readonly #noticed = new Map<Cid, NoticedModel>()
  readonly #trials = new Map<Cid, readonly Trial[]>()
  readonly #fetchedBytes = new Map<Cid, number>()

  named(model: Cid, { name, files }: ModelManifest): void {
    this.#named.set(model, { name, files })
  }

  noticed(models: readonly NoticedModel[]): void {
    for (const model of models) this.#noticed.set(model.cid, model)
  }

  tried(model: Cid, trials: readonly Trial[]): void {
    this.#trials.set(model, trials)
  }

  /** A backend that had passed is not used any more. */
  demoted(model: Cid, trial: Trial): void {
    const others = (this.#trials.get(model) ?? []).filter(
      ({ backend }) => backend.provider !== trial.backend.provider
    )
    this.#trials.set(model, [...others, trial])
  }

  /** So many bytes of a blob are here by now. */
  fetched(blob: Cid, bytes: number): void {
    this.#fetchedBytes.set(blob, bytes)
  }

  unnamed(models: readonly AgentModel[]): readonly Cid[] {
    return models.map(({ model }) => model).filter((model) => !this.#named.has(model))
  }

  nameOf(model: Cid | null): string | null {
    if (model === null) return null
    const known = this.#named.get(model) ?? this.#noticed.get(model)
    return known?.name ?? `${model.slice(0, 12)}…`
  }

  /** The provider on which the model runs; null before it passed. */
  providerOf(model: Cid): ModelView['provider'] {
    const passed = this.#trials.get(model)?.find(({ ok }) => ok)?.backend.provider
    return passed === 'webgpu' || passed === 'wasm' ? passed : null
  }

  views(models: readonly AgentModel[], held: ReadonlyMap<Cid, number>): readonly ModelView[] {
    return models.map(({ model, phase, reason }) => {
      const files = this.#named.get(model)?.files ?? []
      const manifestBytes = files.reduce((sum, file) => sum + file.bytes, 0)
      const bytes = files.length > 0 ? manifestBytes : (this.#noticed.get(model)?.bytes ?? 0)
      const heldOf = ({ cid }: { cid: Cid }) => held.get(cid) ?? this.#fetchedBytes.get(cid) ?? 0
      const bytesHeld = files.reduce((sum, file) => sum + heldOf(file), 0)
      const isHere = files.length > 0 && bytesHeld >= bytes
      const busy = isHere ? 'checking' : 'fetching'
      return {
        cid: model,
        name: this.nameOf(model) ?? '',
        bytes,
        bytesHeld: Math.min(bytes, bytesHeld),
        state: phase === 'ready' || phase === 'refused' ? phase : busy,
        provider: this.providerOf(model),
        reason: phase === 'refused' ? reason : this.#refusals(model)
      }
    })
  }

  /** Why a backend is not used, where another one is. */
  #refusals(model: Cid): string {
    const failed = (this.#trials.get(model) ?? []).filter(({ ok }) => !ok)
    return failed.map(({ backend, reason }) => `${backend.provider}: ${reason}`).join('; ')
  }
}
