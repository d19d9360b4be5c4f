export { NodeVerifier, nodeSigner, nodeVerifier } from './keys/node-signer.ts'
export {
  createNetwork,
  type NetworkLimits,
  type NetworkLogger,
  type NetworkOptions
} from './net/libp2p-network.ts'
export {
  type GossipVerdict,
  LINK_PROTOCOLS,
  type Link,
  type LinkKind,
  type MeshNetwork,
  TOPICS,
  type Topic,
  type TopicHandler
} from './net/ports.ts'
