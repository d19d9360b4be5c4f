/**
 * Serves blobs of a store to whoever opens a blob link: a bounded number at once, each no faster than
 * its reader takes it. Reads a chunk only when it may be sent, so that memory stays flat.
 */
import {
  assertNever,
  BLOB_CHUNK_BYTES,
  BLOB_SERVES_MAX,
  BLOB_SERVES_PER_PEER_MAX,
  BLOB_WINDOW_CHUNKS,
  MeshError
} from '#contracts'
import type { BlobReader, BlobStore } from '#mesh-node/store'
import {
  type BlobFrame,
  chunkHead,
  decodeBlobFrame,
  encodeBlobFrame,
  type Refusal
} from './blob-frames.ts'
import { letGo, type Timer } from './let-go.ts'
import type { Link } from './ports.ts'

/** A reader that takes nothing for so long gives its place to others. */
const IDLE_MS = 30_000

/** Chunks read from the disk at once: one write of the link. */
const READ_CHUNKS = 4
const RING_BYTES = BLOB_WINDOW_CHUNKS * BLOB_CHUNK_BYTES

interface Serve {
  readonly id: number
  reader: BlobReader | null
  readonly start: number
  offset: number
  ring: Uint8Array | null
  /** What comes next, read while the last one is sent. */
  ahead: Promise<Uint8Array> | null
  credit: number
  pumping: boolean
  ended: boolean
  idle: Timer | null
}

export class BlobServer {
  readonly #store: BlobStore
  #active = 0

  constructor(store: BlobStore) {
    this.#store = store
  }

  get active(): number {
    return this.#active
  }

  serve(link: Link): void {
    const serves = new Map<number, Serve>()
    link.onClose(() => {
      for (const serve of serves.values()) this.#end(serves, serve)
    })
    link.onFrame((raw) => {
      try {
        this.#onFrame(link, serves, decodeBlobFrame(raw))
      } catch (error) {
        if (!(error instanceof MeshError)) throw error
        void link.close()
      }
    })
  }

  #onFrame(link: Link, serves: Map<number, Serve>, frame: BlobFrame): void {
    switch (frame.type) {
      case 'request':
        if (serves.has(frame.id)) throw malformed('an id in use')
        if (serves.size >= BLOB_SERVES_PER_PEER_MAX || this.#active >= BLOB_SERVES_MAX) {
          refuse(link, frame.id, 'busy')
        } else {
          void this.#begin(link, serves, frame)
        }
        return
      case 'credit': {
        const serve = serves.get(frame.id)
        if (serve === undefined) return
        serve.credit = Math.min(serve.credit + frame.chunks, BLOB_WINDOW_CHUNKS)
        void this.#pump(link, serves, serve)
        return
      }
      case 'cancel': {
        const serve = serves.get(frame.id)
        if (serve !== undefined) this.#end(serves, serve)
        return
      }
      case 'header':
      case 'chunk':
      case 'refusal':
        throw malformed(frame.type)
      default:
        assertNever(frame)
    }
  }

  async #begin(
    link: Link,
    serves: Map<number, Serve>,
    { id, cid, offset }: Extract<BlobFrame, { type: 'request' }>
  ): Promise<void> {
    const serve: Serve = {
      id,
      reader: null,
      start: offset,
      offset,
      ring: null,
      ahead: null,
      credit: BLOB_WINDOW_CHUNKS,
      pumping: false,
      ended: false,
      idle: null
    }
    serves.set(id, serve)
    this.#active++
    try {
      const reader = await this.#store.openReader(cid)
      serve.reader = reader
      if (serve.ended) await reader?.close()
      else if (reader === null) this.#refuse(link, serves, serve, 'not_found')
      else if (offset > reader.size) this.#refuse(link, serves, serve, 'offset')
      else {
        link.send(encodeBlobFrame({ type: 'header', id, size: reader.size }))
        await this.#pump(link, serves, serve)
      }
    } catch {
      this.#refuse(link, serves, serve, 'failed')
    }
  }

  async #pump(link: Link, serves: Map<number, Serve>, serve: Serve): Promise<void> {
    const { reader } = serve
    if (reader === null || serve.pumping || serve.ended) return
    serve.pumping = true
    if (serve.idle !== null) clearTimeout(serve.idle)
    try {
      while (!serve.ended && serve.credit > 0 && serve.offset < reader.size) {
        const bytes = await (serve.ahead ?? readAhead(serve, reader))
        serve.ahead = null
        if (serve.ended) return
        if (bytes.length === 0) throw new MeshError('blob.not_found', { reason: 'cut short' })
        serve.offset += bytes.length
        serve.credit -= Math.ceil(bytes.length / BLOB_CHUNK_BYTES)
        if (serve.credit > 0 && serve.offset < reader.size) {
          serve.ahead = readAhead(serve, reader)
          serve.ahead.catch(() => {})
        }
        if (!sendChunks(link, serve.id, bytes)) await link.drained()
      }
    } catch {
      this.#refuse(link, serves, serve, 'failed')
    } finally {
      serve.pumping = false
    }
    if (serve.offset >= reader.size) this.#end(serves, serve)
    else if (!serve.ended) {
      serve.idle = setTimeout(() => this.#refuse(link, serves, serve, 'failed'), IDLE_MS)
      letGo(serve.idle)
    }
  }

  #refuse(link: Link, serves: Map<number, Serve>, serve: Serve, reason: Refusal): void {
    if (serve.ended) return
    refuse(link, serve.id, reason)
    this.#end(serves, serve)
  }

  #end(serves: Map<number, Serve>, serve: Serve): void {
    if (serve.ended) return
    serve.ended = true
    serves.delete(serve.id)
    this.#active--
    if (serve.idle !== null) clearTimeout(serve.idle)
    serve.reader?.close().catch(() => {})
  }
}

/**
 * Reads as many whole chunks as there is credit for. Bytes lie in a ring of one window: the credit
 * that lets a chunk be read says that the chunk before it in its place has arrived.
 */
function readAhead(serve: Serve, reader: BlobReader): Promise<Uint8Array> {
  const { start, offset } = serve
  if (reader.size - start > RING_BYTES) serve.ring ??= new Uint8Array(RING_BYTES)
  const at = (offset - start) % RING_BYTES
  const chunks = Math.min(serve.credit, READ_CHUNKS, (RING_BYTES - at) / BLOB_CHUNK_BYTES)
  const length = chunks * BLOB_CHUNK_BYTES
  return reader.read(offset, length, serve.ring?.subarray(at, at + length))
}

function sendChunks(link: Link, id: number, bytes: Uint8Array): boolean {
  let room = true
  for (let at = 0; at < bytes.length; at += BLOB_CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + BLOB_CHUNK_BYTES)
    room = link.send(chunkHead(id, chunk), chunk)
  }
  return room
}

function refuse(link: Link, id: number, reason: Refusal): void {
  link.send(encodeBlobFrame({ type: 'refusal', id, reason }))
}

const malformed = (kind: string): MeshError =>
  new MeshError('wire.message_malformed', { protocol: 'blob', kind })
