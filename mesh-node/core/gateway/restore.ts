/**
 * Going on after a restart: recovery is running again over history. What the ledger knows of
 * a submitted unit is taken as done: accepted results answer at once, open leases stand until they
 * end, numbers of attempts go on. Nothing is run or billed twice; nothing is written again.
 */
import {
  type AcceptedAttempt,
  decodeAttestation,
  type ExecutionRecord,
  type OutstandingLease,
  type SessionHistory,
  type UnitEnd,
  type UnitHistory,
  type VoidedAttempt
} from '#contracts'
import { holdTokens, releaseTokens, reserve } from './budget.ts'
import { takeEdge } from './escalation.ts'
import { RECOVERY_GRACE_MS } from './gateway-policy.ts'
import {
  type LeaseRecord,
  type NodeRecord,
  type RecalledLease,
  type RootRecord,
  replicasOf,
  type UnitRecord
} from './gateway-state.ts'
import { addLease, newLease, voidLease } from './lease-life.ts'
import { loseLease, nodeOf } from './nodes.ts'
import { reopen } from './rechecks.ts'
import { onCommit, takeResult, tellRecalled } from './results.ts'
import { closeUnit, endRoot, type UnitEnding } from './unit-end.ts'
import { makeReady, sayQueued } from './unit-start.ts'
import type { World } from './world.ts'

const ESCALATED: UnitEnding = {
  status: 'failed',
  stopReason: 'validation_failed',
  class: 'validation',
  code: 'escalated',
  detail: 'before the restart'
}

/** True when history says how the submission goes on; false when it is to be queued like a new one. */
export function restore(world: World, root: RootRecord, history: SessionHistory): boolean {
  let past = history.units.get(root.unitId)
  if (past === undefined) return false
  restoreAttempts(world, root.current, past)
  for (const { to } of past.escalatedTo) {
    const edge = root.edges.find(({ unit }) => unit.id === to)
    if (edge === undefined || root.taken.includes(edge)) break
    const from = root.current
    closeUnit(world, from, ESCALATED, 'escalated')
    const next = takeEdge(world, root, edge)
    sayQueued(world, next, from.packed.id)
    past = history.units.get(to)
    if (past === undefined) break
    restoreAttempts(world, next, past)
  }
  if (past === undefined) makeReady(world, root.current)
  else if (!goOn(world, root, past)) {
    if (root.units.length === 1) return false
    makeReady(world, root.current)
  }
  return true
}

function goOn(world: World, root: RootRecord, past: UnitHistory): boolean {
  const unit = root.current
  const canonical = past.accepted.find((accepted) => accepted.canonical)
  if (canonical !== undefined) {
    recallSuccess(world, unit, canonical, past.accepted)
    for (const open of past.outstanding) letGo(world, unit, open)
  } else if (past.ended !== null) recallEnd(world, unit, past.ended)
  else if (past.outstanding.length > 0) restoreLeases(world, unit, past.outstanding)
  else return false
  return true
}

/** Counts, calls and executions of earlier attempts, and what their nodes are told if they ask. */
function restoreAttempts(
  world: World,
  unit: UnitRecord,
  { attempts, accepted, voided }: UnitHistory
): void {
  const { root } = unit
  unit.attempt = attempts
  // it was called, however its attempts ended: another unit must not have its place in the budget
  if (attempts > 0) holdTokens(unit)
  for (const attempt of accepted) {
    root.costMicro += attempt.costMicro
    root.executions.push(acceptedExecution(attempt))
    const { lease, node, canonical, costMicro: earnedMicro } = attempt
    const reason = canonical ? 'accepted' : 'agreed'
    recall(world, { lease, node, verdict: 'accepted', reason, earnedMicro })
  }
  for (const attempt of voided) {
    root.executions.push(voidedExecution(attempt))
    const { lease, node, reason: why, fault } = attempt
    const verdict = why === 'rejected' ? 'rejected' : 'redundant'
    const reason = fault === 'none' ? why : fault
    if (node !== null) recall(world, { lease, node, verdict, reason, earnedMicro: 0 })
    if (attempt.reason === 'released') unit.releases += 1
    else if (attempt.reason === 'expired') unit.losses += 1
    else if (attempt.reason !== 'cancelled' && attempt.reason !== 'redundant') unit.failures += 1
    unit.tokensBefore = Math.max(unit.tokensBefore, tokensOf(attempt))
  }
  root.session.retries += unit.failures
}

/** A result that came and was not taken used its tokens all the same. */
function tokensOf({ receipt }: VoidedAttempt): number {
  if (receipt === null) return 0
  const { usage } = decodeAttestation(receipt.item)
  return usage.tokens_in + usage.tokens_out
}

/** A node that was back before its unit was has asked already. */
function recall(world: World, recalled: RecalledLease): void {
  world.recalled.set(recalled.lease, recalled)
  const parked = world.parked.take(recalled.lease)
  if (parked?.node === recalled.node) tellRecalled(world, recalled, parked.result)
}

function acceptedExecution({ attempt, node, receipt }: AcceptedAttempt): ExecutionRecord {
  const { backend, usage } = decodeAttestation(receipt.item)
  return { attempt, node, backend, ms: usage.wall_ms, verdict: 'accepted', reason: 'accepted' }
}

