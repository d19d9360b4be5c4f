/**
 * A process that writes into a blob store until it is killed: whole blobs one after another, or one
 * large blob through a writer. Says after each step how far it is.
 */
import { cidOfBytes } from '#contracts'
import { DiskBlobStore } from '#mesh-node/store'
import { drawnBytes } from './mesh-hosts.ts'

const [task, dir = ''] = process.argv.slice(2)
const store = await DiskBlobStore.open(dir)
if (task === 'put') {
  for (let index = 1; ; index++) {
    const cid = await store.put(drawnBytes(200_000, index))
    process.send?.({ cid })
  }
}
const bytes = drawnBytes(8 * 1024 * 1024)
const writer = await store.openWriter(cidOfBytes(bytes))
for (let offset = 0; offset < bytes.length; offset += 65_536) {
  await writer.write(bytes.subarray(offset, offset + 65_536))
  process.send?.({ offset: offset + 65_536 })
  await new Promise((resolve) => setImmediate(resolve))
}
