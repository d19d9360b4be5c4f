/**
 * Claims: a node's offers to run units of some kinds and models, for one batch or until
 * withdrawn. A bid is taken only from a node whose turn it is. Grants nothing.
 */
import { type ClaimMessage, MeshError, NODE_CLAIMS_MAX, type WithdrawMessage } from '#contracts'
import type { NodeRecord } from './gateway-state.ts'
import { endStarvation } from './starvation.ts'
import type { World } from './world.ts'

export function onClaim(world: World, node: NodeRecord, body: ClaimMessage): void {
  const refusal = refusalOf(world, node, body)
  if (refusal !== null) {
    world.out.refuse(node.id, refusal)
    return
  }
  const known = node.claims.get(body.claim)
  if (body.slots === 0) {
    node.claims.delete(body.claim)
    return
  }
  if (known === undefined) {
    const { claim: id, slots, standing } = body
    const kinds = new Set(body.kinds)
    node.claims.set(id, { id, kinds, models: new Set(body.models), slots, standing, used: 0 })
  } else {
    known.kinds = new Set(body.kinds)
    known.models = new Set(body.models)
    known.slots = known.standing ? body.slots : known.used + body.slots
    known.standing = body.standing
  }
  world.event('workunit.claimed', {}, { node: node.id, slots: body.slots })
  world.changes.risen(node)
  endStarvation(world, node)
}

function refusalOf(
  world: World,
  node: NodeRecord,
  { batch, standing, claim }: ClaimMessage
): MeshError | null {
  if (!node.connected || node.descriptor === null) {
    return new MeshError('claim.refused', { reason: 'no hello' })
  }
  const known = node.claims.get(claim)
  if (known === undefined && node.claims.size >= NODE_CLAIMS_MAX) {
    return new MeshError('claim.refused', { reason: 'too many claims' })
  }
  if (standing && (known !== undefined || batch === null || !world.batches.has(batch))) return null
  if (batch === null || !world.batches.has(batch)) {
    return new MeshError('claim.refused', { reason: 'batch unknown' })
  }
  if (world.batches.mayBid(batch, node.id, world.nowMs)) return null
  return new MeshError('claim.not_your_turn', { batch })
}

export function onWithdraw(node: NodeRecord, { claim }: WithdrawMessage): void {
  node.claims.delete(claim)
}
