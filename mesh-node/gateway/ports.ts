/**
 * What the gateway driver needs of the world. The product gives it libp2p, a ledger on disk, a blob
 * store and KORA's judge; tests may give others. Nothing of KORA shows here.
 */
import type {
  Blobs,
  Cid,
  EntryContent,
  ErrorFacts,
  FabricSignal,
  Judge,
  PeerId,
  SessionHistory,
  SessionId,
  Signer,
  Verifier
} from '#contracts'
import type { NodeStanding } from '#mesh-node/core'
import type { MeshNetwork } from '../net/ports.ts'

export interface GatewayClock {
  nowMs(): number
  /** Calls `fire` once at that time or soon after; gives a way to take it back. */
  setTimer(atMs: number, fire: () => void): () => void
}

export interface GatewayLedger {
  /** Resolves when the batch is stored and folded. */
  append(contents: readonly EntryContent[]): Promise<unknown>
  /** Null where the session was never opened. */
  history(session: SessionId): Promise<SessionHistory | null>
  /** What the fold says of a node; null where it is not registered. */
  standing(node: PeerId): NodeStanding | null
  /** What a tenant may still reserve; null where nobody counts. */
  availableMicro(tenant: string): number | null
}

export interface GatewayBlobs extends Blobs {
  put(bytes: Uint8Array, cid?: Cid): Promise<Cid>
  /** As `put`, but may be lost when the process ends. */
  putVolatile(bytes: Uint8Array, cid?: Cid): Promise<Cid>
}

/** For the operator's log; nothing here changes what the gateway does. */
export type GatewayReport =
  | { readonly type: 'node'; readonly node: PeerId; readonly phase: 'linked' | 'lost' }
  /** A frame or an item in it that was not taken, with a stable code. */
  | {
      readonly type: 'refused'
      readonly node: PeerId
      readonly code: string
      readonly facts: ErrorFacts
    }
  | { readonly type: 'announce-failed'; readonly code: string }

export interface GatewayPorts {
  readonly network: MeshNetwork
  readonly ledger: GatewayLedger
  readonly judge: Judge
  readonly blobs: GatewayBlobs
  /** Brings a blob into `blobs` from one of these peers; throws a MeshError where none has it. */
  readonly fetchBlob: (cid: Cid, from: readonly PeerId[]) => Promise<void>
  readonly signer: Signer
  readonly verifier: Verifier
  readonly clock: GatewayClock
  readonly onSignal: (signal: FabricSignal) => void
  readonly report: (report: GatewayReport) => void
  /** Our own mistake, or a disk that refuses, where nobody waits for an answer: the process must stop. */
  readonly fatal: (error: unknown) => void
}
