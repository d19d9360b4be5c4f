/**
 * Commitments, results, failures and releases as they come from nodes: each is held against its lease
 * before it counts. What is unknown, late, foreign or does not fit is answered and reported, and never
 * disturbs a unit. What a good result leads to is `verification.ts`.
 */
import {
  type Attestation,
  commitmentOf,
  equalBytes,
  type FailureMessage,
  type LeaseId,
  MeshError,
  type OpenedResults,
  type PeerId,
  type Receipt,
  type UnitInput
} from '#contracts'
import {
  isOutstanding,
  isUnjudged,
  type LeaseRecord,
  type RecalledLease,
  setPhase
} from './gateway-state.ts'
import { finishWork, resultArrived, voidLease } from './lease-life.ts'
import { attemptFailed, attemptLost, heedHopeless } from './retry.ts'
import { maybeJudge, maybeReveal } from './verification.ts'
import type { World } from './world.ts'

/** A result with the proof that goes to the ledger if it is accepted or refused. */
interface Result {
  readonly attestation: Attestation
  readonly receipt: () => Receipt
}

export function onResults(world: World, node: PeerId, results: OpenedResults): void {
  results.attestations.forEach((attestation, index) => {
    takeResult(world, node, { attestation, receipt: () => results.receipt(index) })
  })
}

/** Also for results that were parked until their session was opened. */
export function takeResult(world: World, node: PeerId, result: Result): void {
  const { attestation } = result
  const lease = leaseOf(world, node, attestation.lease_id, { commitment: null, result })
  if (lease === null || isUnjudged(lease) || lease.phase === 'ok') return
  const mismatch = mismatchOf(attestation, lease)
  if (mismatch !== null) {
    const code = 'attestation.lease_mismatch'
    world.out.refuse(node, new MeshError(code, { lease: lease.id, part: mismatch }))
    refuseResult(world, lease, { fault: 'none', code, detail: mismatch })
    return
  }
  lease.attestation = attestation
  lease.receipt = result.receipt
  const refusal = refusalOf(attestation, lease)
  resultArrived(world, lease)
  // after a restart a result may come that was asked for before it: others waited for this one alone
  maybeReveal(world, lease.unit)
  if (refusal === null) maybeJudge(world, lease.unit)
  else refuseResult(world, lease, refusal)
}

interface ResultRefusal {
  readonly fault: 'none' | 'copied' | 'over_budget'
  readonly code: 'attestation.lease_mismatch' | 'unit.copied' | 'unit.over_budget'
  readonly detail: string
}

function refuseResult(world: World, lease: LeaseRecord, refusal: ResultRefusal): void {
  const { fault, code, detail } = refusal
  voidLease(world, lease, { reason: 'rejected', fault, code, tell: 'ack' })
  if (lease.unit.canonical !== null && lease.unit.recheck === null) return
  const failureClass = fault === 'over_budget' ? 'budget' : 'validation'
  attemptFailed(world, lease, { class: failureClass, code, detail }, null)
}

/** The part in which the attestation differs from its lease, or null. */
function mismatchOf(attestation: Attestation, { unit, attempt }: LeaseRecord): string | null {
  const { packed } = unit
  if (attestation.work_unit_id !== packed.id) return 'unit'
  if (attestation.attempt !== attempt) return 'attempt'
  if (attestation.model_cid !== packed.unit.model.cid) return 'model'
  return sameInputs(attestation.input_cids, packed.unit.inputs) ? null : 'inputs'
}

const sameInputs = (cids: readonly string[], inputs: readonly UnitInput[]): boolean =>
  cids.length === inputs.length && inputs.every(({ cid }, index) => cid === cids[index])

/** Rules of the protocol that the result itself breaks. */
function refusalOf(attestation: Attestation, lease: LeaseRecord): ResultRefusal | null {
  const { budget } = lease.unit.packed.unit
  const { tokens_out } = attestation.usage
  if (tokens_out > budget.max_tokens) {
    const detail = `${tokens_out} of ${budget.max_tokens} tokens`
    return { fault: 'over_budget', code: 'unit.over_budget', detail }
  }
  if (!lease.commit) return null
  const expected = commitmentOf(attestation.output_cid, lease.node.id)
  const said = lease.commitment ?? (lease.restored ? attestation.commit : undefined)
  if (said !== undefined && equalBytes(said, expected)) return null
  const detail = said === undefined ? 'no commitment came before' : 'differs from its commitment'
  return { fault: 'copied', code: 'unit.copied', detail }
}

