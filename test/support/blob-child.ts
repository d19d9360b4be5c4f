/**
 * A host in a process of its own that serves the blobs of a store folder, optionally no faster than
 * some bytes a second, so that a test can kill it in the middle of a transfer.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { BlobExchange, createNetwork } from '#mesh-node'
import { type BlobReader, type BlobStore, DiskBlobStore } from '#mesh-node/store'
import { MESH, seed } from './mesh-fixtures.ts'

const [fill, dir = '', chunkMs = '0'] = process.argv.slice(2)
const store = await DiskBlobStore.open(dir)
const network = await createNetwork({
  seed: seed(Number(fill)),
  mesh: MESH,
  listen: ['/ip4/127.0.0.1/tcp/0']
})

function slow(reader: BlobReader): BlobReader {
  return {
    size: reader.size,
    close: () => reader.close(),
    read: async (offset, length, into) => {
      await pause(Number(chunkMs))
      return reader.read(offset, length, into)
    }
  }
}

const served: BlobStore = {
  has: (cid) => store.has(cid),
  get: (cid) => store.get(cid),
  put: (bytes, cid) => store.put(bytes, cid),
  putVolatile: (bytes, cid) => store.putVolatile(bytes, cid),
  size: (cid) => store.size(cid),
  openWriter: (cid) => store.openWriter(cid),
  hasPartial: (cid) => store.hasPartial(cid),
  remove: (cid) => store.remove(cid),
  openReader: async (cid) => {
    const reader = await store.openReader(cid)
    return reader === null || chunkMs === '0' ? reader : slow(reader)
  }
}
new BlobExchange({ network, store: served })
process.send?.({ peer: network.peerId, address: network.addresses()[0] })
