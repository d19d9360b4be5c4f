/**
 * One blob, fetched from any of several peers: goes on with the next peer where one fails, from the
 * byte that is missing, and finds out who lied. Decides from whom to ask next; moves bytes through the
 * channel and the store that it is given.
 *
 * Bytes of one peer that do not hash to the id prove that peer wrong. Where parts came from several
 * (or from before a restart) nobody is proved wrong by the hash alone: then the blob is fetched again
 * from one peer at a time, and afterwards each part is compared with the right bytes.
 */
import {
  BLOB_CHUNK_BYTES,
  type Cid,
  equalBytes,
  MeshError,
  openSha256,
  type PeerId
} from '#contracts'
import type { BlobReader, BlobStore, BlobWriter } from '#mesh-node/store'
import type { BlobChannel } from './blob-channel.ts'
import { BlobSink } from './blob-sink.ts'

export interface FetchProgress {
  readonly bytes: number
  readonly size: number
  readonly peer: PeerId
}

export interface FetchPorts {
  readonly store: BlobStore
  readonly stallMs: number
  /** A channel to the peer with a free place in it, and the function that frees the place. */
  readonly channel: (peer: PeerId, signal: AbortSignal) => Promise<ChannelPlace>
  readonly onProgress: (progress: FetchProgress) => void
  readonly onLie: (peer: PeerId, fault: MeshError) => void
}

export interface ChannelPlace {
  readonly channel: BlobChannel
  free(): void
}

interface Part {
  /** Null: held from before this fetch. */
  readonly peer: PeerId | null
  readonly from: number
  to: number
}

interface Suspicion {
  readonly peer: PeerId
  readonly from: number
  readonly to: number
  readonly digest: Uint8Array
}

export interface FetchTask {
  readonly cid: Cid
  readonly bytesMax: number
  readonly signal: AbortSignal
}

export class BlobFetch {
  readonly #task: FetchTask
  readonly #ports: FetchPorts
  readonly #waiting: PeerId[] = []
  readonly #asked = new Set<PeerId>()
  #parts: Part[] = []
  readonly #suspicions: Suspicion[] = []
  /** One peer at a time, each from the start: after parts of several did not make the blob. */
  #strict = false
  #lastError: MeshError | null = null

  constructor(task: FetchTask, ports: FetchPorts) {
    this.#task = task
    this.#ports = ports
  }

  /** More peers to ask; those asked or waiting already are not added. */
  addSources(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      if (this.#asked.has(peer)) continue
      this.#asked.add(peer)
      this.#waiting.push(peer)
    }
  }

  /** The blob's size, once it is in the store. */
  async run(): Promise<number> {
    const { cid, signal } = this.#task
    for (let peer = this.#waiting.shift(); peer !== undefined; peer = this.#waiting.shift()) {
      try {
        const size = await this.#from(peer)
        if (size !== null) {
          await this.#settleSuspicions()
          return size
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof MeshError) || isOurs(error)) throw error
        this.#lastError = error
      }
    }
    throw this.#lastError ?? new MeshError('blob.not_found', { cid, asked: this.#asked.size })
  }

  /** The size, or null where the bytes were wrong. */
  async #from(peer: PeerId): Promise<number | null> {
    const { store } = this.#ports
    const { cid, signal } = this.#task
    const place = await this.#ports.channel(peer, signal)
    try {
      if (store.hasPartial(cid)) {
        const writer = await store.openWriter(cid)
        if (this.#parts.length === 0 && writer.offset > 0) {
          this.#parts.push({ peer: null, from: 0, to: writer.offset })
        }
        return await this.#receive(peer, place.channel, writer)
      }
      return await this.#receive(peer, place.channel, null)
    } finally {
      place.free()
    }
  }

  async #receive(
    peer: PeerId,
    channel: BlobChannel,
    held: BlobWriter | null
  ): Promise<number | null> {
    const { cid, bytesMax, signal } = this.#task
    const offset = held?.offset ?? 0
    const part: Part = { peer, from: offset, to: offset }
    this.#parts.push(part)
    const sink = new BlobSink(this.#ports.store, cid, held)
    try {
      await channel.request({
        cid,
        offset,
        signal,
        stallMs: this.#ports.stallMs,
        onHeader: (size) => {
          if (size > bytesMax)
            throw new MeshError('blob.too_large', { cid, peer, bytes: size, bytesMax })
          sink.begin(size)
        },
        onChunk: async (bytes) => {
          await sink.write(bytes)
          part.to += bytes.length
          this.#ports.onProgress({ bytes: part.to, size: sink.size, peer })
        }
      })
      if (await sink.commit()) return sink.size
    } catch (error) {
      await this.#giveUp(sink, peer, error)
      throw error
    }
    await this.#judge(sink, peer)
    return null
  }

  /** The transfer broke: keep what came, unless it cannot be gone on with. */
  async #giveUp(sink: BlobSink, peer: PeerId, error: unknown): Promise<void> {
    const code = error instanceof MeshError ? error.code : null
    const keep = code !== 'blob.mismatch' && code !== 'store.disk_full' && !this.#strict
    if (keep) {
      await sink.suspend()
      this.#parts = this.#held()
      return
    }
    const mixed = this.#held().some((part) => part.peer !== peer)
    this.#parts = []
    await sink.discard()
    if (!(error instanceof MeshError) || code !== 'blob.mismatch') return
    // Where parts of others were there too, they may be what is wrong: ask again, from the start.
    if (mixed) this.#waiting.push(peer)
    else this.#ports.onLie(peer, error)
  }

  /** All bytes are here and they are not the blob. */
  async #judge(sink: BlobSink, peer: PeerId): Promise<void> {
    const { cid } = this.#task
    const parts = this.#held()
    this.#parts = []
    if (parts.every((part) => part.peer === peer)) {
      await sink.discard()
      this.#lastError = new MeshError('blob.mismatch', { cid, peer })
      this.#ports.onLie(peer, this.#lastError)
      return
    }
    this.#lastError = new MeshError('blob.mismatch', { cid, parts: parts.length })
    this.#strict = true
    for (const { peer: source, from, to } of parts) {
      if (source === null) continue
      this.#suspicions.push({ peer: source, from, to, digest: await sink.digest(from, to) })
    }
    await sink.discard()
    const again = new Set([...this.#suspicions.map((one) => one.peer), peer])
    this.#waiting.push(...[...again].filter((one) => !this.#waiting.includes(one)))
  }

  /** The right bytes are here: whoever gave other ones is named. */
  async #settleSuspicions(): Promise<void> {
    if (this.#suspicions.length === 0) return
    const { cid } = this.#task
    const reader = await this.#ports.store.openReader(cid)
    if (reader === null) return
    try {
      for (const { peer, from, to, digest } of this.#suspicions) {
        if (equalBytes(await digestPart(reader, from, to), digest)) continue
        this.#ports.onLie(peer, new MeshError('blob.mismatch', { cid, peer, from, to }))
      }
    } finally {
      await reader.close()
    }
  }

  #held(): Part[] {
    return this.#parts.filter(({ from, to }) => to > from)
  }
}

/** Local faults that no other peer can mend. */
const isOurs = ({ code }: MeshError): boolean =>
  code === 'store.disk_full' || code === 'store.full' || code === 'store.unwritable'

async function digestPart(reader: BlobReader, from: number, to: number): Promise<Uint8Array> {
  const hash = openSha256()
  for (let at = from; at < to; at += BLOB_CHUNK_BYTES) {
    hash.update(await reader.read(at, Math.min(BLOB_CHUNK_BYTES, to - at)))
  }
  return hash.digest()
}
