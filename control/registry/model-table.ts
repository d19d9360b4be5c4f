/**
 * Models by name: what a graph may ask for. Pure look-ups; files and folders are the registry's.
 */
import { type Cid, cidOfDocument, encodeManifest, type ModelManifest } from '#contracts'

export interface RegisteredModel {
  /** Content id of the manifest: "the model" everywhere else. */
  readonly cid: Cid
  readonly manifest: ModelManifest
}

export interface ModelTable {
  /** By registry name or by content id. */
  find(model: string): RegisteredModel | undefined
}

/** A table over manifests at hand; of two with one name the last stands. */
export function modelTable(manifests: Iterable<ModelManifest>): ModelTable {
  const models = new Map<string, RegisteredModel>()
  for (const manifest of manifests) {
    const registered = { cid: cidOfDocument(encodeManifest(manifest)), manifest }
    models.set(manifest.name, registered)
    models.set(registered.cid, registered)
  }
  return { find: (model) => models.get(model) }
}
