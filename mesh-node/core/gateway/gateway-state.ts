/**
 * The records that the gateway machine keeps: sessions, submissions, units, leases, nodes, claims.
 * Shapes and the few numbers that are read everywhere; what changes them stands in its own file.
 */
import {
  type Attestation,
  assert,
  type Backend,
  type Cid,
  DTYPE_BYTES,
  type EscalationTrigger,
  type ExecutionRecord,
  type ExecutionState,
  type FailureClass,
  type HelloMessage,
  type LeaseId,
  NODE_LEASES_MAX,
  type NodeState,
  type PackedUnit,
  type PeerId,
  type Receipt,
  type SessionHistory,
  type SessionSpec,
  type SessionState,
  type UnitEdge,
  type UnitId,
  type UnitInput,
  type UnitKind,
  type UnitOutcome,
  type Verdict,
  type WorkUnit
} from '#contracts'
import type { AdmissionMode } from './admission.ts'
import type { Breaker } from './breaker.ts'

export interface SessionRecord {
  readonly spec: SessionSpec
  readonly history: SessionHistory | null
  readonly openedAtMs: number
  readonly deadlineMs: number
  /** The mode that the gateway was in when it admitted the session. */
  readonly admittedIn: AdmissionMode
  state: SessionState
  readonly roots: Map<UnitId, RootRecord>
  readonly units: Map<UnitId, UnitRecord>
  /** Submissions by the unit that they wait for. */
  readonly dependants: Map<UnitId, RootRecord[]>
  /** Units that want a lease again, and perhaps some that have it by now. */
  readonly returning: Set<UnitRecord>
  /** Of the classes in which its units wait; each key once, however many units have it. */
  readonly classKeys: Map<string, string>
  /** Units of low priority that wait until admission is open again. */
  deferred: UnitRecord[]
  readonly counts: Record<ExecutionState, number>
  readonly tenant: TenantRecord
  reservedMicro: number
  postedMicro: number
  /** The most that units may cost which have no lease yet. */
  unplacedMicro: number
  tokensReserved: number
  tokensUsed: number
  modelCalls: number
  retries: number
  /** Leases that something is still coming of without anyone's help. */
  activeLeases: number
}

export interface TenantRecord {
  readonly id: string
  /** What may still be reserved; null: nobody counts. */
  availableMicro: number | null
  reservedMicro: number
  /** Leases whose reservations are held here; while there are any, the balance is counted here. */
  leases: number
  activeLeases: number
  retryTokens: number
  retryTokensAtMs: number
}

/** One submission: the unit that was handed in, and whatever is run in its place. */
export class RootRecord {
  readonly unitId: UnitId
  readonly session: SessionRecord
  readonly edges: readonly UnitEdge[]
  readonly taken: UnitEdge[] = []
  readonly escalations: EscalationTrigger[] = []
  readonly executions: ExecutionRecord[] = []
  /** The unit as submitted, then those of the edges that were taken. */
  readonly units: UnitRecord[] = []
  /** Units of the session that must succeed first. */
  waitingFor = 0
  costMicro = 0
  outcome: UnitOutcome | null = null

  constructor(session: SessionRecord, unitId: UnitId, edges: readonly UnitEdge[]) {
    this.session = session
    this.unitId = unitId
    this.edges = edges
  }

  get current(): UnitRecord {
    const unit = this.units.at(-1)
    assert(unit !== undefined, 'a submission has its unit')
    return unit
  }
}

export interface UnitFailure {
  readonly class: FailureClass
  readonly code: string
  readonly detail: string
}

/** A place in the line of units that need a lease: the unit's until it leaves. */
export interface WaitingPlace {
  readonly unit: UnitRecord
}

