/**
 * The models that graphs on this machine may name: those that come with the package, and those that
 * were added, each a folder of files by content id with its manifest beside them. Entries are written
 * whole or not at all. Runs no model; who uses a file checks its hash.
 */
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Cid,
  cidMatches,
  cidOfDocument,
  decodeManifest,
  MeshError,
  type ModelManifest
} from '#contracts'
import { builtinModels, type RegisteredModel } from '../models/builtin.ts'
import type { DescribedModel } from '../models/describe-onnx.ts'
import type { ModelTable } from './model-table.ts'

const MANIFEST = 'manifest.cbor'

/** What a look at the folder found: models that others added, and folders that hold none. */
export interface RegistryChange {
  readonly added: readonly RegisteredModel[]
  readonly faults: readonly MeshError[]
}

export class ModelRegistry implements ModelTable {
  readonly #dir: string
  readonly #models = new Map<string, RegisteredModel>()
  /** Folders that were read, sound or not. */
  readonly #folders = new Set<string>()

  private constructor(dir: string) {
    this.#dir = dir
    for (const model of builtinModels()) this.#register(model)
  }

  /** Opens or makes the registry in a folder. */
  static async open(dir: string): Promise<ModelRegistry> {
    await mkdir(dir, { recursive: true })
    const registry = new ModelRegistry(dir)
    const { faults } = await registry.refresh()
    const [fault] = faults
    if (fault !== undefined) throw fault
    return registry
  }

  /** Takes in what other processes added since, and lets go of what they took away. */
  async refresh(): Promise<RegistryChange> {
    const entries = await readdir(this.#dir, { withFileTypes: true })
    const found = entries
      .filter((entry) => entry.isDirectory() && entry.name.startsWith('baf'))
      .map(({ name }) => name)
      .sort()
    const fresh = found.filter((name) => !this.#folders.has(name))
    const gone = [...this.#folders].filter((name) => !found.includes(name))
    for (const name of gone) this.#forget(name)
    const added: RegisteredModel[] = []
    const faults: MeshError[] = []
    for (const name of fresh) {
      try {
        added.push(this.#register(await readEntry(join(this.#dir, name), name)))
      } catch (error) {
        if (!(error instanceof MeshError)) throw error
        faults.push(error)
      }
      this.#folders.add(name)
    }
    return { added, faults }
  }

  /** By registry name or content id. */
  find(model: string): RegisteredModel | undefined {
    return this.#models.get(model)
  }

  /** Each model once, by name. */
  list(): readonly RegisteredModel[] {
    const models = new Set([...this.#models.values()])
    return [...models].sort((a, b) => (a.manifest.name < b.manifest.name ? -1 : 1))
  }

  /** Keeps a described model: its files are copied, and a model of the same name gives way. */
  async add(described: DescribedModel): Promise<RegisteredModel> {
    const { manifest, cid } = described
    if (builtinModels().some((builtin) => builtin.manifest.name === manifest.name))
      throw new MeshError('model.name_taken', { name: manifest.name })
    const before = this.#models.get(manifest.name)
    const temporary = join(this.#dir, `.${cid}.${process.pid}`)
    try {
      await writeEntry(temporary, described)
      await rm(join(this.#dir, cid), { recursive: true, force: true })
      await rename(temporary, join(this.#dir, cid))
    } catch (error) {
      await rm(temporary, { recursive: true, force: true })
      throw error
    }
    const model = this.#register(await readEntry(join(this.#dir, cid), cid))
    this.#folders.add(cid)
    if (before !== undefined && before.cid !== cid) {
      this.#forget(before.cid)
      await rm(join(this.#dir, before.cid), { recursive: true, force: true })
    }
    return model
  }

  /** For a model whose files turn out to be others than its manifest says: graphs may not name it. */
  leaveOut(cid: Cid): void {
    this.#forget(cid)
    this.#folders.add(cid)
  }

  #register(model: RegisteredModel): RegisteredModel {
    this.#models.set(model.manifest.name, model)
    this.#models.set(model.cid, model)
    return model
  }

  /** The name may be another model's by now. */
  #forget(cid: string): void {
    this.#folders.delete(cid)
    const model = this.#models.get(cid)
    if (model === undefined) return
    this.#models.delete(cid)
    const { name } = model.manifest
    if (this.#models.get(name)?.cid === cid) this.#models.delete(name)
  }
}

async function writeEntry(folder: string, described: DescribedModel): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const file of described.manifest.files) {
    const from = described.files[file.name]
    if (from === undefined) throw new MeshError('model.file_missing', { file: file.name })
    await copyFile(from, join(folder, file.cid))
    if (!cidMatches(file.cid, await readFile(join(folder, file.cid))))
      throw new MeshError('blob.mismatch', { cid: file.cid, file: file.name })
  }
  for (const blob of described.blobs) await writeFile(join(folder, blob.cid), blob.bytes)
  await writeFile(join(folder, MANIFEST), described.manifestBytes)
}

async function readEntry(folder: string, cid: string): Promise<RegisteredModel> {
  let manifestBytes: Uint8Array
  try {
    manifestBytes = await readFile(join(folder, MANIFEST))
  } catch (error) {
    throw new MeshError('model.registry_corrupted', { folder }, { cause: error })
  }
  const own: Cid = cidOfDocument(manifestBytes)
  // bytes of another id are not worth reading
  if (own !== cid) throw new MeshError('model.registry_corrupted', { folder, holds: own })
  const manifest = decodeManifest(manifestBytes)
  return {
    manifest,
    cid: own,
    manifestBytes,
    files: Object.fromEntries(manifest.files.map((file) => [file.name, join(folder, file.cid)])),
    blobs: contentOf(manifest).map((blob) => ({ cid: blob, path: join(folder, blob) }))
  }
}

const contentOf = (manifest: ModelManifest): Cid[] => [
  ...manifest.files.map((file) => file.cid),
  ...manifest.golden.flatMap(({ inputs, outputs }) => [inputs, outputs])
]
