/**
 * The models that this node works with: manifests by content id, files held in the store while they
 * are in use, and the check that a model gives its golden outputs here. One check at a time.
 */
import { type Cid, decodeManifest, MeshError, type ModelManifest, type PeerId } from '#contracts'
import type { HeldBlob } from '#mesh-node/store'
import { type Conformance, conformance } from '../exec/conformance.ts'
import type { AgentPorts } from './ports.ts'

/** Models whose files are held at once: more than the executors keep warm. */
const MODELS_HELD_MAX = 16

export interface HeldModel {
  readonly manifest: ModelManifest
  /** Path of each file that the manifest names. */
  readonly files: Readonly<Record<string, string>>
}

interface Entry extends HeldModel {
  readonly blobs: readonly HeldBlob[]
}

type Ports = Pick<AgentPorts, 'blobs' | 'engine' | 'fetchBlob' | 'trials'>

export class ModelKeeper {
  readonly #ports: Ports
  /** In order of last use. */
  readonly #held = new Map<Cid, Entry>()
  #lastCheck: Promise<unknown> = Promise.resolve()

  constructor(ports: Ports) {
    this.#ports = ports
  }

  async readManifest(model: Cid, from: readonly PeerId[]): Promise<ModelManifest> {
    return decodeManifest(await this.#bytes(model, from))
  }

  /** Whether the golden outputs come out right, and on what; throws where files are not to be had. */
  check(model: Cid, from: readonly PeerId[]): Promise<Conformance> {
    const check = this.#lastCheck.then(() => this.#check(model, from))
    this.#lastCheck = check.catch(() => null)
    return check
  }

  /** The model with its files, fetched where they are missing. */
  async use(model: Cid, from: readonly PeerId[]): Promise<HeldModel> {
    const known = this.#held.get(model)
    if (known !== undefined) {
      this.#held.delete(model)
      this.#held.set(model, known)
      return known
    }
    const manifest = await this.readManifest(model, from)
    const blobs: HeldBlob[] = []
    const files: Record<string, string> = {}
    try {
      for (const { name, cid } of manifest.files) {
        await this.#ports.fetchBlob(cid, from)
        const blob = await this.#ports.blobs.hold(cid)
        if (blob === null) throw new MeshError('model.file_missing', { file: name, cid })
        blobs.push(blob)
        files[name] = blob.path
      }
    } catch (error) {
      for (const blob of blobs) blob.release()
      throw error
    }
    return this.#keep(model, { manifest, files, blobs })
  }

  close(): void {
    for (const { blobs } of this.#held.values()) for (const blob of blobs) blob.release()
    this.#held.clear()
  }

  async #check(model: Cid, from: readonly PeerId[]): Promise<Conformance> {
    const { manifest, files } = await this.use(model, from)
    const { engine, trials } = this.#ports
    return conformance({
      manifest,
      files,
      engine,
      loadBlob: (cid) => this.#bytes(cid, from),
      ...(trials === undefined ? {} : { record: trials })
    })
  }

  async #bytes(cid: Cid, from: readonly PeerId[]): Promise<Uint8Array> {
    await this.#ports.fetchBlob(cid, from)
    const bytes = await this.#ports.blobs.get(cid)
    if (bytes === null) throw new MeshError('blob.not_found', { cid })
    return bytes
  }

  #keep(model: Cid, entry: Entry): Entry {
    const raced = this.#held.get(model)
    if (raced !== undefined) {
      for (const blob of entry.blobs) blob.release()
      return raced
    }
    this.#held.set(model, entry)
    const oldest = this.#held.entries().next().value
    if (this.#held.size > MODELS_HELD_MAX && oldest !== undefined) {
      this.#held.delete(oldest[0])
      for (const blob of oldest[1].blobs) blob.release()
    }
    return entry
  }
}
