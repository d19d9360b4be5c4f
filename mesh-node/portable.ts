/**
 * The door to what of a node is not bound to Node: drivers over ports, for a tab as for a process.
 * Nothing below it loads `node:*` or speaks of Node's globals.
 */
export { AgentDriver } from './agent/agent-driver.ts'
export { systemClock } from './agent/clock-driver.ts'
export type { AgentDriverOptions } from './agent/driver-options.ts'
export type {
  AgentBlobs,
  AgentClock,
  AgentLedger,
  AgentPorts,
  AgentReport
} from './agent/ports.ts'
export { type Conformance, type ConformanceRequest, conformance } from './exec/conformance.ts'
export type {
  EngineStats,
  ExecutionEngine,
  ExecutionLimits,
  ExecutionRequest,
  ExecutionResult,
  InputRef,
  Signature,
  Trial
} from './exec/engine.ts'
export { modelId, type TrialOutcome, type TrialRecord, trialKey } from './exec/trials.ts'
export { type LedgerLinksPorts, linkLedger } from './ledger-links.ts'
export {
  BlobExchange,
  type BlobExchangeOptions,
  type BlobExchangePorts,
  type FetchOptions
} from './net/blob-exchange.ts'
export type { FetchProgress } from './net/blob-fetch.ts'
export {
  gaterFor,
  isLocalMesh,
  type NetworkLimits,
  type NetworkLogger,
  type NetworkOptions,
  type NetworkParts,
  openNetwork
} from './net/network.ts'
export {
  type GossipVerdict,
  LINK_PROTOCOLS,
  type Link,
  type LinkKind,
  type MeshNetwork,
  TOPICS,
  type Topic,
  type TopicHandler,
  type TrafficMeter
} from './net/ports.ts'
export { slices } from './net/turns.ts'
export type {
  BlobDisk,
  Digested,
  FoundBlob,
  WriterEnd,
  WriterPorts
} from './store/blob-disk.ts'
export { BlobShelf, type BlobShelfOptions } from './store/blob-shelf.ts'
export {
  type BlobReader,
  type BlobStore,
  type BlobWriter,
  bytesReader,
  type HeldBlob
} from './store/blob-store.ts'
