/**
 * What goes into the agent machine and what comes out. Inputs carry the time; effects are carried
 * out by a driver, in order. Nothing here acts, and nothing here knows a socket or a process.
 */
import type {
  AckMessage,
  AnnouncementMessage,
  Attestation,
  Backend,
  Cid,
  EventDraft,
  FailureClass,
  LeaseId,
  LogId,
  NodeDescriptor,
  NodeFrame,
  PackedUnit,
  PeerId,
  RevokeMessage,
  Tier,
  Usage,
  WelcomeMessage
} from '#contracts'

export interface KnownGateway {
  readonly gateway: PeerId
  /** Multiaddrs; empty where the network finds the peer by itself. */
  readonly addresses: readonly string[]
}

export interface AgentOptions {
  readonly node: PeerId
  /** The node's own ledger log, as it says in its hello. */
  readonly log: LogId
  readonly descriptor: NodeDescriptor
  /** Tenants that this node works for; null: all that the mesh admits. */
  readonly tenants: readonly string[] | null
  /** Gateways that may give work; null: any that announces. */
  readonly authorized: readonly PeerId[] | null
  /** Gateways to join at once, before any announcement. */
  readonly gateways: readonly KnownGateway[]
  /** How long running units may go on after `drain`. */
  readonly drainGraceMs: number
}

/** A lease as granted, its unit opened and its id checked against its bytes by the driver. */
export interface AgentOffer {
  readonly lease: LeaseId
  readonly attempt: number
  readonly unit: PackedUnit
  /** Counted on this node's clock from receipt. */
  readonly ttlMs: number
  /** Commit first, reveal when asked. */
  readonly commit: boolean
}

export interface UnreadableOffer {
  readonly lease: LeaseId
  readonly code: string
  readonly detail: string
}

/** A run that ended with an output, which the driver holds by its content id. */
export interface RunResult {
  readonly lease: LeaseId
  readonly outputCid: Cid
  readonly usage: Usage
  readonly backend: Backend
  readonly startedMs: number
  readonly finishedMs: number
}

export type Verdicts = AckMessage['verdicts']

type Timed<T> = T & { readonly nowMs: number }
export type AgentInput = Timed<
  | { readonly type: 'announcement'; readonly body: AnnouncementMessage }
  /** The network sees the gateway: dial it now rather than after the backoff. */
  | { readonly type: 'reachable'; readonly gateway: PeerId }
  | { readonly type: 'linked'; readonly gateway: PeerId }
  /** The link closed, or dialling failed. */
  | { readonly type: 'unlinked'; readonly gateway: PeerId }
  | { readonly type: 'welcome'; readonly gateway: PeerId; readonly body: WelcomeMessage }
  | {
      readonly type: 'grant'
      readonly gateway: PeerId
      readonly offers: readonly AgentOffer[]
      /** Leases whose unit does not follow its contract. */
      readonly unreadable?: readonly UnreadableOffer[]
    }
  | { readonly type: 'reveal'; readonly gateway: PeerId; readonly leases: readonly LeaseId[] }
  | { readonly type: 'revoke'; readonly gateway: PeerId; readonly body: RevokeMessage }
  | { readonly type: 'ack'; readonly gateway: PeerId; readonly verdicts: Verdicts }
  | { readonly type: 'blobs-ready'; readonly lease: LeaseId }
  | {
      readonly type: 'blobs-failed'
      readonly lease: LeaseId
      readonly code: string
      readonly detail: string
    }
  | {
      readonly type: 'manifest-read'
      readonly model: Cid
      readonly tier: Tier
      readonly memoryMb: number
    }
  | { readonly type: 'model-ready'; readonly model: Cid }
  /** `again`: a fault of fetching, not of the model: it is tried again later. */
  | {
      readonly type: 'model-refused'
      readonly model: Cid
      readonly reason: string
      readonly again: boolean
    }
  /** The owner switched a processor on or off, or one was lost: models are checked again. */
  | { readonly type: 'backends-changed' }
  | { readonly type: 'finished'; readonly results: readonly RunResult[] }
  | {
      readonly type: 'failed'
      readonly lease: LeaseId
      readonly class: FailureClass
      readonly code: string
      readonly detail: string
    }
  | { readonly type: 'measured'; readonly freeMemoryMb: number }
  | { readonly type: 'drain' }
  | { readonly type: 'pause' }
  /** Takes nothing new, lets what runs end, and is paused then. */
  | { readonly type: 'finish' }
  | { readonly type: 'resume' }
  | { readonly type: 'tick' }
>
export type InputOf<T extends AgentInput['type']> = Extract<AgentInput, { readonly type: T }>

export type AgentEffect =
  /** Open the work link; answered by `linked` or `unlinked`. */
  | { readonly type: 'dial'; readonly gateway: PeerId; readonly addresses: readonly string[] }
  | {
      readonly type: 'send'
      readonly gateway: PeerId
      readonly frame: Exclude<NodeFrame, { kind: 'result' }>
    }
  /** Sign these as one batch and send them with their small outputs. */
  | {
      readonly type: 'attest'
      readonly gateway: PeerId
      readonly attestations: readonly Attestation[]
    }
  | {
      readonly type: 'fetch'
      readonly lease: LeaseId
      readonly unit: PackedUnit
      readonly gateway: PeerId
      readonly cids: readonly Cid[]
    }
  | { readonly type: 'read-manifest'; readonly model: Cid; readonly gateway: PeerId }
  /** Fetch the files, run the golden vectors; answered by `model-ready` or `model-refused`. */
  | { readonly type: 'check-model'; readonly model: Cid; readonly gateway: PeerId }
  /** Answered by `finished` or `failed`, also after a `kill`. */
  | {
      readonly type: 'execute'
      readonly lease: LeaseId
      readonly unit: PackedUnit
      readonly timeoutMs: number
    }
  /** Handlers built into every node: answered by `finished` in the same turn; they take no slot. */
  | { readonly type: 'run-built-in'; readonly items: readonly BuiltInItem[] }
  | { readonly type: 'kill'; readonly lease: LeaseId }
  /** The gateway has spoken: the node's own log keeps receipts and verdicts. */
  | { readonly type: 'record'; readonly gateway: PeerId; readonly verdicts: Verdicts }
  /** These leases have ended: nothing that was kept for them is needed. */
  | { readonly type: 'forget'; readonly leases: readonly LeaseId[] }
  | { readonly type: 'event'; readonly event: EventDraft }
  /** Call `tick` at this time; an earlier timer is replaced. */
  | { readonly type: 'timer'; readonly atMs: number }
  /** The last effect of a drained agent. */
  | { readonly type: 'drained' }

export interface BuiltInItem {
  readonly lease: LeaseId
  readonly unit: PackedUnit
}
