/**
 * What goes into the gateway machine and what comes out. Every input carries its time; effects are
 * carried out strictly in order by a driver. Nothing here acts, and nothing here decides.
 */
import type {
  AdmissionRefusal,
  AnnouncementMessage,
  Attestation,
  Cid,
  ClaimMessage,
  CommitMessage,
  EntryContent,
  ErrorCode,
  ErrorFacts,
  EventDraft,
  FailureMessage,
  GatewayFrame,
  HeartbeatMessage,
  HelloMessage,
  Judgement,
  LogId,
  NodeState,
  OpenedResults,
  PackedUnit,
  PeerId,
  ReleaseMessage,
  SessionHistory,
  SessionId,
  SessionSpec,
  StopReason,
  Tier,
  UnitId,
  UnitOutcome,
  UnitSubmission,
  WithdrawMessage
} from '#contracts'

/** What the ledger says of a node; the scheduler reads it and works without it. */
export interface NodeStanding {
  readonly log: string
  readonly owner: string
  readonly state: NodeState
  /** 0 to 1000. */
  readonly trustMilli: number
}

/** A judged attempt; null: its output could not be had, or is not what its id says. */
export interface JudgedAttempt {
  readonly attempt: number
  readonly judgement: Judgement | null
}
export interface JudgedUnit {
  readonly session: SessionId
  readonly unit: UnitId
  readonly judgements: readonly JudgedAttempt[]
  /** Attempts that say the same, over all candidates that are ok; largest group first. */
  readonly groups: readonly (readonly number[])[]
}

export interface JudgeCandidate {
  readonly attempt: number
  readonly node: PeerId
  readonly outputCid: Cid
  readonly backendClass: string
  /** Judged ok before: it is here for the comparison alone. */
  readonly ok: boolean
}
export interface JudgeRequest {
  readonly session: SessionId
  readonly unit: PackedUnit
  readonly candidates: readonly JudgeCandidate[]
}

/** What a model asks of a node, and what its runs take. */
export interface ModelNeeds {
  readonly tier: Tier
  readonly memoryMb: number
  /** Calibrated cost of a run on the reference class; null: not known. */
  readonly cost: { readonly baseUs: number; readonly usPerKib: number } | null
}

type From<T, Body> = { readonly type: T; readonly node: PeerId; readonly body: Body }
type Timed<T> = T & { readonly nowMs: number }

export type GatewayInput = Timed<
  | {
      readonly type: 'open'
      readonly spec: SessionSpec
      /** Null: the session is new. */
      readonly history: SessionHistory | null
      /** What the tenant may still reserve; null: nobody counts. */
      readonly availableMicro: number | null
    }
  | {
      readonly type: 'submit'
      readonly session: SessionId
      readonly units: readonly UnitSubmission[]
    }
  | { readonly type: 'cancel'; readonly session: SessionId }
  | {
      readonly type: 'close'
      readonly session: SessionId
      readonly stopReason: StopReason
      readonly stateHash: string
    }
  | ({ readonly type: 'model'; readonly cid: Cid } & ModelNeeds)
  | (From<'hello', HelloMessage> & { readonly standing: NodeStanding | null })
  | { readonly type: 'disconnected'; readonly node: PeerId }
  | From<'claim', ClaimMessage>
  | From<'withdraw', WithdrawMessage>
  | From<'commit', CommitMessage>
  | { readonly type: 'result'; readonly node: PeerId; readonly results: OpenedResults }
  | From<'failure', FailureMessage>
  | From<'release', ReleaseMessage>
  | From<'heartbeat', HeartbeatMessage>
  | { readonly type: 'judged'; readonly items: readonly JudgedUnit[] }
  | { readonly type: 'trust'; readonly node: PeerId; readonly standing: NodeStanding }
  | { readonly type: 'tick' }
>
export type InputOf<T extends GatewayInput['type']> = Extract<GatewayInput, { readonly type: T }>

