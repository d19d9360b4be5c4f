/**
 * The other process of `blob.bench.ts`: a mesh host that serves blobs and echoes frames, and beside it
 * a bare libp2p host with the same stack that echoes and sends raw bytes when asked.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { BlobExchange, createNetwork } from '#mesh-node'
import { DiskBlobStore } from '#mesh-node/store'
import { MESH, seed } from '../support/mesh-fixtures.ts'
import { drawnBytes } from '../support/mesh-hosts.ts'

const [dir = ''] = process.argv.slice(2)
const LISTEN = ['/ip4/127.0.0.1/tcp/0']
const CHUNK = drawnBytes(64 * 1024)

const store = await DiskBlobStore.open(dir)
// A store hashes a blob before it serves it for the first time in a process; that is not measured.
for (const { cid } of store.list()) await store.verify(cid)
const network = await createNetwork({ seed: seed(1), mesh: MESH, listen: LISTEN })
network.onLink('work', (link) => link.onFrame((frame) => link.send(frame)))
new BlobExchange({ network, store })

const bare = await createLibp2p({
  privateKey: await generateKeyPairFromSeed('Ed25519', seed(2)),
  addresses: { listen: LISTEN },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()]
})
await bare.handle('/echo/1', (stream) => {
  stream.addEventListener('message', ({ data }) => stream.send(data))
})
/** Sends as many bytes as the request's four bytes say. */
await bare.handle('/bulk/1', (stream) => {
  stream.addEventListener('message', ({ data }) => {
    const bytes = data.subarray()
    const wanted = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
    pour(stream, wanted).catch((error) => stream.abort(error))
  })
})

async function pour(stream: Stream, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    if (!stream.send(CHUNK)) {
      await new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }))
    }
  }
}

process.send?.({ mesh: network.addresses()[0], bare: bare.getMultiaddrs()[0]?.toString() })
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuMs: (user + system) / 1_000 })
})
