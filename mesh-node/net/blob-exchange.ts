/**
 * Blobs by hash between peers, over links of kind `blob`: serves what the store holds and fetches what
 * it lacks, from any peer, verified and resumable. Does not find out who holds a blob: callers name
 * peers to ask. A peer whose bytes did not hash to their id is reported and not asked again.
 */
import {
  BLOB_BYTES_MAX,
  BLOB_FETCH_QUEUE_MAX,
  BLOB_FETCHES_MAX,
  BLOB_FETCHES_PER_PEER_MAX,
  BLOB_SOURCES_MAX,
  type Cid,
  MeshError,
  type PeerId
} from '#contracts'
import type { BlobStore } from '#mesh-node/store'
import { BlobChannel } from './blob-channel.ts'
import { BlobFetch, type ChannelPlace, type FetchProgress } from './blob-fetch.ts'
import { BlobServer } from './blob-server.ts'
import type { MeshNetwork } from './ports.ts'
import { Slots } from './slots.ts'

/** A peer that sends nothing for so long is left for the next one. */
const STALL_MS = 10_000
/** Liars remembered: more would be a mesh of them. */
const LIARS_MAX = 4_096

export interface BlobExchangePorts {
  readonly network: Pick<MeshNetwork, 'openLink' | 'onLink'>
  readonly store: BlobStore
  /** Told of a peer whose bytes were not the blob that it named. */
  readonly onLie?: (peer: PeerId, fault: MeshError) => void
}

export interface BlobExchangeOptions {
  readonly stallMs?: number
}

export interface FetchOptions {
  /** Asked in this order; those that lied before are left out. */
  readonly from: readonly PeerId[]
  readonly bytesMax?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FetchProgress) => void
}

interface Job {
  readonly fetch: BlobFetch
  readonly done: Promise<number>
  readonly abort: AbortController
  readonly watchers: Set<(progress: FetchProgress) => void>
  callers: number
}

interface Peer {
  readonly slots: Slots
  channel: Promise<BlobChannel> | null
  users: number
}

export class BlobExchange {
  readonly #ports: BlobExchangePorts
  readonly #stallMs: number
  readonly #jobs = new Map<Cid, Job>()
  readonly #peers = new Map<PeerId, Peer>()
  readonly #liars = new Set<PeerId>()
  readonly #slots = new Slots(BLOB_FETCHES_MAX, BLOB_FETCH_QUEUE_MAX)

  /** Serves from the moment it is made. */
  constructor(ports: BlobExchangePorts, options: BlobExchangeOptions = {}) {
    this.#ports = ports
    this.#stallMs = options.stallMs ?? STALL_MS
    const server = new BlobServer(ports.store)
    ports.network.onLink('blob', (link) => server.serve(link))
  }

  /**
   * Brings a blob into the store and says how large it is. Callers who ask for one blob at a time
   * share one transfer, which ends early only when all of them gave up.
   * Throws `blob.not_found`, `blob.mismatch`, `blob.stalled`, `blob.too_large`, `blob.refused`,
   * `net.*` of the last peer asked, or `store.*` where the blob cannot be kept.
   */
  async fetch(cid: Cid, options: FetchOptions): Promise<number> {
    options.signal?.throwIfAborted()
    const held = await this.#ports.store.size(cid)
    if (held !== null) return held
    for (;;) {
      options.signal?.throwIfAborted()
      const running = this.#jobs.get(cid)
      if (running?.abort.signal.aborted !== true) {
        const job = running ?? this.#begin(cid, options)
        job.fetch.addSources(this.#sources(options.from))
        return this.#share(job, options)
      }
      // Everybody gave it up; it still has to let go of what it wrote.
      await running.done.catch(() => {})
    }
  }

  /** As `fetch`, and gives the bytes. */
  async fetchBytes(cid: Cid, options: FetchOptions): Promise<Uint8Array> {
    await this.fetch(cid, options)
    const bytes = await this.#ports.store.get(cid)
    if (bytes === null) throw new MeshError('blob.not_found', { cid, reason: 'gone again' })
    return bytes
  }

  #begin(cid: Cid, { from, bytesMax = BLOB_BYTES_MAX }: FetchOptions): Job {
    const abort = new AbortController()
    const watchers = new Set<(progress: FetchProgress) => void>()
    const fetch = new BlobFetch(
      { cid, bytesMax, signal: abort.signal },
      {
        store: this.#ports.store,
        stallMs: this.#stallMs,
        channel: (peer, signal) => this.#channel(peer, signal),
        onProgress: (progress) => {
          for (const watch of watchers) watch(progress)
        },
        onLie: (peer, fault) => this.#onLie(peer, fault)
      }
    )
    fetch.addSources(this.#sources(from))
    const done = this.#run(fetch, abort.signal).finally(() => this.#jobs.delete(cid))
    const job: Job = { fetch, done, abort, watchers, callers: 0 }
    this.#jobs.set(cid, job)
    return job
  }

  async #run(fetch: BlobFetch, signal: AbortSignal): Promise<number> {
    const free = await this.#slots.take(signal)
    try {
      return await fetch.run()
    } finally {
      free()
    }
  }

  async #share(job: Job, { signal, onProgress }: FetchOptions): Promise<number> {
    job.callers++
    if (onProgress !== undefined) job.watchers.add(onProgress)
    const given = Promise.withResolvers<never>()
    const giveUp = () => given.reject(signal?.reason)
    signal?.addEventListener('abort', giveUp)
    try {
      return await Promise.race([job.done, given.promise])
    } finally {
      signal?.removeEventListener('abort', giveUp)
      if (onProgress !== undefined) job.watchers.delete(onProgress)
      job.callers--
      if (job.callers === 0) job.abort.abort(signal?.reason)
    }
  }

  #sources(from: readonly PeerId[]): readonly PeerId[] {
    return from.filter((peer) => !this.#liars.has(peer)).slice(0, BLOB_SOURCES_MAX)
  }

  /** One link per peer, opened when needed; transfers over it wait for a place. */
  async #channel(id: PeerId, signal: AbortSignal): Promise<ChannelPlace> {
    const peer = this.#peers.get(id) ?? this.#addPeer(id)
    peer.users++
    let free: (() => void) | null = null
    const leave = () => {
      free?.()
      peer.users--
      if (peer.users === 0 && peer.channel === null) this.#peers.delete(id)
    }
    try {
      free = await peer.slots.take(signal)
      peer.channel ??= this.#open(id, peer)
      return { channel: await peer.channel, free: leave }
    } catch (error) {
      leave()
      throw error
    }
  }

  #addPeer(id: PeerId): Peer {
    const slots = new Slots(BLOB_FETCHES_PER_PEER_MAX, BLOB_FETCH_QUEUE_MAX)
    const peer: Peer = { slots, channel: null, users: 0 }
    this.#peers.set(id, peer)
    return peer
  }

  #open(id: PeerId, peer: Peer): Promise<BlobChannel> {
    const forget = () => {
      peer.channel = null
      if (peer.users === 0) this.#peers.delete(id)
    }
    const opening = this.#ports.network.openLink(id, 'blob').then((link) => {
      const channel = new BlobChannel(link)
      link.onClose(forget)
      return channel
    })
    opening.catch(forget)
    return opening
  }

  #onLie(peer: PeerId, fault: MeshError): void {
    const [oldest] = this.#liars
    if (this.#liars.size >= LIARS_MAX && oldest !== undefined) this.#liars.delete(oldest)
    this.#liars.add(peer)
    this.#ports.onLie?.(peer, fault)
  }
}
