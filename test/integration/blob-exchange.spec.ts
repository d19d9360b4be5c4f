/** Blobs between hosts over TCP on loopback: killed servers, liars, endless streams, many at once. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import {
  BLOB_CHUNK_BYTES,
  type Cid,
  cidOfBytes,
  MeshError,
  type PeerId,
  parsePeerId
} from '#contracts'
import { BlobExchange, type MeshNetwork } from '#mesh-node'
import { type BlobStore, type BlobWriter, DiskBlobStore, MemoryBlobs } from '#mesh-node/store'
import { decodeBlobFrame, encodeBlobFrame } from '../../mesh-node/net/blob-frames.ts'
import { isLong } from '../support/long.ts'
import { withCode } from '../support/mesh-fixtures.ts'
import { drawnBytes, Started, until } from '../support/mesh-hosts.ts'

const MIB = 1024 * 1024
const Hello = z.object({ peer: z.string(), address: z.string() })

interface Side {
  readonly network: MeshNetwork
  readonly store: BlobStore
  readonly exchange: BlobExchange
  readonly lies: PeerId[]
}

/** A dialler is connected a moment before the host that it dialled has noticed. */
const knows = (host: MeshNetwork, peer: PeerId): Promise<void> =>
  until(() => host.peers().includes(peer), 'the hosts know each other')

/** A store whose disk is full. */
class FullBlobs extends MemoryBlobs {
  override async openWriter(cid: Cid): Promise<BlobWriter> {
    const writer = await super.openWriter(cid)
    return {
      offset: 0,
      write: () => Promise.reject(new MeshError('store.disk_full', {})),
      commit: () => writer.commit(),
      digest: (from, to) => writer.digest(from, to),
      suspend: () => writer.suspend(),
      discard: () => writer.discard()
    }
  }
}

type Send = (frame: Parameters<typeof encodeBlobFrame>[0]) => void
interface Asked {
  readonly id: number
  readonly offset: number
}

