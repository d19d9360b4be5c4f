/**
 * Read-only views of the gateway: what `kora status` and `kora explain` print. Computed from the
 * machine's state when asked; nothing is kept for them and nothing is changed by them.
 */
import {
  type ExecutionState,
  isTerminal,
  type NodeState,
  type PeerId,
  type SessionId,
  type SessionState,
  type UnitId
} from '#contracts'
import type { AdmissionMode } from './admission.ts'
import { affordable } from './budget.ts'
import { healthNow, refusalOf } from './eligibility.ts'
import { isLive, leasesMax, type NodeRecord, ownersOf, type UnitRecord } from './gateway-state.ts'
import type { World } from './world.ts'

/** One rule that keeps a node, or with `node` null the unit itself, from going on. */
export interface Explanation {
  readonly node: PeerId | null
  readonly rule: string
  readonly detail: string
}

export interface UnitExplanation {
  readonly unit: UnitId
  readonly state: ExecutionState
  readonly attempts: number
  readonly leases: readonly {
    readonly attempt: number
    readonly node: PeerId
    readonly phase: string
    readonly expires_at_ms: number
  }[]
  readonly refusals: readonly Explanation[]
}

export interface GatewaySnapshot {
  readonly admission: AdmissionMode
  readonly waiting: number
  readonly sessions: readonly {
    readonly session: SessionId
    readonly tenant: string
    readonly state: SessionState
    readonly units: Readonly<Record<ExecutionState, number>>
    readonly reserved_micro: number
    readonly posted_micro: number
    readonly max_cost_micro: number
    readonly tokens_used: number
    readonly model_calls: number
  }[]
  readonly nodes: readonly {
    readonly node: PeerId
    readonly owner: string
    readonly state: NodeState
    readonly connected: boolean
    readonly health_milli: number
    readonly trust_milli: number
    readonly leases: number
    readonly leases_max: number
    readonly models: readonly string[]
    readonly pod_tiers: readonly string[]
    readonly breaker: string
  }[]
}

export function snapshotOf(world: World): GatewaySnapshot {
  return {
    admission: world.admission.mode,
    waiting: world.waitingUnits,
    sessions: [...world.sessions.values()].map((session) => ({
      session: session.spec.session,
      tenant: session.spec.tenant,
      state: session.state,
      units: { ...session.counts },
      reserved_micro: session.reservedMicro,
      posted_micro: session.postedMicro,
      max_cost_micro: session.spec.budgets.max_cost_micro,
      tokens_used: session.tokensUsed,
      model_calls: session.modelCalls
    })),
    nodes: [...world.nodes.values()].map((node) => ({
      node: node.id,
      owner: node.descriptor?.owner ?? '',
      state: node.state,
      connected: node.connected,
      health_milli: Math.round(healthNow(node, world.nowMs) * 1000),
      trust_milli: Math.round(node.trust * 1000),
      leases: node.working,
      leases_max: leasesMax(node),
      models: modelsOf(node),
      pod_tiers: node.descriptor?.pod_tiers ?? [],
      breaker: node.breaker.state
    }))
  }
}

/** How much the machine keeps, of all that others can make it keep. */
export interface GatewaySizes {
  readonly sessions: number
  readonly tenants: number
  readonly nodes: number
  /** Of the node that has most. */
  readonly claims: number
  readonly leases: number
  readonly recalled: number
  readonly classes: number
  readonly batches: number
  readonly parked: number
}

export function sizesOf(world: World): GatewaySizes {
  let claims = 0
  for (const node of world.nodes.values()) claims = Math.max(claims, node.claims.size)
  return {
    sessions: world.sessions.size,
    tenants: world.tenants.size,
    nodes: world.nodes.size,
    claims,
    leases: world.leases.size,
    recalled: world.recalled.size,
    classes: world.classes.size,
    batches: world.batches.size,
    parked: world.parked.size
  }
}

/** Nodes that are connected and may work. */
export function nodesReady(world: World): number {
  let ready = 0
  for (const node of world.nodes.values()) if (node.connected && node.state === 'active') ready += 1
  return ready
}

const modelsOf = ({ claims }: NodeRecord): string[] => [
  ...new Set([...claims.values()].flatMap(({ models }) => [...models]))
]

export function explainUnit(world: World, session: SessionId, id: UnitId): UnitExplanation | null {
  const unit = world.sessions.get(session)?.units.get(id)
  if (unit === undefined) return null
  return {
    unit: id,
    state: unit.state,
    attempts: unit.attempt,
    leases: unit.leases.filter(isLive).map(({ attempt, node, phase, expiresAtMs }) => ({
      attempt,
      node: node.id,
      phase,
      expires_at_ms: expiresAtMs
    })),
    refusals: isTerminal(unit.state) ? [] : [...ownReasons(world, unit), ...byNode(world, unit)]
  }
}

/** What the unit itself waits for. */
function ownReasons(world: World, unit: UnitRecord): Explanation[] {
  const { root } = unit
  const reasons: Explanation[] = []
  const because = (rule: string, detail: string) => reasons.push({ node: null, rule, detail })
  if (root.waitingFor > 0) because('waits_for_dependencies', `${root.waitingFor} units`)
  if (root.session.deferred.includes(unit)) because('deferred', world.admission.mode)
  if (unit.notBeforeMs !== null) {
    because('backoff', `${unit.notBeforeMs - world.nowMs} ms; ${unit.lastFailure?.code ?? ''}`)
  }
  if (unit.wanted > 0) {
    const money = affordable(unit, unit.wanted)
    if (money !== 'now') because('budget', money)
    const cap = world.options.tenantLeasesMax
    if (cap !== null && root.session.tenant.activeLeases >= cap) because('tenant_leases', `${cap}`)
    if (world.connectedNodes === 0) because('no_nodes', 'no node is connected')
  }
  return reasons
}

function byNode(world: World, unit: UnitRecord): Explanation[] {
  const live = unit.leases.filter(isLive)
  const { mode, replicas } = unit.packed.unit.verification
  const needsOwners = mode === 'quorum' || mode === 'recompute'
  const owners = ownersOf(live)
  if (needsOwners && owners === null) {
    const detail = 'a node that holds it since before the restart has not said whose it is'
    return [{ node: null, rule: 'distinct_owners', detail }]
  }
  const able = new Set<string>()
  const reasons = [...world.nodes.values()].flatMap((node): Explanation[] => {
    if (live.some((lease) => lease.node === node)) return []
    const refusal = refusalOf(unit.packed.unit, node, world)
    if (refusal !== null) return [{ node: node.id, ...refusal }]
    const owner = node.descriptor?.owner ?? node.id
    if (needsOwners && owners?.has(owner) === true) {
      return [{ node: node.id, rule: 'distinct_owner', detail: owner }]
    }
    able.add(owner)
    return []
  })
  if (unit.wanted > able.size && needsOwners) {
    const detail = `needs ${unit.wanted} more of ${replicas}, ${able.size} owners are free`
    reasons.unshift({ node: null, rule: 'distinct_owners', detail })
  }
  return reasons
}