export interface UnitRecord {
  readonly packed: PackedUnit
  readonly root: RootRecord
  readonly queuedAtMs: number
  readonly inputBytes: number
  readonly classKey: string
  state: ExecutionState
  /** The last attempt number that was leased. */
  attempt: number
  /** Attempts that failed by a fault of the unit or its nodes; vanished nodes are `losses`. */
  failures: number
  losses: number
  releases: number
  /** Leases to be granted now; the unit stands in its class's queue while there are any. */
  wanted: number
  /** Where it waits for them; null: it waits for none. */
  place: WaitingPlace | null
  /** A retry in its backoff. */
  notBeforeMs: number | null
  readonly leases: LeaseRecord[]
  /** Its call and its tokens: `held` from its first lease to its end, and counted for good then. */
  tokens: 'none' | 'held' | 'counted'
  /** The most that a result used which came before a restart and was not accepted. */
  tokensBefore: number
  /** Nodes that have failed it: others are preferred. */
  readonly avoid: PeerId[]
  /** Owners that said this unit can never succeed. */
  readonly hopeless: string[]
  /** A majority waits until then for results that were asked for. */
  graceUntilMs: number
  judging: boolean
  /** Attempts that say the same, as of the last judgement. */
  groups: readonly (readonly number[])[]
  /** The lease whose result stands for the unit. */
  canonical: LeaseRecord | null
  lastFailure: UnitFailure | null
  /** The mesh wants its results compared, though its graph asks for one alone. */
  isChecked: boolean
  /** It has succeeded, and is done once more by others. */
  recheck: Recheck | null
}

/** A unit that has succeeded and is looked at again. */
export interface Recheck {
  /** `past`: a check of a node; `reopened`: its node was convicted, and nobody else stands for it. */
  why: 'past' | 'reopened'
  /** Whose check it is beside the one who does it again; null: nobody's. */
  readonly subject: NodeRecord | null
  /** It waits for so many leases. */
  wanted: number
  /** Attempts that came to nothing. */
  lost: number
  /** Nothing more can be done about it. */
  isOver: boolean
}

/**
 * `granted`: the node works on it; `committed`: a commitment is in; `revealed`: the result was asked
 * for; `judging`: the result is here; `held`: and waits for others to be judged with; `ok`: judged,
 * waits for others; `ended`: nothing more comes.
 */
export type LeasePhase = 'granted' | 'committed' | 'revealed' | 'judging' | 'held' | 'ok' | 'ended'

export interface LeaseRecord {
  readonly id: LeaseId
  readonly unit: UnitRecord
  readonly attempt: number
  readonly node: NodeRecord
  readonly owner: string
  readonly maxMicro: number
  readonly grantedAtMs: number
  readonly expiresAtMs: number
  readonly commit: boolean
  /** From the history of a session that was opened again: its commitment may be lost. */
  readonly restored: boolean
  readonly claim: ClaimRecord | null
  phase: LeasePhase
  commitment: Uint8Array | null
  /** When its result was asked for; null: not yet, or not since a restart. */
  revealedAtMs: number | null
  attestation: Attestation | null
  receipt: (() => Receipt) | null
  lowConfidence: boolean
  /** One more than the graph asks for: counts against what checks may cost. */
  isExtra: boolean
  /** It will show whether the node is right. */
  isCheck: boolean
  /** Its result was paid for. */
  isAccepted: boolean
  /** What the node was told in the end. */
  told: { readonly verdict: Verdict; readonly reason: string; readonly earnedMicro: number } | null
}

/** A lease that was over before a restart, and what its node is to hear of it. */
export interface RecalledLease {
  readonly lease: LeaseId
  readonly node: PeerId
  readonly verdict: Verdict
  readonly reason: string
  readonly earnedMicro: number
}

export interface ClaimRecord {
  readonly id: number
  kinds: ReadonlySet<UnitKind>
  models: ReadonlySet<Cid>
  slots: number
  standing: boolean
  /** Standing: leases under it that the node works on; else: leases granted. */
  used: number
}

export interface NodeRecord {
  readonly id: PeerId
  state: NodeState
  descriptor: HelloMessage['descriptor'] | null
  log: string
  nodeClass: string
  backendClass: string
  connected: boolean
  /** Leases that it named in its last hello; null before its first. */
  holding: ReadonlySet<string> | null
  /** Lost if nothing is heard of it until then. */
  lostAtMs: number
  health: number
  healthRaw: number
  healthAtMs: number
  healthSaidMilli: number
  trust: number
  readonly breaker: Breaker
  /** The ledger names it with this owner and log. */
  recorded: boolean
  /** Checks of it that are under way. */
  checks: number
  readonly claims: Map<number, ClaimRecord>
  readonly leases: Set<LeaseRecord>
  /** Leases that it still works on. */
  working: number
}

