/**
 * Brings blobs into the tab's shelf: from the page's own host where it has them, for the browser
 * fetches without the page's thread, and else from peers. Goes on behind what an earlier visit left;
 * a host whose bytes are others is not believed and not asked again for that blob.
 */
import {
  BLOB_BYTES_MAX,
  type Cid,
  decodeManifest,
  MeshError,
  type ModelManifest,
  type PeerId
} from '#contracts'
import type { BlobExchange, BlobShelf, BlobWriter } from '#mesh-node/portable'
import type { HostBlob, PageHost } from './tab-ports.ts'

/** After so many blobs in a row that it has not, a host is taken for a plain web server. */
const HOST_MISSES_MAX = 8
/** Ids that the host does not have; inputs of units are never there. */
const MISSES_KEPT_MAX = 4_096

export interface BlobSourcePorts {
  readonly shelf: BlobShelf
  readonly exchange: BlobExchange
  readonly host: PageHost
  /** Whether the id is a model's: hosts have content of models alone. */
  readonly isModel: (cid: Cid) => boolean
  /** Throws where the owner allows no more bytes today. */
  readonly guard: () => void
  readonly onBytes: (bytes: number) => void
  readonly onProgress: (cid: Cid, bytes: number) => void
}

export class BlobSource {
  readonly #ports: BlobSourcePorts
  readonly #jobs = new Map<Cid, Promise<void>>()
  readonly #hostMisses = new Set<Cid>()
  /** Files and golden vectors of the models that were asked for. */
  readonly #parts = new Set<Cid>()
  readonly #ended = new AbortController()
  #missesInRow = 0

  constructor(ports: BlobSourcePorts) {
    this.#ports = ports
  }

  /** Callers who want one blob at a time share one transfer. */
  fetch(cid: Cid, from: readonly PeerId[]): Promise<void> {
    const running = this.#jobs.get(cid)
    if (running !== undefined) return running
    const job = this.#fetch(cid, from).finally(() => this.#jobs.delete(cid))
    this.#jobs.set(cid, job)
    return job
  }

  close(): void {
    this.#ended.abort(new MeshError('blob.refused', { reason: 'the tab closes' }))
  }

  async #fetch(cid: Cid, from: readonly PeerId[]): Promise<void> {
    const { shelf, exchange, onProgress } = this.#ports
    if (await shelf.has(cid)) return this.#note(cid)
    this.#ports.guard()
    if (this.#isPublic(cid) && (await this.#fromHost(cid))) return this.#note(cid)
    await exchange.fetch(cid, {
      from,
      signal: this.#ended.signal,
      onProgress: ({ bytes }) => onProgress(cid, bytes)
    })
    await this.#note(cid)
  }

  #isPublic(cid: Cid): boolean {
    return this.#parts.has(cid) || this.#ports.isModel(cid)
  }

  /** What a manifest names is content of a model too. */
  async #note(cid: Cid): Promise<void> {
    if (!this.#ports.isModel(cid)) return
    const bytes = await this.#ports.shelf.get(cid)
    const manifest = bytes === null ? null : readManifest(bytes)
    for (const file of manifest?.files ?? []) this.#parts.add(file.cid)
    for (const { inputs, outputs } of manifest?.golden ?? []) {
      this.#parts.add(inputs)
      this.#parts.add(outputs)
    }
  }

  async #fromHost(cid: Cid): Promise<boolean> {
    if (this.#missesInRow >= HOST_MISSES_MAX || this.#hostMisses.has(cid)) return false
    const { shelf, host } = this.#ports
    const held = shelf.hasPartial(cid) ? await shelf.openWriter(cid) : null
    const { signal } = this.#ended
    const blob = await host.blob(cid, held?.offset ?? 0, signal).catch(ignoreHost)
    if (blob === null || blob.size > BLOB_BYTES_MAX) {
      await held?.suspend()
      this.#missed(cid)
      return false
    }
    this.#missesInRow = 0
    return this.#take(cid, blob, held ?? (await shelf.openWriter(cid)))
  }

  async #take(cid: Cid, blob: HostBlob, writer: BlobWriter): Promise<boolean> {
    try {
      await this.#write(cid, blob, writer)
    } catch (error) {
      if (error instanceof MeshError && error.code === 'blob.mismatch') await writer.discard()
      else await writer.suspend()
      if (error instanceof MeshError && error.code.startsWith('store.')) throw error
      // the line to the host broke: peers may go on behind what came
      return false
    }
    if (await writer.commit()) return true
    await writer.discard()
    this.#missed(cid)
    return false
  }

  async #write(cid: Cid, { size, parts }: HostBlob, writer: BlobWriter): Promise<void> {
    const { onBytes, onProgress } = this.#ports
    for await (const part of parts) {
      onBytes(part.length)
      if (writer.offset + part.length > size) {
        throw new MeshError('blob.mismatch', { cid, announced: size })
      }
      await writer.write(part)
      onProgress(cid, writer.offset)
    }
  }

  #missed(cid: Cid): void {
    this.#missesInRow += 1
    const [oldest] = this.#hostMisses
    if (this.#hostMisses.size >= MISSES_KEPT_MAX && oldest !== undefined) {
      this.#hostMisses.delete(oldest)
    }
    this.#hostMisses.add(cid)
  }
}

/** Not a manifest after all: whoever reads it says what is wrong. */
function readManifest(bytes: Uint8Array): ModelManifest | null {
  try {
    return decodeManifest(bytes)
  } catch (error) {
    if (error instanceof MeshError) return null
    throw error
  }
}

/** A host that does not answer is no reason to stop: peers are asked next. */
function ignoreHost(error: unknown): null {
  if (error instanceof MeshError) throw error
  return null
}