export function onCommit(
  world: World,
  node: PeerId,
  item: { readonly lease_id: LeaseId; readonly commitment: Uint8Array }
): void {
  const { commitment } = item
  const lease = leaseOf(world, node, item.lease_id, { commitment, result: null })
  if (lease === null || !lease.commit) return
  if (lease.phase === 'revealed') {
    world.out.reveal(node, lease.id)
    return
  }
  if (lease.phase !== 'granted') return
  finishWork(world, lease)
  setPhase(lease, 'committed')
  lease.commitment = commitment
  maybeReveal(world, lease.unit)
}

export function onFailure(
  world: World,
  node: PeerId,
  failure: FailureMessage['failures'][number]
): void {
  const lease = leaseOf(world, node, failure.lease_id, null)
  if (lease === null || !isOutstanding(lease)) return
  const { class: failureClass, code, detail } = failure
  const reason = failureClass === 'timeout' ? 'timeout' : 'failed'
  voidLease(world, lease, { reason, fault: 'none', code, tell: null })
  heedHopeless(lease, code)
  attemptFailed(world, lease, { class: failureClass, code, detail }, null)
}

export function onRelease(world: World, node: PeerId, id: LeaseId, reason: string): void {
  const lease = leaseOf(world, node, id, null)
  if (lease === null || !isOutstanding(lease)) return
  voidLease(world, lease, { reason: 'released', fault: 'none', code: reason, tell: null })
  if (lease.unit.canonical === null) attemptLost(world, lease, 'released')
}

/** The node's lease, if it still stands; else the node is told what became of it. */
function leaseOf(
  world: World,
  node: PeerId,
  id: LeaseId,
  said: { readonly commitment: Uint8Array | null; readonly result: Result | null } | null
): LeaseRecord | null {
  const lease = world.leases.get(id)
  if (lease === undefined) {
    const before = world.recalled.get(id)
    if (before?.node === node) {
      if (said !== null) tellRecalled(world, before, said.result)
      return null
    }
    if (said !== null && world.mayPark && world.parked.add(id, { node, ...said })) return null
    tellUnknown(world, node, id, said?.result ?? null)
    return null
  }
  if (lease.node.id !== node) {
    world.out.refuse(node, new MeshError('lease.not_yours', { lease: id }))
    const verdict = 'rejected' as const
    world.out.ack(node, { lease_id: id, verdict, reason: 'lease.not_yours', earned_micro: 0 })
    return null
  }
  if (lease.phase !== 'ended') return lease
  if (said !== null) tellAgain(world, lease, said.result)
  return null
}

/** The lease is over: the same verdict as before, or the word that it ended without one. */
function tellAgain(world: World, lease: LeaseRecord, result: Result | null): void {
  const { told, node, id } = lease
  if (result === null || told === null) {
    world.out.revoke(node.id, id, told?.reason === 'lease.expired' ? 'expired' : 'settled')
    return
  }
  if (told.reason === 'lease.expired') {
    world.out.refuse(node.id, new MeshError('lease.expired', { lease: id }))
  }
  const { verdict, reason, earnedMicro } = told
  world.out.ack(node.id, { lease_id: id, verdict, reason, earned_micro: earnedMicro })
}

/** The lease was over before a restart: the verdict is the one that stands in the ledger. */
export function tellRecalled(
  world: World,
  { node, lease, verdict, reason, earnedMicro }: RecalledLease,
  result: Result | null
): void {
  if (result === null) world.out.revoke(node, lease, 'settled')
  else world.out.ack(node, { lease_id: lease, verdict, reason, earned_micro: earnedMicro })
}

export function tellUnknown(world: World, node: PeerId, id: LeaseId, result: Result | null): void {
  world.out.refuse(node, new MeshError('lease.unknown', { lease: id }))
  if (result === null) world.out.revoke(node, id, 'unknown')
  else {
    const verdict = 'redundant' as const
    world.out.ack(node, { lease_id: id, verdict, reason: 'lease.unknown', earned_micro: 0 })
  }
}