/** Leases that a node takes on at once. */
export const leasesMax = ({ descriptor }: NodeRecord): number =>
  Math.min(descriptor?.queue_max ?? 0, NODE_LEASES_MAX)

/** Places left under a claim; never negative. */
export function placesLeft(node: NodeRecord, claim: ClaimRecord): number {
  return Math.max(0, Math.min(claim.slots - claim.used, leasesMax(node) - node.working))
}

/** A commitment waits for others, as may a result, judged or not: none of these ends by itself. */
const IS_ACTIVE: Record<LeasePhase, boolean> = {
  granted: true,
  committed: false,
  revealed: true,
  judging: true,
  held: false,
  ok: false,
  ended: false
}

/** Moves a lease on and keeps count of those that are active. */
export function setPhase(lease: LeaseRecord, phase: LeasePhase): void {
  assert(lease.phase !== 'ended', 'a lease that has ended goes nowhere')
  countActive(lease, Number(IS_ACTIVE[phase]) - Number(IS_ACTIVE[lease.phase]))
  lease.phase = phase
}

/** A lease was entered (1), or its count changes. */
export function countActive({ unit }: LeaseRecord, change: number): void {
  const { session } = unit.root
  session.activeLeases += change
  session.tenant.activeLeases += change
  assert(session.activeLeases >= 0, 'no fewer than no leases are active')
}

/** Leases that a unit asks for at first. */
export function replicasOf({ packed }: Pick<UnitRecord, 'packed'>): number {
  const { mode, replicas } = packed.unit.verification
  if (mode === 'quorum') return replicas
  return mode === 'recompute' ? 2 : 1
}

/** The most that the unit may cost as long as it has no lease; else nothing. */
export const unplacedMicro = (unit: Pick<UnitRecord, 'packed' | 'state'>): number =>
  unit.state === 'queued' || unit.state === 'ready'
    ? replicasOf(unit) * unit.packed.unit.budget.max_cost_micro
    : 0

export const isOutstanding = ({ phase }: LeaseRecord): boolean =>
  phase === 'granted' || phase === 'committed' || phase === 'revealed'

/** Its result is here, and was not judged yet. */
export const isUnjudged = ({ phase }: LeaseRecord): boolean =>
  phase === 'judging' || phase === 'held'

/** Counts for a quorum: outstanding, or its result is here and not refused. */
export const isLive = ({ phase }: LeaseRecord): boolean => phase !== 'ended'

/**
 * Who holds these leases; null: one of them is of before a restart, and its node has not said since
 * whose it is. Then nobody can be told to be another owner.
 */
export function ownersOf(leases: readonly LeaseRecord[]): Set<string> | null {
  const owners = leases.map(({ restored, owner, node }) =>
    restored ? node.descriptor?.owner : owner
  )
  const known = owners.filter((owner) => owner !== undefined)
  return known.length === owners.length ? new Set(known) : null
}

export const backendClassOf = (backend: Backend): string =>
  `${backend.runtime}|${backend.version}|${backend.provider}|${backend.device_class}`

/** Which price applies to a node's compute. */
export function nodeClassOf(descriptor: HelloMessage['descriptor']): string {
  if (descriptor.pod_tiers.length > 0) return 'pod'
  return descriptor.accelerators.length > 0 ? 'accelerated' : 'cpu'
}

/** Bytes of one input, from its shape: a value's shape is its length. */
export function inputBytes({ dtype, shape }: UnitInput): number {
  let size = dtype === 'value' ? 1 : DTYPE_BYTES[dtype]
  for (const extent of shape) size *= extent
  return Math.min(size, Number.MAX_SAFE_INTEGER)
}

export const inputBytesOf = ({ inputs }: WorkUnit): number =>
  inputs.reduce((sum, input) => Math.min(sum + inputBytes(input), Number.MAX_SAFE_INTEGER), 0)