describe('the blob exchange', () => {
  const started = new Started()
  afterEach(() => started.endAll())

  /** A host that serves and fetches; `near` is dialled so that all know each other. */
  async function side(
    fill: number,
    near: readonly MeshNetwork[],
    store: BlobStore = new MemoryBlobs()
  ) {
    const bootstrap = near.map((one) => one.addresses()[0] ?? '')
    const network = await started.host(fill, { bootstrap })
    for (const one of near) await knows(one, network.peerId)
    const lies: PeerId[] = []
    const exchange = new BlobExchange(
      { network, store, onLie: (peer) => lies.push(peer) },
      { stallMs: 1_500 }
    )
    return { network, store, exchange, lies } satisfies Side
  }

  /** A host that answers requests as it likes; counts them. */
  async function liar(
    fill: number,
    near: MeshNetwork,
    answer: (request: Asked, send: Send) => void
  ) {
    const network = await started.host(fill, { bootstrap: [near.addresses()[0] ?? ''] })
    await knows(near, network.peerId)
    const asked: number[] = []
    network.onLink('blob', (link) =>
      link.onFrame((raw) => {
        const frame = decodeBlobFrame(raw)
        if (frame.type !== 'request') return
        asked.push(frame.offset)
        answer(frame, (reply) => link.send(encodeBlobFrame(reply)))
      })
    )
    return { peer: network.peerId, asked, network }
  }

  /** Sends these bytes as if they were the blob, in chunks, from the offset that was asked. */
  const sends = (bytes: Uint8Array) => (request: Asked, send: Send) => {
    const { id, offset } = request
    send({ type: 'header', id, size: bytes.length })
    for (let at = offset; at < bytes.length; at += BLOB_CHUNK_BYTES) {
      send({
        type: 'chunk',
        id,
        bytes: bytes.subarray(at, Math.min(at + BLOB_CHUNK_BYTES, bytes.length))
      })
    }
  }

  async function holds({ store }: Side, cid: Cid, bytes: Uint8Array): Promise<void> {
    const got = await store.get(cid)
    ok(got !== null && Buffer.compare(got, bytes) === 0, 'the bytes are those of the blob')
  }

  it('brings blobs of every size', async () => {
    const server = await side(1, [])
    const client = await side(2, [server.network], await DiskBlobStore.open(await started.folder()))
    for (const size of [0, 1, 49_152, 49_153, BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES * 20 + 17]) {
      const bytes = drawnBytes(size, size + 1)
      const cid = await server.store.put(bytes)
      equal(await client.exchange.fetch(cid, { from: [server.network.peerId] }), size)
      await holds(client, cid, bytes)
    }
  })

  it('says that nobody asked holds the blob', async () => {
    const server = await side(1, [])
    const client = await side(2, [server.network])
    const cid = cidOfBytes(drawnBytes(10))
    await rejects(
      client.exchange.fetch(cid, { from: [server.network.peerId] }),
      withCode('blob.not_found')
    )
    await rejects(client.exchange.fetch(cid, { from: [] }), withCode('blob.not_found'))
  })

  it('asks the next peer where one cannot be reached or lacks the blob', async () => {
    const server = await side(1, [])
    const empty = await side(2, [server.network])
    const client = await side(3, [server.network, empty.network])
    const gone = parsePeerId('12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5')
    const bytes = drawnBytes(MIB)
    const cid = await server.store.put(bytes)
    const from = [...new Set([gone, empty.network.peerId, server.network.peerId])]
    await client.exchange.fetch(cid, { from })
    await holds(client, cid, bytes)
    deepEqual(client.lies, [])
  })

  const megabytes = isLong ? 200 : 80
  it(`goes on at another peer with ${megabytes} MB of which the first was killed in the middle`, async () => {
    const bytes = drawnBytes(megabytes * 1000 * 1000)
    const dirs = [await started.folder(), await started.folder()]
    let cid = cidOfBytes(bytes)
    for (const dir of dirs) cid = await (await DiskBlobStore.open(dir)).put(bytes)
    const slow = await started.child('blob-child.ts', '11', dirs[0] ?? '', '5')
    const fast = await started.child('blob-child.ts', '12', dirs[1] ?? '')
    const [first, second] = [Hello.parse(await slow.next()), Hello.parse(await fast.next())]
    const store = await DiskBlobStore.open(await started.folder())
    const client = await side(3, [], store)
    for (const { address } of [first, second]) await client.network.dial(address)
    const reached = new Map<PeerId, number[]>()
    let killed: Promise<void> | undefined
    const size = await client.exchange.fetch(cid, {
      from: [parsePeerId(first.peer), parsePeerId(second.peer)],
      onProgress: ({ bytes: at, peer }) => {
        reached.set(peer, [...(reached.get(peer) ?? []).slice(0, 1), at])
        if (peer === first.peer && at > 40 * MIB) killed ??= slow.kill()
      }
    })
    await killed
    equal(size, bytes.length)
    const start = reached.get(parsePeerId(second.peer))?.[0] ?? 0
    ok(start > 40 * MIB, `the second peer sent from ${start}`)
    const path = await store.path(cid)
    const digest = createHash('sha256')
      .update(await readFile(path ?? ''))
      .digest('hex')
    equal(digest, createHash('sha256').update(bytes).digest('hex'))
    deepEqual(client.lies, [])
  }).timeout(60_000)

  it('names a peer whose bytes are not the blob and does not ask it again', async () => {
    const server = await side(1, [])
    const client = await side(2, [server.network], await DiskBlobStore.open(await started.folder()))
    for (const size of [1_000, 3 * MIB]) {
      const other = await liar(size === 1_000 ? 8 : 9, client.network, sends(drawnBytes(size, 99)))
      const bytes = drawnBytes(size)
      const cid = await server.store.put(bytes)
      await client.exchange.fetch(cid, { from: [other.peer, server.network.peerId] })
      await holds(client, cid, bytes)
      equal(client.lies.at(-1), other.peer)
      const next = await server.store.put(drawnBytes(size, 5))
      await client.exchange.fetch(next, { from: [other.peer, server.network.peerId] })
      equal(other.asked.length, 1)
    }
    equal(client.lies.length, 2)
  })

  it('fails with the mismatch where only liars were asked', async () => {
    const client = await side(2, [])
    const other = await liar(9, client.network, sends(drawnBytes(2_000, 99)))
    const cid = cidOfBytes(drawnBytes(2_000))
    await rejects(client.exchange.fetch(cid, { from: [other.peer] }), withCode('blob.mismatch'))
    equal(await client.store.has(cid), false)
  })

  it('finds out who lied where parts came from two peers', async () => {
    const bytes = drawnBytes(4 * MIB)
    const wrong = drawnBytes(4 * MIB, 99)
    const server = await side(1, [])
    const cid = await server.store.put(bytes)
    const client = await side(2, [server.network], await DiskBlobStore.open(await started.folder()))
    // Sends wrong bytes for the first half and then falls silent; the honest one completes it.
    const half = await liar(9, client.network, ({ id }, send) => {
      send({ type: 'header', id, size: bytes.length })
      for (let at = 0; at < 32; at++) {
        const from = at * BLOB_CHUNK_BYTES
        send({ type: 'chunk', id, bytes: wrong.subarray(from, from + BLOB_CHUNK_BYTES) })
      }
    })
    await client.exchange.fetch(cid, { from: [half.peer, server.network.peerId] })
    await holds(client, cid, bytes)
    deepEqual(client.lies, [half.peer])
  })

  it('stops a stream that goes on beyond the size it announced', async () => {
    const client = await side(2, [], await DiskBlobStore.open(await started.folder()))
    const cancelled = Promise.withResolvers<void>()
    const endless = await liar(9, client.network, () => {})
    endless.network.onLink('blob', (link) =>
      link.onFrame((raw) => {
        const { type, id } = decodeBlobFrame(raw)
        if (type === 'cancel') cancelled.resolve()
        if (type !== 'request') return
        link.send(encodeBlobFrame({ type: 'header', id, size: 300_000 }))
        const bytes = new Uint8Array(BLOB_CHUNK_BYTES)
        const more = setInterval(() => link.send(encodeBlobFrame({ type: 'chunk', id, bytes })), 1)
        void cancelled.promise.then(() => clearInterval(more))
      })
    )
    const cid = cidOfBytes(drawnBytes(300_000))
    await rejects(client.exchange.fetch(cid, { from: [endless.peer] }), withCode('blob.mismatch'))
    deepEqual(client.lies, [endless.peer])
    await cancelled.promise
    equal(client.store.hasPartial(cid), false)
  })

  it('refuses a blob over the size that the caller allows before a byte of it', async () => {
    const server = await side(1, [])
    const client = await side(2, [server.network])
    const cid = await server.store.put(drawnBytes(2 * MIB))
    let bytes = 0
    const options = {
      from: [server.network.peerId],
      bytesMax: MIB,
      onProgress: (progress: { bytes: number }) => {
        bytes = progress.bytes
      }
    }
    await rejects(client.exchange.fetch(cid, options), withCode('blob.too_large'))
    equal(bytes, 0)
    deepEqual(client.lies, [])
  })

  it('leaves a peer that falls silent', async () => {
    const client = await side(2, [])
    const silent = await liar(9, client.network, () => {})
    const cid = cidOfBytes(drawnBytes(10))
    const startedAt = performance.now()
    await rejects(client.exchange.fetch(cid, { from: [silent.peer] }), withCode('blob.stalled'))
    ok(performance.now() - startedAt < 2_000)
  })

  it('closes the link of a peer that breaks the protocol, and asks the next', async () => {
    const server = await side(1, [])
    const client = await side(2, [server.network])
    const broken = await liar(9, client.network, ({ id }, send) =>
      send({ type: 'credit', id, chunks: 3 })
    )
    const bytes = drawnBytes(1_000)
    const cid = await server.store.put(bytes)
    await client.exchange.fetch(cid, { from: [broken.peer, server.network.peerId] })
    await holds(client, cid, bytes)
  })

  it('fetches a blob once for many who ask at the same time', async () => {
    const server = await side(1, [])
    const client = await side(2, [server.network])
    const counted = await liar(9, client.network, (request, send) =>
      sends(drawnBytes(MIB))(request, send)
    )
    const cid = cidOfBytes(drawnBytes(MIB))
    const all = Array.from({ length: 10 }, () =>
      client.exchange.fetch(cid, { from: [counted.peer] })
    )
    deepEqual(new Set(await Promise.all(all)), new Set([MIB]))
    equal(counted.asked.length, 1)
  })

  it('ends for the caller who gives up, and goes on for the others', async () => {
    const client = await side(2, [])
    const waiting = Promise.withResolvers<void>()
    const late = await liar(9, client.network, (request, send) => {
      void waiting.promise.then(() => sends(drawnBytes(1_000))(request, send))
    })
    const cid = cidOfBytes(drawnBytes(1_000))
    const giveUp = new AbortController()
    const one = client.exchange.fetch(cid, { from: [late.peer], signal: giveUp.signal })
    const two = client.exchange.fetch(cid, { from: [late.peer] })
    giveUp.abort(new Error('changed my mind'))
    await rejects(one, /changed my mind/)
    waiting.resolve()
    equal(await two, 1_000)
  })

  it('keeps what had come when everybody gives up, and goes on from there', async () => {
    const server = await side(1, [])
    const bytes = drawnBytes(4 * MIB)
    const cid = await server.store.put(bytes)
    const client = await side(2, [server.network], await DiskBlobStore.open(await started.folder()))
    const some = await liar(9, client.network, ({ id }, send) => {
      send({ type: 'header', id, size: bytes.length })
      send({ type: 'chunk', id, bytes: bytes.subarray(0, BLOB_CHUNK_BYTES) })
    })
    const giveUp = new AbortController()
    const options = { signal: giveUp.signal, onProgress: () => giveUp.abort(new Error('enough')) }
    await rejects(client.exchange.fetch(cid, { from: [some.peer], ...options }), /enough/)
    await until(() => client.store.hasPartial(cid), 'the part is kept')
    const offsets: number[] = []
    const progress = ({ bytes: at }: { bytes: number }) => void offsets.push(at)
    await client.exchange.fetch(cid, { from: [server.network.peerId], onProgress: progress })
    equal(offsets[0], 2 * BLOB_CHUNK_BYTES)
    await holds(client, cid, bytes)
  })

  it('brings a thousand small blobs, more at once than one peer serves', async () => {
    const server = await side(1, [])
    const client = await side(2, [server.network])
    const cids = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => server.store.put(drawnBytes(400, index + 1)))
    )
    const from = [server.network.peerId]
    await Promise.all(cids.map((cid) => client.exchange.fetch(cid, { from })))
    for (const cid of cids) ok(await client.store.has(cid))
  })

  it('stops where the disk is full, asks nobody else, and leaves no part', async () => {
    const server = await side(1, [])
    const cid = await server.store.put(drawnBytes(MIB))
    const store = new FullBlobs()
    const client = await side(2, [server.network], store)
    const other = await liar(9, client.network, sends(drawnBytes(MIB)))
    const from = [server.network.peerId, other.peer]
    await rejects(client.exchange.fetch(cid, { from }), withCode('store.disk_full'))
    deepEqual(other.asked, [])
    equal(store.hasPartial(cid), false)
  })
})