export type GatewayEffect =
  /** Append these as one batch before anything that comes after. */
  | { readonly type: 'record'; readonly contents: readonly EntryContent[] }
  | {
      readonly type: 'send'
      readonly node: PeerId
      readonly frame: GatewayFrame
      /** Small blobs that a grant should carry along, where they are at hand. */
      readonly attach?: readonly Cid[]
    }
  /** `addresses` and `units_cid` are the driver's to fill in. */
  | { readonly type: 'announce'; readonly body: AnnouncementMessage }
  /** Fetch the outputs, judge and compare them; answered by `judged`. */
  | { readonly type: 'judge'; readonly items: readonly JudgeRequest[] }
  | { readonly type: 'event'; readonly event: EventDraft }
  | { readonly type: 'outcome'; readonly outcome: UnitOutcome }
  /** Another result stands for a unit that had succeeded. */
  | { readonly type: 'corrected'; readonly outcome: UnitOutcome }
  | {
      readonly type: 'refuse-session'
      readonly session: SessionId
      readonly refusal: AdmissionRefusal
    }
  /** A peer's fault: counted and reported, never thrown. */
  | {
      readonly type: 'refuse'
      readonly node: PeerId
      readonly code: ErrorCode
      readonly facts: ErrorFacts
    }
  /** No room for this node: close its link. */
  | { readonly type: 'drop'; readonly node: PeerId }
  /** Call `tick` at this time; it replaces an earlier timer. */
  | { readonly type: 'timer'; readonly atMs: number }

export interface PriceQuestion {
  readonly unit: PackedUnit
  readonly inputBytes: number
  readonly nodeClass: string
  readonly attestation: Attestation
  readonly maxMicro: number
}

/** What the policy `probation` makes of nodes; all of it holds for nodes that nobody knows, too. */
export interface NodeChecks {
  /** Suspects are tested past the budget. */
  readonly suspects: number
  /** Of a thousand results of proven nodes, so many are checked all the same. */
  readonly residualPerMille: number
  /** A node of the operator's own: its word settles differences. */
  isTrusted(node: PeerId): boolean
  /** Whether the node's word alone is taken. */
  isProven(node: PeerId): boolean
  isSuspect(node: PeerId): boolean
  convictionsOf(node: PeerId): number
  /** Whose turn it is to be checked, the lowest first. */
  turnOf(node: PeerId): number
  /** Checks that it must still pass. */
  needsOf(node: PeerId): number
  /** Whether one more execution may be spent on checks, beside those that are under way. */
  mayCheck(open: { readonly extras: number; readonly units: number }): boolean
  pastToCheck(node: PeerId, draw: number, allowed: (unit: UnitId) => boolean): UnitId | null
  /** Nobody stands for the unit's result any more. */
  isAbandoned(unit: UnitId): boolean
  /** The unit's result was paid for good: it can be withdrawn no more. */
  isFinal(unit: UnitId): boolean
}

export interface TrustChangeTold {
  readonly node: PeerId
  readonly seq: number
  readonly rule: string
  readonly deltaMilli: number
  readonly scoreMilli: number
}

export interface ReopenedUnit {
  readonly session: SessionId
  readonly unit: UnitId
  readonly node: PeerId
  /** The session was open when its node was convicted. */
  readonly isOpen: boolean
}

export interface ReturnedAttempt {
  readonly session: SessionId
  readonly unit: UnitId
  readonly attempt: number
}

/**
 * The ledger's fold as the gateway reads it at each step: it stands for all that was recorded before.
 * Trust is never computed here; without a fold the gateway works as declared.
 */
export interface TrustView {
  /** Null where the mesh has another policy. */
  readonly checks: NodeChecks | null
  /** Score changes from that count on, and the count that comes next. */
  changes(from: number): { readonly changes: readonly TrustChangeTold[]; readonly next: number }
  /** Units whose results lost their last support, from that count on. */
  reopenings(from: number): readonly ReopenedUnit[]
  /** Accepted attempts whose pay went back to the tenant, from that count on. */
  returned(from: number): readonly ReturnedAttempt[]
}

export interface GatewayOptions {
  readonly gateway: PeerId
  readonly log: LogId
  /** Nodes in zone `trusted`; the zones a node names itself are its own word and count for nothing. */
  readonly trusted: ReadonlySet<string>
  /** The fold's price of an accepted attempt, in micro-credits; at most `maxMicro`. */
  readonly price: (question: PriceQuestion) => number
  /** Concurrent leases of one tenant; null: no cap. */
  readonly tenantLeasesMax: number | null
  /**
   * How long after its start the gateway waits for nodes and sessions of before; RECOVERY_GRACE_MS
   * where absent. 0 where there is nothing to go on with.
   */
  readonly recoveryGraceMs?: number
  /** Absent: nobody says anything of nodes. */
  readonly trust?: TrustView
  /** Random bytes that only this gateway has: who is checked follows from them. */
  readonly secret?: Uint8Array
  /**
   * Whether the caller takes another result for a unit that succeeded; where it does, it waits for one
   * from then on. Absent: never.
   */
  readonly mayCorrect?: (session: SessionId, unit: UnitId) => boolean
}
