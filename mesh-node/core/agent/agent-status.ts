/**
 * What the agent shows of itself: mode, why it is idle, what it runs, what became of its work. Plain
 * data for `krako-node status`; reading it changes nothing.
 */
import type { Cid, LeaseId, PeerId, UnitId } from '#contracts'
import type { AgentConnections } from './agent-connections.ts'
import type { AgentContext, AgentMode } from './agent-context.ts'
import type { AgentTotals, LeaseEnd } from './agent-totals.ts'
import type { GatewayPhase } from './gateway-book.ts'
import type { LeasePhase, LeaseTable } from './lease-table.ts'
import type { ModelShelf, ModelView } from './model-shelf.ts'

export const IDLE_RULES = [
  'paused',
  'draining',
  'no_gateway',
  'offline',
  'model_checking',
  'blobs_fetching',
  'awaiting_verdict',
  'model_refused',
  'not_for_us',
  'no_work'
] as const
export type IdleRule = (typeof IDLE_RULES)[number]

export interface AgentStatus {
  readonly mode: AgentMode
  /** Null while a unit runs. */
  readonly idle: { readonly rule: IdleRule; readonly detail: string } | null
  readonly gateways: readonly {
    readonly gateway: PeerId
    readonly phase: GatewayPhase
    readonly leases: number
    readonly claimedSlots: number | null
    readonly redialInMs: number | null
  }[]
  readonly running: readonly {
    readonly lease: LeaseId
    readonly unit: UnitId
    readonly taskId: string
    readonly tenant: string
    readonly model: Cid | null
    readonly handler: string | null
    readonly forMs: number
  }[]
  readonly leases: Readonly<Record<LeasePhase, number>>
  readonly ends: Readonly<Record<LeaseEnd, number>>
  /** Offers handed back at once, by rule. */
  readonly refused: Readonly<Record<string, number>>
  readonly models: readonly ModelView[]
  readonly earnedMicro: number
  readonly ranMs: number
  readonly lastRejection: string | null
  readonly lastFailure: string | null
}

export interface StatusParts {
  readonly leases: LeaseTable
  readonly models: ModelShelf
  readonly connections: AgentConnections
  readonly totals: AgentTotals
}

export function statusOf(context: AgentContext, parts: StatusParts, nowMs: number): AgentStatus {
  const { leases, models, connections, totals } = parts
  return {
    mode: context.mode,
    idle: idleReason(context, parts, nowMs),
    gateways: connections.gateways.map(({ gateway, phase, held, claim, redialAtMs }) => ({
      gateway,
      phase,
      leases: held,
      claimedSlots: claim?.slots ?? null,
      redialInMs: redialAtMs === null ? null : Math.max(0, redialAtMs - nowMs)
    })),
    running: [...leases.all()]
      .filter((lease) => lease.phase === 'running')
      .map(({ id, packed: { id: unit, unit: work }, startedAtMs }) => ({
        lease: id,
        unit,
        taskId: work.task_id,
        tenant: work.tenant_id,
        model: work.model.cid,
        handler: work.model.handler,
        forMs: nowMs - startedAtMs
      })),
    leases: leases.counts(),
    ends: { ...totals.ends },
    refused: Object.fromEntries(totals.refused),
    models: models.view(),
    earnedMicro: totals.earnedMicro,
    ranMs: totals.ranMs,
    lastRejection: totals.lastRejection,
    lastFailure: totals.lastFailure
  }
}

/** The first reason that holds, from the nearest to the farthest. */
function idleReason(context: AgentContext, parts: StatusParts, nowMs: number): AgentStatus['idle'] {
  const { leases, models } = parts
  const reason = (rule: IdleRule, detail: string) => ({ rule, detail })
  if (leases.count('running') > 0) return null
  if (context.mode === 'paused') return reason('paused', 'paused by its operator')
  if (context.mode !== 'serving') return reason('draining', 'finishing; no new work is taken')
  const unreachable = unreachableReason(parts.connections, nowMs)
  if (unreachable !== null) return unreachable
  const checking = models.view().filter(({ phase }) => phase === 'reading' || phase === 'checking')
  if (checking.length > 0) {
    return reason('model_checking', checking.map(({ model }) => model).join(', '))
  }
  if (leases.count('waiting') > 0) {
    return reason('blobs_fetching', `${leases.count('waiting')} units wait for their inputs`)
  }
  if (leases.kept > 0) {
    return reason('awaiting_verdict', `${leases.kept} results wait for their gateway`)
  }
  const refused = models.view().filter(({ phase }) => phase === 'refused')
  if (refused.length > 0) {
    return reason('model_refused', refused.map((one) => `${one.model}: ${one.reason}`).join('; '))
  }
  if (parts.connections.passedOver > 0) {
    return reason(
      'not_for_us',
      `${parts.connections.passedOver} announcements asked for kinds, tenants or gateways outside the limits`
    )
  }
  return reason('no_work', 'connected and claiming; nothing has been offered')
}

function unreachableReason({ gateways }: AgentConnections, nowMs: number): AgentStatus['idle'] {
  const [first] = gateways
  if (first === undefined) {
    return { rule: 'no_gateway', detail: 'no gateway is known; waiting for an announcement' }
  }
  if (gateways.some(({ phase }) => phase === 'online')) return null
  const next = Math.min(...gateways.map((one) => one.redialAtMs ?? Number.POSITIVE_INFINITY))
  const when = Number.isFinite(next) ? `next try in ${Math.max(0, next - nowMs)} ms` : 'dialing'
  return { rule: 'offline', detail: `no gateway answers (${first.gateway}); ${when}` }
}