const VERDICTS: Record<VoidedAttempt['reason'], ExecutionRecord['verdict']> = {
  failed: 'failed',
  timeout: 'failed',
  released: 'released',
  expired: 'expired',
  cancelled: 'released',
  rejected: 'rejected',
  redundant: 'redundant'
}

const voidedExecution = ({ attempt, node, reason, fault }: VoidedAttempt): ExecutionRecord => ({
  attempt,
  node: node ?? '',
  backend: null,
  ms: 0,
  verdict: VERDICTS[reason],
  reason: fault === 'none' ? reason : fault
})

function recallSuccess(
  world: World,
  unit: UnitRecord,
  canonical: AcceptedAttempt,
  accepted: readonly AcceptedAttempt[]
): void {
  const { output_cid, usage } = decodeAttestation(canonical.receipt.item)
  const { mode } = unit.packed.unit.verification
  const verification = mode === 'none' || mode === 'schema' ? mode : 'agreed'
  releaseTokens(unit, usage.tokens_in + usage.tokens_out)
  for (const state of ['ready', 'dispatched', 'success'] as const) world.move(unit, state)
  world.event(
    'workunit.completed',
    { unit, attempt: canonical.attempt },
    { node: canonical.node, validation_status: verification, output_cid, recalled: true }
  )
  endRoot(world, unit.root, {
    status: 'success',
    stopReason: 'success',
    failureClass: null,
    error: null,
    outputCid: output_cid,
    verification,
    usage
  })
  // all who gave the result: none of them is asked for it again, and all lose their pay if it is refuted
  for (const attempt of accepted) {
    const lease = recalledLease(world, unit, attempt)
    if (attempt === canonical) unit.canonical = lease
  }
  const { trust } = world
  const { session } = unit.root.session.spec
  if (trust?.view.isAbandoned(unit.packed.id)) {
    reopen(world, session, unit.packed.id, canonical.node)
  }
}

/** A lease whose result was accepted, as far as later comparisons need it. */
function recalledLease(
  world: World,
  unit: UnitRecord,
  { attempt, lease: id, node, canonical, costMicro, receipt }: AcceptedAttempt
): LeaseRecord {
  const reason = canonical ? 'accepted' : 'agreed'
  const lease: LeaseRecord = {
    ...newLease(unit, nodeOf(world, node), null),
    id,
    attempt,
    grantedAtMs: world.nowMs,
    expiresAtMs: world.nowMs,
    restored: true,
    phase: 'ended',
    attestation: decodeAttestation(receipt.item),
    isAccepted: true,
    told: { verdict: 'accepted', reason, earnedMicro: costMicro }
  }
  unit.leases.push(lease)
  return lease
}

function recallEnd(world: World, unit: UnitRecord, end: UnitEnd): void {
  const { status, stopReason, failureClass, code } = end
  const ending = { status, stopReason, class: failureClass, code, detail: 'before the restart' }
  closeUnit(world, unit, ending, code)
  endRoot(world, unit.root, {
    status,
    stopReason,
    failureClass,
    error: { code, detail: ending.detail },
    outputCid: null,
    verification: 'unverified',
    usage: null
  })
}

/** The unit is dispatched under the leases of before; nodes that are back may have spoken already. */
function restoreLeases(
  world: World,
  unit: UnitRecord,
  outstanding: readonly OutstandingLease[]
): void {
  world.move(unit, 'ready')
  world.move(unit, 'dispatched')
  const leases = outstanding.map((open) => restoreLease(world, unit, open))
  // one whose word is not taken was half of a pair
  const isLone = leases.length === 1 && leases.some(({ node }) => isUnproven(world, unit, node))
  // a graph that asks for several has what it asked for compared, and nothing less stands
  const isCompared = world.trust?.applies(unit.packed.unit) === true
  unit.isChecked = isCompared && (leases.length > replicasOf(unit) || isLone)
  const missing = replicasOf(unit) + Number(isLone) - leases.length
  if (missing > 0) world.wait(unit, missing, 'again')
  for (const lease of leases) {
    const parked = world.parked.take(lease.id)
    if (parked === undefined) {
      // a node that was back before its units were, and did not name the lease
      if (lease.node.holding?.has(lease.id) === false) loseLease(world, lease)
      continue
    }
    const { node, commitment, result } = parked
    if (commitment !== null) onCommit(world, node, { lease_id: lease.id, commitment })
    if (result !== null) takeResult(world, node, result)
  }
}

/** The unit has its result: what another lease would have shown is not waited for any more. */
function letGo(world: World, unit: UnitRecord, open: OutstandingLease): void {
  const lease = restoreLease(world, unit, open)
  const code = 'settled'
  voidLease(world, lease, { reason: 'redundant', fault: 'none', code, tell: 'settled' })
}

function restoreLease(world: World, unit: UnitRecord, open: OutstandingLease): LeaseRecord {
  const node = nodeOf(world, open.node)
  const lease: LeaseRecord = {
    ...newLease(unit, node, null),
    id: open.lease,
    attempt: open.attempt,
    maxMicro: open.maxMicro,
    grantedAtMs: world.nowMs,
    expiresAtMs: Math.max(open.expiresAtMs, world.nowMs + RECOVERY_GRACE_MS),
    restored: true
  }
  addLease(world, lease)
  reserve(lease, { isNew: false })
  return lease
}

const isUnproven = ({ trust }: World, { packed }: UnitRecord, { id }: NodeRecord): boolean =>
  trust?.applies(packed.unit) === true && !trust.view.isProven(id)
