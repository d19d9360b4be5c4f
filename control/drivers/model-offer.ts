/**
 * The models of a control node as its mesh has them: their files where nodes can fetch them, their
 * calibrated cost in the ledger, once. Looks for those that `kora models add` puts into the folder
 * beside a running node, so that nobody starts it again for a model. Registers nothing itself.
 */
import { type EntryContent, isDiskFault, MeshError } from '#contracts'
import type { Ledger } from '#ledger'
import type { GatewayDriver } from '#mesh-node'
import type { DiskBlobStore } from '#mesh-node/store'
import type { RegisteredModel } from '../models/builtin.ts'
import type { ModelRegistry } from '../registry/model-registry.ts'

export interface ModelOfferPorts {
  readonly registry: ModelRegistry
  readonly ledger: Ledger
  readonly blobs: DiskBlobStore
  readonly gateway: GatewayDriver
  /** A line for the operator: what was added, and what could not be read. */
  readonly say: (line: string) => void
  /** A disk that refuses, or our own mistake, found where nobody waits for an answer. */
  readonly fatal: (error: unknown) => void
}

/** A look is one list of a folder with a few names; whoever adds a model waits no longer than that. */
const LOOK_MS = 1_000

export class ModelOffer {
  readonly #ports: ModelOfferPorts
  #looking: Promise<void> = Promise.resolve()
  #timer: ReturnType<typeof setTimeout> | null = null
  #isClosed = false

  private constructor(ports: ModelOfferPorts) {
    this.#ports = ports
  }

  /** Offers every model that is registered, and from then on each that comes. */
  static async open(ports: ModelOfferPorts): Promise<ModelOffer> {
    const offer = new ModelOffer(ports)
    await offerModels(ports.registry.list(), ports)
    offer.#lookLater()
    return offer
  }

  /** Resolves when every model that was in the folder at the call is offered. */
  refresh(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look())
    return this.#looking
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return
    try {
      const { added, faults } = await this.#ports.registry.refresh()
      for (const fault of faults) this.#sayLeftOut(fault)
      for (const model of added) await this.#add(model)
    } catch (error) {
      this.#ports.fatal(error)
    }
  }

  /** What stops a start costs a running node the one model alone. */
  async #add(model: RegisteredModel): Promise<void> {
    try {
      await offerModels([model], this.#ports)
      this.#ports.say(`model ${model.manifest.name} added: ${model.cid}`)
    } catch (error) {
      if (!(error instanceof MeshError) || isDiskFault(error)) throw error
      this.#ports.registry.leaveOut(model.cid)
      this.#sayLeftOut(error)
    }
  }

  #sayLeftOut({ code, facts }: MeshError): void {
    this.#ports.say(`a model is left out: ${code} ${JSON.stringify(facts)}`)
  }

  #lookLater(): void {
    this.#timer = setTimeout(() => {
      void this.refresh().finally(() => {
        if (!this.#isClosed) this.#lookLater()
      })
    }, LOOK_MS)
  }
}

async function offerModels(
  models: readonly RegisteredModel[],
  { ledger, blobs, gateway }: ModelOfferPorts
): Promise<void> {
  const contents: EntryContent[] = []
  for (const { cid, manifest, manifestBytes, blobs: parts } of models) {
    for (const part of parts) if (!(await blobs.has(part.cid))) await offerFile(part, blobs)
    await blobs.put(manifestBytes, cid)
    const { base_us: baseUs, us_per_kib: usPerKib } = manifest.cost
    gateway.knowModel({
      cid,
      tier: manifest.tier,
      memoryMb: manifest.memory_mb,
      cost: { baseUs, usPerKib }
    })
    if (ledger.fold.modelCost(cid) !== null) continue
    contents.push({
      kind: 'model.registered',
      body: { model: cid, name: manifest.name, ...manifest.cost }
    })
  }
  if (contents.length > 0) await ledger.append(contents)
}

/** A file that is not what its name says would keep every node waiting for one that nobody has. */
async function offerFile(
  { cid, path }: RegisteredModel['blobs'][number],
  blobs: DiskBlobStore
): Promise<void> {
  const found = await blobs.putFile(path)
  if (found !== cid) throw new MeshError('model.registry_corrupted', { folder: path, holds: found })
}
