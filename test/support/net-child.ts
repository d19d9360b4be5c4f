/**
 * A mesh host in a process of its own: echoes work frames and gossips what it is told to. The parent
 * gives the bootstrap address, or none.
 */
import { bytesToHex, hexToBytes } from '#contracts'
import { createNetwork } from '#mesh-node'
import { MESH, seed } from './mesh-fixtures.ts'

const [fill, ...bootstrap] = process.argv.slice(2)
const network = await createNetwork({
  seed: seed(Number(fill)),
  mesh: MESH,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap
})
network.onLink('work', (link) => link.onFrame((frame) => link.send(frame)))
network.subscribe('work', {
  validate: () => 'accept',
  deliver: (bytes, from) => process.send?.({ gossip: bytesToHex(bytes), from })
})
process.on('message', (message: { publish: string }) => {
  void network.publish('work', hexToBytes(message.publish))
})
process.send?.({ peer: network.peerId, address: network.addresses()[0] })
