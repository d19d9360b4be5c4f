/**
 * The gateway machine's private state and the words every part of it shares: who is known, what
 * waits, what falls due, what this step has to say. Holds and counts; decides nothing.
 */
import {
  assert,
  type Cid,
  type EventData,
  type EventType,
  type ExecutionState,
  isTerminal,
  type LeaseId,
  moveExecution,
  type PeerId,
  type SessionId,
  type UnitId,
  type WorkUnit
} from '#contracts'
import { Admission } from './admission.ts'
import { Batches } from './batches.ts'
import { NodeChanges } from './candidates.ts'
import type { EligibilityFacts } from './eligibility.ts'
import type { GatewayOptions, ModelNeeds } from './gateway-io.ts'
import {
  type LeaseRecord,
  type NodeRecord,
  type RecalledLease,
  type RootRecord,
  type SessionRecord,
  type TenantRecord,
  type UnitRecord,
  unplacedMicro
} from './gateway-state.ts'
import { Newcomers } from './newcomers.ts'
import { Outbox } from './outbox.ts'
import { Parked } from './parked.ts'
import { TimerHeap } from './timer-heap.ts'
import { type TrustChecks, trustChecksOf } from './trust-checks.ts'
import { classKeyOf, WaitingClass } from './waiting-class.ts'

export type Due =
  /** Leases that end at one moment: those of one step share one entry. */
  | { readonly kind: 'leases'; readonly atMs: number; readonly leases: LeaseRecord[] }
  | { readonly kind: 'retry'; readonly unit: UnitRecord; readonly atMs: number }
  | { readonly kind: 'reveal'; readonly unit: UnitRecord; readonly atMs: number }
  | { readonly kind: 'deadline'; readonly session: SessionRecord }

/** What an event speaks of, beside its data. */
interface Subject {
  readonly session?: SessionRecord
  readonly unit?: UnitRecord
  readonly attempt?: number
}

export class World implements EligibilityFacts {
  readonly options: GatewayOptions
  readonly out = new Outbox()
  readonly sessions = new Map<SessionId, SessionRecord>()
  readonly tenants = new Map<string, TenantRecord>()
  readonly nodes = new Map<PeerId, NodeRecord>()
  readonly leases = new Map<LeaseId, LeaseRecord>()
  /** Of sessions that were opened again: leases that were over before, until the session closes. */
  readonly recalled = new Map<LeaseId, RecalledLease>()
  readonly models = new Map<Cid, ModelNeeds>()
  readonly classes = new Map<string, WaitingClass>()
  readonly changes = new NodeChanges()
  readonly batches = new Batches()
  readonly parked = new Parked()
  readonly admission = new Admission()
  readonly newcomers = new Newcomers()
  readonly timers = new TimerHeap<Due>(isOver)
  /** Null where the mesh's policy asks for no checks of its own. */
  readonly trust: TrustChecks | null
  /** Submissions that have ended in this step and whose dependants have not been told. */
  readonly ended: RootRecord[] = []
  /** Units that lost an attempt in this step: what is left of them may be enough. */
  readonly unsettled: UnitRecord[] = []
  nowMs = 0
  /** Something became placeable: units, places, or money. */
  dispatchWanted = false
  waitingUnits = 0
  connectedNodes = 0
  /** Until then nodes may speak of leases that nobody knows yet. */
  graceUntilMs: number | null = null

  readonly #leaseEnds = new Map<number, LeaseRecord[]>()

  constructor(options: GatewayOptions) {
    this.options = options
    this.trust = trustChecksOf(options)
  }

  get trusted(): ReadonlySet<string> {
    return this.options.trusted
  }

  get mayPark(): boolean {
    return this.graceUntilMs !== null && this.nowMs < this.graceUntilMs
  }

  event(type: EventType, { session, unit, attempt }: Subject, data: EventData): void {
    const of = unit?.root.session ?? session
    this.out.event({
      type,
      time_ms: this.nowMs,
      tenant_id: of?.spec.tenant ?? null,
      graph_id: of?.spec.graphId ?? null,
      execution_session_id: of?.spec.session ?? null,
      work_unit_id: unit?.packed.id ?? null,
      attempt: attempt ?? null,
      data
    })
  }

  /** A delivered output for which nobody stands any more: its node was convicted. */
  doubted(session: SessionId, unit: UnitId, node: PeerId): void {
    this.out.event({
      type: 'workunit.doubted',
      time_ms: this.nowMs,
      tenant_id: null,
      graph_id: null,
      execution_session_id: session,
      work_unit_id: unit,
      attempt: null,
      data: { node, output_cid: null, reason: 'probation.convicted' }
    })
  }

  /** The lease is looked at when it ends. */
  endAt(lease: LeaseRecord, atMs: number): void {
    const known = this.#leaseEnds.get(atMs)
    if (known !== undefined) {
      known.push(lease)
      return
    }
    const leases = [lease]
    this.#leaseEnds.set(atMs, leases)
    this.timers.add(atMs, { kind: 'leases', atMs, leases })
  }

  /** Nothing more is entered for this moment. */
  endsPassed(atMs: number): void {
    this.#leaseEnds.delete(atMs)
  }

  /** Moves a unit by the table of `contracts/states.ts`; an illegal step asserts. */
  move(unit: UnitRecord, to: ExecutionState): void {
    if (unit.state === to) return
    const { counts } = unit.root.session
    counts[unit.state] -= 1
    unit.root.session.unplacedMicro -= unplacedMicro(unit)
    unit.state = moveExecution(unit.state, to)
    unit.root.session.unplacedMicro += unplacedMicro(unit)
    counts[to] += 1
    assert(counts[unit.state] > 0, 'the counts of a session follow its units')
  }

  /** The unit stands in line for so many leases. */
  wait(unit: UnitRecord, wanted: number, how: 'fresh' | 'again'): void {
    assert(wanted > 0, 'a unit waits for at least one lease')
    unit.wanted = wanted
    if (how === 'again') unit.root.session.returning.add(unit)
    let waiting = this.classes.get(unit.classKey)
    if (waiting === undefined) {
      const { session } = unit.root
      waiting = new WaitingClass(unit.classKey, session, unit.packed.unit, this.trust)
      this.classes.set(unit.classKey, waiting)
    }
    waiting.add(unit, how)
    this.waitingUnits += 1
    this.dispatchWanted = true
  }

  /** The unit leaves the line, placed or not. */
  leave(unit: UnitRecord): void {
    if (unit.place === null) return
    const waiting = this.classes.get(unit.classKey)
    assert(waiting !== undefined, 'a unit waits in its class')
    waiting.leave(unit)
    this.waitingUnits -= 1
  }

  /** The key of a unit's class: the same string for all units of it. */
  classKey({ spec, classKeys }: SessionRecord, unit: WorkUnit): string {
    const key = `${spec.session}|${classKeyOf(unit)}`
    const known = classKeys.get(key)
    if (known !== undefined) return known
    classKeys.set(key, key)
    return key
  }
}

/** Due things that no longer matter. */
function isOver(due: Due): boolean {
  switch (due.kind) {
    case 'leases':
      return false
    case 'retry':
      return due.unit.notBeforeMs !== due.atMs
    case 'reveal':
      return due.unit.graceUntilMs !== due.atMs || isTerminal(due.unit.state)
    case 'deadline':
      return due.session.state !== 'initialized' && due.session.state !== 'running'
  }
}
