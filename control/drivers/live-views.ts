/**
 * What a control node says of sessions that run: rows of `status`, and why a unit is where it is. Reads
 * the gateway and the feed; keeps nothing and changes nothing.
 */
import { parseUnitId, type SessionId, type TaskGraph } from '#contracts'
import type { Ledger } from '#ledger'
import type { GatewayDriver } from '#mesh-node'
import type { ExplainDocument, NodeDocument, SessionRowDocument } from './control-service.ts'
import type { SessionFeed } from './session-feed.ts'
import { standingOf } from './standing-view.ts'

/** A row of a session that runs: what was recorded of it, and how far it is. */
export function liveRow(
  row: SessionRowDocument,
  { graph_id }: TaskGraph,
  progress: ReturnType<SessionFeed['latest']>
): SessionRowDocument {
  const { unitsDone = 0, unitsFailed = 0, unitsRunning = 0, unitsWaiting = 0 } = progress ?? {}
  return {
    ...row,
    graph_id,
    status: 'running',
    units_done: unitsDone,
    units_total: unitsDone + unitsFailed + unitsRunning + unitsWaiting
  }
}

export function nodeRows(
  gateway: GatewayDriver,
  ledger: Pick<Ledger, 'fold' | 'forks'>
): readonly NodeDocument[] {
  return gateway.snapshot().nodes.map((node) => ({
    node: node.node,
    owner: node.owner,
    state: node.connected ? node.state : `${node.state}, away`,
    health_milli: node.health_milli,
    trust_milli: node.trust_milli,
    ...standingOf(ledger, node.node),
    running: node.leases,
    slots: node.leases_max,
    models: node.models.length
  }))
}

/** Null where none of these sessions has the unit. */
export function explainLive(
  unit: string,
  sessions: Iterable<SessionId>,
  gateway: GatewayDriver
): ExplainDocument | null {
  for (const session of sessions) {
    const found = gateway.explain(session, parseUnitId(unit))
    if (found === null) continue
    const refusals = found.refusals.map((one) => ({
      ...one,
      node: one.node ?? '(the unit itself)'
    }))
    const attempts = found.leases.map(({ attempt, node, phase }) => ({
      attempt,
      node,
      backend: null,
      ms: 0,
      verdict: 'released' as const,
      reason: phase
    }))
    const next =
      refusals.length === 0
        ? 'wait: a node has it, or is about to'
        : 'start a node that no rule refuses: see `krako-node start --help`'
    return { unit, state: found.state, attempts, refusals, next }
  }
  return null
}
