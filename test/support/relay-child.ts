/**
 * A relay in a process of its own, so that it can be killed and started again at the same address:
 * within one process the UDP port of WebRTC stays taken. Given: where to listen, and the certificate.
 */
import { createNetwork } from '#mesh-node'
import { MESH, seed } from './mesh-fixtures.ts'

const [certificateFile = '', ...listen] = process.argv.slice(2)
const network = await createNetwork({
  seed: seed(1),
  mesh: MESH,
  listen,
  relay: true,
  certificateFile
})
process.send?.({ peer: network.peerId, addresses: network.addresses() })
