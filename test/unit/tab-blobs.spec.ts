/**
 * Where a tab's blobs come from: the page's host for models, peers for the rest, never past the
 * owner's limit, and nothing that does not hash to its name.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { type Cid, cidOfBytes, encodeManifest, MeshError } from '#contracts'
import { BlobExchange, BlobShelf } from '#mesh-node/portable'
import { BlobSource } from '../../browser-node/tab/blob-source.ts'
import { MemoryDisk } from '../../browser-node/tab/memory-disk.ts'
import type { HostBlob } from '../../browser-node/tab/tab-ports.ts'
import { code } from '../support/expect-code.ts'
import { tensorManifest } from '../support/models.ts'

const bytesOf = (fill: number, length = 100_000): Uint8Array => new Uint8Array(length).fill(fill)

class Host {
  readonly blobs = new Map<Cid, Uint8Array>()
  readonly asked: { readonly cid: Cid; readonly offset: number }[] = []
  /** Bytes after which the line breaks. */
  breaksAfter = Number.POSITIVE_INFINITY

  genesis = () => Promise.resolve(null)
  notice = () => Promise.resolve(null)

  async blob(cid: Cid, offset: number): Promise<HostBlob | null> {
    this.asked.push({ cid, offset })
    const bytes = this.blobs.get(cid)
    if (bytes === undefined) return null
    return { size: bytes.length, parts: this.#parts(bytes.subarray(offset)) }
  }

  async *#parts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 10_000) {
      if (at >= this.breaksAfter) throw new TypeError('network error')
      yield bytes.subarray(at, at + 10_000)
    }
  }
}

function bench(models: readonly Cid[] = []) {
  const host = new Host()
  const shelf = new BlobShelf(
    new MemoryDisk(() => ({ path: 'blob:x', withdraw: () => {} })),
    { blobs: [], partials: [] },
    { bytesMax: 1_000_000 }
  )
  const network = {
    openLink: () => Promise.reject(new MeshError('net.unreachable', {})),
    onLink: () => {}
  }
  const counted = { bytes: 0, mayFetch: true }
  const source = new BlobSource({
    ...{ shelf, host, exchange: new BlobExchange({ network, store: shelf }) },
    isModel: (cid) => models.includes(cid),
    guard: () => {
      if (!counted.mayFetch) throw new MeshError('blob.refused', { reason: 'limit' })
    },
    onBytes: (bytes) => {
      counted.bytes += bytes
    },
    onProgress: () => {}
  })
  return { host, shelf, source, counted }
}

describe('the blobs of a tab', () => {
  it('come from the page’s host where they are a model’s, each once', async () => {
    const bytes = bytesOf(1)
    const cid = cidOfBytes(bytes)
    const { host, shelf, source, counted } = bench([cid])
    host.blobs.set(cid, bytes)
    await Promise.all([source.fetch(cid, []), source.fetch(cid, [])])
    deepEqual(await shelf.get(cid), bytes)
    equal(host.asked.length, 1)
    equal(counted.bytes, bytes.length)
  })

  it('are not asked of the host where they are no model’s', async () => {
    const { host, source } = bench()
    await rejects(source.fetch(cidOfBytes(bytesOf(2)), []), code('blob.not_found'))
    deepEqual(host.asked, [])
  })

  it('of a model’s manifest are asked of the host too', async () => {
    const file = bytesOf(3)
    const raw = encodeManifest(tensorManifest('m', file))
    const model = cidOfBytes(raw)
    const { host, source } = bench([model])
    host.blobs.set(model, raw).set(cidOfBytes(file), file)
    await source.fetch(model, [])
    await source.fetch(cidOfBytes(file), [])
    equal(host.asked.length, 2)
  })

  it('go on behind what came before the line broke', async () => {
    const bytes = bytesOf(4)
    const cid = cidOfBytes(bytes)
    const { host, shelf, source } = bench([cid])
    host.blobs.set(cid, bytes)
    host.breaksAfter = 40_000
    await rejects(source.fetch(cid, []), code('blob.not_found'))
    equal(shelf.hasPartial(cid), true)
    host.breaksAfter = Number.POSITIVE_INFINITY
    await source.fetch(cid, [])
    deepEqual(
      host.asked.map(({ offset }) => offset),
      [0, 40_000]
    )
    deepEqual(await shelf.get(cid), bytes)
  })

  it('are refused where the host gives others, and the host is not asked again', async () => {
    const cid = cidOfBytes(bytesOf(5))
    const { host, shelf, source } = bench([cid])
    host.blobs.set(cid, bytesOf(6))
    await rejects(source.fetch(cid, []), code('blob.not_found'))
    await rejects(source.fetch(cid, []), code('blob.not_found'))
    equal(host.asked.length, 1)
    equal(await shelf.has(cid), false)
    equal(shelf.hasPartial(cid), false)
  })

  it('wait for tomorrow where the owner’s limit is reached', async () => {
    const bytes = bytesOf(7)
    const cid = cidOfBytes(bytes)
    const { host, source, counted } = bench([cid])
    host.blobs.set(cid, bytes)
    counted.mayFetch = false
    await rejects(source.fetch(cid, []), code('blob.refused'))
    deepEqual(host.asked, [])
  })

  it('give way to newer ones at the cap, and to a lower cap at once', async () => {
    const { shelf } = bench()
    const cids: Cid[] = []
    for (let fill = 0; fill < 12; fill++) cids.push(await shelf.put(bytesOf(fill)))
    equal(shelf.bytes, 1_000_000)
    deepEqual(await Promise.all(cids.slice(0, 3).map((cid) => shelf.has(cid))), [
      false,
      false,
      true
    ])
    await shelf.setBytesMax(250_000)
    equal(shelf.bytes, 200_000)
  })
})
