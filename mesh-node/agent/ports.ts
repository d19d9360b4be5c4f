/**
 * What the agent driver needs of the world. The product gives it libp2p, a store on disk, executor
 * processes and a ledger; tests may give others.
 */
import type {
  Blobs,
  Cid,
  EntryContent,
  EventDraft,
  LeaseId,
  MeshError,
  PeerId,
  Signer,
  Verifier
} from '#contracts'
import type { AgentOffer, RunResult, Verdicts } from '#mesh-node/core'
import type { ExecutionEngine, Trial, TrialRecord } from '#mesh-node/exec'
import type { HeldBlob } from '#mesh-node/store'
import type { MeshNetwork } from '../net/ports.ts'

export interface AgentClock {
  nowMs(): number
  /** Calls `fire` once at that time or soon after; gives a way to take it back. */
  setTimer(atMs: number, fire: () => void): () => void
}

export interface AgentBlobs extends Blobs {
  putVolatile(bytes: Uint8Array, cid?: Cid): Promise<Cid>
  size(cid: Cid): Promise<number | null>
  /** The blob as a file that stays until it is released. */
  hold(cid: Cid): Promise<HeldBlob | null>
}

export interface AgentLedger {
  append(contents: readonly EntryContent[]): Promise<unknown>
}

/** What the operator's log gets; nothing here changes what the agent does. */
export type AgentReport =
  | { readonly type: 'gateway'; readonly gateway: PeerId; readonly phase: 'online' | 'lost' }
  | { readonly type: 'frame-refused'; readonly gateway: PeerId; readonly error: MeshError }
  | {
      readonly type: 'model'
      readonly model: Cid
      readonly ok: boolean
      readonly reason: string
      /** How it went on each backend; empty where it came to no trial. */
      readonly trials: readonly Trial[]
    }
  /** Units that a gateway leased to this node; which of them it takes, the machine says. */
  | { readonly type: 'offered'; readonly offers: readonly AgentOffer[] }
  /** A unit has an output here; what its gateway says of it comes later. */
  | { readonly type: 'ran'; readonly results: readonly RunResult[] }
  /** The gateway has spoken of results of this node. */
  | { readonly type: 'judged'; readonly verdicts: Verdicts }
  /** Over on this node, however; verdicts were told before. */
  | { readonly type: 'leases-ended'; readonly leases: readonly LeaseId[] }
  | {
      readonly type: 'run-failed'
      readonly lease: LeaseId
      readonly code: string
      readonly detail: string
    }
  | { readonly type: 'ledger-refused'; readonly peer: PeerId; readonly error: MeshError }
  /** Nothing more is taken of an author's log: it said two things. */
  | { readonly type: 'forked'; readonly fork: MeshError }
  | { readonly type: 'record-failed'; readonly error: unknown }
  | { readonly type: 'event'; readonly event: EventDraft }

export interface AgentPorts {
  readonly network: MeshNetwork
  readonly engine: ExecutionEngine
  /** Outcomes of golden runs, kept from visit to visit; absent: all are made anew. */
  readonly trials?: TrialRecord
  readonly blobs: AgentBlobs
  /** Brings a blob into `blobs`, from these peers or any other; throws a MeshError where none has it. */
  readonly fetchBlob: (cid: Cid, from: readonly PeerId[]) => Promise<void>
  readonly ledger: AgentLedger
  readonly signer: Signer
  readonly verifier: Verifier
  readonly clock: AgentClock
  readonly report: (report: AgentReport) => void
  /** Our own mistake, or a disk that refuses, where nobody waits for an answer: the process must stop. */
  readonly fatal: (error: unknown) => void
}
