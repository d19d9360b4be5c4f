/**
 * The life of one lease: granted, accepted, or ended without pay. Each end writes one ledger item,
 * settles the reservation, frees the node's place and tells the node why. What follows for the unit
 * is decided elsewhere.
 */
import {
  assert,
  type EntryBody,
  type ExecutionRecord,
  leaseIdOf,
  type Receipt,
  type Verdict
} from '#contracts'
import type { AttemptEnd } from './breaker.ts'
import { holdTokens, reserve, settle } from './budget.ts'
import {
  backendClassOf,
  type ClaimRecord,
  countActive,
  isOutstanding,
  type LeaseRecord,
  type NodeRecord,
  setPhase,
  type UnitRecord
} from './gateway-state.ts'
import type { World } from './world.ts'

type Voided = EntryBody<'units.voided'>['items'][number]

/** Why a lease ends without pay, and what its node is told. */
export interface LeaseEnd {
  readonly reason: Voided['reason']
  readonly fault: Voided['fault']
  /** A stable code, for the node and for people. */
  readonly code: string
  /** `ack`: a verdict on its result; `expired`, `cancelled`, `settled`: stop; null: it knows. */
  readonly tell: 'ack' | 'expired' | 'cancelled' | 'settled' | null
}

export function grantLease(
  world: World,
  unit: UnitRecord,
  node: NodeRecord,
  claim: ClaimRecord
): LeaseRecord {
  const { packed, root } = unit
  const { unit: work } = packed
  assert(claim.used < claim.slots, 'a claim is not overdrawn')
  unit.attempt += 1
  const lease: LeaseRecord = {
    ...newLease(unit, node, claim),
    id: leaseIdOf(packed.id, unit.attempt, node.id),
    grantedAtMs: world.nowMs,
    expiresAtMs: world.nowMs + work.timeouts.dispatch_ms + work.timeouts.run_ms
  }
  assert(!world.leases.has(lease.id), 'an attempt is leased once')
  addLease(world, lease)
  claim.used += 1
  holdTokens(unit)
  reserve(lease, { isNew: true })
  node.breaker.granted(world.nowMs)
  world.out.reserved(root.session.spec.session, {
    unit: packed.id,
    attempt: lease.attempt,
    lease: lease.id,
    node: node.id,
    model: work.model.cid,
    input_bytes: unit.inputBytes,
    max_micro: lease.maxMicro,
    expires_at_ms: lease.expiresAtMs
  })
  const offer = {
    lease_id: lease.id,
    attempt: lease.attempt,
    unit: packed.bytes,
    expires_at_ms: lease.expiresAtMs,
    ttl_ms: lease.expiresAtMs - world.nowMs,
    commit: lease.commit
  }
  world.out.grant(node.id, offer, work.inputs)
  sayGranted(world, lease)
  return lease
}

/** A lease with all but its id and times. */
export function newLease(
  unit: UnitRecord,
  node: NodeRecord,
  claim: ClaimRecord | null
): Omit<LeaseRecord, 'id' | 'grantedAtMs' | 'expiresAtMs'> {
  const { unit: work } = unit.packed
  return {
    unit,
    attempt: unit.attempt,
    node,
    owner: node.descriptor?.owner ?? node.id,
    maxMicro: work.budget.max_cost_micro,
    commit: work.verification.mode === 'quorum',
    restored: false,
    claim,
    phase: 'granted',
    commitment: null,
    revealedAtMs: null,
    attestation: null,
    receipt: null,
    lowConfidence: false,
    isExtra: false,
    isCheck: false,
    isAccepted: false,
    told: null
  }
}

/** Enters a lease into the books of unit, node and clock. */
export function addLease(world: World, lease: LeaseRecord): void {
  world.leases.set(lease.id, lease)
  countActive(lease, 1)
  lease.unit.leases.push(lease)
  lease.node.leases.add(lease)
  lease.node.working += 1
  world.endAt(lease, lease.expiresAtMs)
}

function sayGranted(world: World, lease: LeaseRecord): void {
  const { unit, attempt, node } = lease
  const subject = { unit, attempt }
  world.event('credits.reserved', subject, { micro: lease.maxMicro, lease_id: lease.id })
  world.event('workunit.dispatched', subject, { node: node.id, lease_id: lease.id })
  const model = unit.packed.unit.model.cid
  if (model !== null) world.event('llm.invocation.started', subject, { node: node.id, model })
}

/** The node's part is done: its place is free for another lease. */
export function finishWork(world: World, lease: LeaseRecord): void {
  if (lease.phase !== 'granted') return
  const { node, claim } = lease
  node.working -= 1
  if (claim?.standing && claim.used > 0) claim.used -= 1
  assert(node.working >= 0, 'a node works on no fewer than no leases')
  world.changes.risen(node)
}

/** The result is here and fits its lease; the invocation is over whatever is thought of its output. */
export function resultArrived(world: World, lease: LeaseRecord): void {
  assert(lease.attestation !== null, 'a result has its attestation')
  finishWork(world, lease)
  setPhase(lease, 'judging')
  lease.node.leases.delete(lease)
  const model = lease.unit.packed.unit.model.cid
  if (model === null) return
  const { tokens_out } = lease.attestation.usage
  const data = { node: lease.node.id, model, tokens_out }
  world.event('llm.invocation.completed', { unit: lease.unit, attempt: lease.attempt }, data)
}

