export { AgentDriver } from './agent/agent-driver.ts'
export { systemClock } from './agent/clock-driver.ts'
export { DRILLS, type Drill } from './agent/drill.ts'
export type { AgentDriverOptions } from './agent/driver-options.ts'
export type {
  AgentBlobs,
  AgentClock,
  AgentLedger,
  AgentPorts,
  AgentReport
} from './agent/ports.ts'
export { GatewayDriver, type GatewayDriverOptions } from './gateway/gateway-driver.ts'
export { gatewayLedger, gatewayPrice, gatewayTrust } from './gateway/ledger-adapter.ts'
export type {
  GatewayBlobs,
  GatewayClock,
  GatewayLedger,
  GatewayPorts,
  GatewayReport
} from './gateway/ports.ts'
export { drawIncarnation, openKeyFile } from './keys/key-file.ts'
export { NodeVerifier, nodeSigner, nodeVerifier } from './keys/node-signer.ts'
export { type LedgerLinksPorts, linkLedger } from './ledger-links.ts'
export { checkLevelLogs } from './level-log.ts'
export {
  BlobExchange,
  type BlobExchangeOptions,
  type BlobExchangePorts,
  type FetchOptions
} from './net/blob-exchange.ts'
export type { FetchProgress } from './net/blob-fetch.ts'
export { createNetwork } from './net/create-network.ts'
export type { NetworkLimits, NetworkLogger, NetworkOptions } from './net/network.ts'
export type { NodeNetworkOptions } from './net/node-network.ts'
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
export { RefusalLog, type RefusalLogPorts, type Refused } from './net/refusal-log.ts'
export { askStatus, serveStatus } from './net/status-link.ts'
export {
  type NodeOptions,
  type NodePorts,
  type NodeStatus,
  type RunningNode,
  startNode
} from './node.ts'
export { genesisCid, keyFile, type MeshName } from './node-files.ts'
