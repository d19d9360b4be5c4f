/** What a finished lease says of itself: its attestation, and the event that its run has begun. */
import { type Attestation, commitmentOf, type EventDraft, type PeerId, unitBlobs } from '#contracts'
import type { RunResult } from './agent-contract.ts'
import type { HeldLease } from './lease-table.ts'

export function attestationOf(lease: HeldLease, result: RunResult, node: PeerId): Attestation {
  const { unit, id } = lease.packed
  const attestation: Attestation = {
    v: 1,
    work_unit_id: id,
    attempt: lease.attempt,
    lease_id: lease.id,
    node,
    model_cid: unit.model.cid,
    input_cids: unitBlobs(unit),
    output_cid: result.outputCid,
    backend: result.backend,
    usage: result.usage,
    started_ms: result.startedMs,
    finished_ms: result.finishedMs
  }
  if (!lease.commit) return attestation
  return { ...attestation, commit: commitmentOf(result.outputCid, node) }
}

export function startedEvent(lease: HeldLease, node: PeerId, nowMs: number): EventDraft {
  const { unit, id } = lease.packed
  return {
    type: 'workunit.started',
    time_ms: nowMs,
    tenant_id: unit.tenant_id,
    graph_id: unit.graph_id,
    execution_session_id: unit.execution_session_id,
    work_unit_id: id,
    attempt: lease.attempt,
    data: { node, lease_id: lease.id }
  }
}