/** Posts the result. `canonical`: it stands for the unit. */
export function acceptLease(world: World, lease: LeaseRecord, canonical: boolean): void {
  const { unit, attempt, node, attestation, receipt } = lease
  assert(lease.phase === 'judging' || lease.phase === 'ok', 'only a result in hand is accepted')
  assert(attestation !== null && receipt !== null, 'an accepted result has its receipt')
  const micro = world.options.price({
    unit: unit.packed,
    inputBytes: unit.inputBytes,
    nodeClass: node.nodeClass,
    attestation,
    maxMicro: lease.maxMicro
  })
  settle(lease, micro)
  setPhase(lease, 'ended')
  lease.isAccepted = true
  world.trust?.leaseEnded(world, lease)
  node.breaker.ended('success', world.nowMs)
  world.out.accepted(unit.root.session.spec.session, {
    unit: unit.packed.id,
    attempt,
    lease: lease.id,
    canonical,
    receipt: receipt()
  })
  tellVerdict(world, lease, 'accepted', canonical ? 'accepted' : 'agreed', micro)
  unit.root.executions.push(executionOf(world, lease, 'accepted', 'accepted'))
  const subject = { unit, attempt }
  const { usage } = attestation
  world.event('usage.recorded', subject, {
    node: node.id,
    wall_ms: usage.wall_ms,
    tokens_in: usage.tokens_in,
    tokens_out: usage.tokens_out
  })
  world.event('credits.posted', subject, { micro, lease_id: lease.id })
  lease.receipt = null
  world.dispatchWanted = true
}

/** Ends a lease without pay. */
export function voidLease(world: World, lease: LeaseRecord, end: LeaseEnd): void {
  const { unit, attempt, node } = lease
  assert(lease.phase !== 'ended', 'a lease ends once')
  const hadResult = lease.attestation !== null
  if (isOutstanding(lease)) {
    finishWork(world, lease)
    node.leases.delete(lease)
  }
  setPhase(lease, 'ended')
  world.trust?.leaseEnded(world, lease)
  settle(lease, 0)
  const receipt: Receipt | null = lease.receipt?.() ?? null
  lease.receipt = null
  const { reason, fault } = end
  world.out.voided(unit.root.session.spec.session, {
    unit: unit.packed.id,
    attempt,
    lease: lease.id,
    reason,
    fault,
    receipt
  })
  tellEnd(world, lease, end)
  unit.root.executions.push(executionOf(world, lease, VERDICT_OF_REASON[reason], end.code))
  const how = BREAKER_END[reason]
  if (how !== null) node.breaker.ended(how, world.nowMs)
  const subject = { unit, attempt }
  world.event('credits.voided', subject, { lease_id: lease.id, reason })
  const model = unit.packed.unit.model.cid
  if (model !== null && !hadResult) {
    world.event('llm.invocation.failed', subject, { node: node.id, model, reason: end.code })
  }
  world.dispatchWanted = true
}

function tellEnd(world: World, lease: LeaseRecord, { reason, code, tell }: LeaseEnd): void {
  const verdict = reason === 'rejected' ? 'rejected' : 'redundant'
  if (tell === 'ack') tellVerdict(world, lease, verdict, code, 0)
  else {
    lease.told = { verdict, reason: code, earnedMicro: 0 }
    if (tell !== null) world.out.revoke(lease.node.id, lease.id, tell)
  }
}

function tellVerdict(
  world: World,
  lease: LeaseRecord,
  verdict: Verdict,
  reason: string,
  earnedMicro: number
): void {
  lease.told = { verdict, reason, earnedMicro }
  world.out.ack(lease.node.id, {
    lease_id: lease.id,
    verdict,
    reason,
    earned_micro: earnedMicro
  })
}

const VERDICT_OF_REASON: Record<Voided['reason'], ExecutionRecord['verdict']> = {
  failed: 'failed',
  timeout: 'failed',
  released: 'released',
  expired: 'expired',
  cancelled: 'released',
  rejected: 'rejected',
  redundant: 'redundant'
}

/** How an end counts for the node's breaker; null: not at all. */
const BREAKER_END: Record<Voided['reason'], AttemptEnd | null> = {
  failed: 'failure',
  timeout: 'timeout',
  released: null,
  expired: 'timeout',
  cancelled: null,
  rejected: 'failure',
  redundant: null
}

function executionOf(
  world: World,
  lease: LeaseRecord,
  verdict: ExecutionRecord['verdict'],
  reason: string
): ExecutionRecord {
  const { attestation } = lease
  return {
    attempt: lease.attempt,
    node: lease.node.id,
    backend: attestation?.backend ?? null,
    ms: attestation?.usage.wall_ms ?? world.nowMs - lease.grantedAtMs,
    verdict,
    reason
  }
}

/** Of the backend that made the result, or of the node as far as it is known. */
export const backendClass = ({ attestation, node }: LeaseRecord): string =>
  attestation === null ? node.backendClass : backendClassOf(attestation.backend)
