export { NodeVerifier, nodeSigner, nodeVerifier } from './keys/node-signer.ts'
export {
  BlobExchange,
  type BlobExchangeOptions,
  type BlobExchangePorts,
  type FetchOptions
} from './net/blob-exchange.ts'
export type { FetchProgress } from './net/blob-fetch.ts'
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
export { askStatus, serveStatus } from './net/status-link.ts'
