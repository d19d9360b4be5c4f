/**
 * The node registry: who is there, in which state, how healthy. A node that says hello
 * again keeps the leases it still holds; one that is silent too long loses them, and its units go
 * elsewhere. Trust is read from the ledger's fold, never computed here.
 */
import {
  type EntryContent,
  GATEWAY_NODES_MAX,
  type HeartbeatMessage,
  type HelloMessage,
  MeshError,
  moveNode,
  NODE_TRANSITIONS,
  type PeerId
} from '#contracts'
import { Breaker } from './breaker.ts'
import { healthNow } from './eligibility.ts'
import type { InputOf, NodeStanding } from './gateway-io.ts'
import {
  HEALTH_EWMA,
  HEALTH_START,
  HEALTH_STEP,
  HEARTBEAT_MS_MIN,
  HEARTBEATS_MISSED_MAX,
  RECONNECT_GRACE_MS,
  RECOVERY_GRACE_MS,
  TRUST_UNKNOWN
} from './gateway-policy.ts'
import { backendClassOf, type LeaseRecord, type NodeRecord, nodeClassOf } from './gateway-state.ts'
import { voidLease } from './lease-life.ts'
import { attemptLost } from './retry.ts'
import type { World } from './world.ts'

/** A change of health that is worth an event: a twentieth. */
const HEALTH_SAID_STEP_MILLI = 50

/** Every node adds a millisecond, so that all together send at most about 1,000 heartbeats a second. */
const heartbeatMs = (world: World): number => Math.max(HEARTBEAT_MS_MIN, world.connectedNodes)

/** The record of a node, made where there is none: it has not said hello yet. */
export function nodeOf(world: World, id: PeerId): NodeRecord {
  const known = world.nodes.get(id)
  if (known !== undefined) return known
  const node: NodeRecord = {
    id,
    state: 'unregistered',
    descriptor: null,
    log: '',
    nodeClass: 'cpu',
    backendClass: '',
    connected: false,
    holding: null,
    lostAtMs: world.nowMs + RECOVERY_GRACE_MS,
    health: HEALTH_START,
    healthRaw: HEALTH_START,
    healthAtMs: world.nowMs,
    healthSaidMilli: Math.round(HEALTH_START * 1000),
    trust: TRUST_UNKNOWN,
    breaker: new Breaker(),
    recorded: false,
    checks: 0,
    claims: new Map(),
    leases: new Set(),
    working: 0
  }
  world.nodes.set(id, node)
  return node
}

export function onHello(world: World, { node: id, body, standing }: InputOf<'hello'>): void {
  if (body.node !== id) {
    world.out.refuse(id, new MeshError('wire.message_malformed', { part: 'node' }))
    world.out.drop(id)
    return
  }
  if (!world.nodes.has(id) && world.nodes.size >= GATEWAY_NODES_MAX && !makeRoom(world)) {
    world.out.refuse(id, new MeshError('gateway.full', { nodes: world.nodes.size }))
    world.out.drop(id)
    return
  }
  const node = nodeOf(world, id)
  register(world, node, body, standing)
  if (!node.connected) world.connectedNodes += 1
  world.newcomers.came(world.nowMs)
  node.connected = true
  node.claims.clear()
  seen(world, node)
  node.holding = new Set(body.holding)
  keepHeld(world, node, node.holding)
  const kept = body.holding.filter((lease) => {
    const known = world.leases.get(lease)
    if (known === undefined) return world.mayPark || world.recalled.get(lease)?.node === id
    return known.node === node && (known.phase !== 'ended' || known.attestation !== null)
  })
  const welcome = {
    v: 1,
    log: world.options.log,
    standing: kept,
    heartbeat_ms: heartbeatMs(world)
  } as const
  world.out.send(id, { kind: 'welcome', body: welcome })
  world.changes.risen(node)
}

function register(
  world: World,
  node: NodeRecord,
  { descriptor, log }: HelloMessage,
  standing: NodeStanding | null
): void {
  const { owner } = descriptor
  const isSame = node.descriptor?.owner === owner && node.log === log
  node.recorded = (node.recorded && isSame) || (standing?.owner === owner && standing.log === log)
  node.descriptor = descriptor
  node.log = log
  node.nodeClass = nodeClassOf(descriptor)
  node.backendClass = backendClassOf(descriptor.backend)
  if (node.state === 'unregistered' || node.state === 'removed') {
    node.state = moveNode(moveNode(node.state, 'registered'), 'active')
  }
  if (standing !== null) applyStanding(world, node, standing)
  if (!node.recorded) {
    world.out.recordFirst(registeredEntry(node, descriptor, log))
    observe(world, node, 'hello')
    node.recorded = true
  }
  if (!isSame) world.event('node.registered', {}, { node: node.id, owner })
}

const registeredEntry = (
  node: NodeRecord,
  { owner }: HelloMessage['descriptor'],
  log: string
): EntryContent => ({
  kind: 'node.registered',
  body: { node: node.id, owner, log, node_class: node.nodeClass }
})

/** Leases that the node does not hold any more are lost at once; the rest stand. */
function keepHeld(world: World, node: NodeRecord, holding: ReadonlySet<string>): void {
  for (const lease of [...node.leases]) {
    if (!holding.has(lease.id)) loseLease(world, lease)
  }
}

/** The node does not have it any more, and says so itself or by its silence. */
export function loseLease(world: World, lease: LeaseRecord): void {
  voidLease(world, lease, { reason: 'expired', fault: 'none', code: 'unit.lost', tell: null })
  attemptLost(world, lease, 'lost')
}

/** Forgets one node that is gone and holds nothing; false where there is none. */
function makeRoom(world: World): boolean {
  for (const node of world.nodes.values()) {
    if (!node.connected && node.leases.size === 0) return world.nodes.delete(node.id)
  }
  return false
}

/** Anything that comes from a node is a sign of life. */
export function seen(world: World, node: NodeRecord): void {
  if (node.connected) node.lostAtMs = world.nowMs + HEARTBEATS_MISSED_MAX * heartbeatMs(world)
}

export function onDisconnected(world: World, id: PeerId): void {
  const node = world.nodes.get(id)
  if (node === undefined || !node.connected) return
  disconnect(world, node)
  node.lostAtMs = Math.min(node.lostAtMs, world.nowMs + RECONNECT_GRACE_MS)
}

function disconnect(world: World, node: NodeRecord): void {
  if (node.connected) world.connectedNodes -= 1
  node.connected = false
  node.claims.clear()
}

/** The node is silent too long: its units go elsewhere. */
export function loseIfSilent(world: World, node: NodeRecord): void {
  if (world.nowMs < node.lostAtMs || (!node.connected && node.leases.size === 0)) return
  const reason = node.connected ? 'heartbeats_missed' : 'link_closed'
  if (node.connected) world.out.drop(node.id)
  disconnect(world, node)
  world.event('node.unavailable', {}, { node: node.id, reason })
  for (const lease of [...node.leases]) loseLease(world, lease)
}

export function onHeartbeat(world: World, node: NodeRecord, { health }: HeartbeatMessage): void {
  const raw = Math.min(1, Math.max(0, node.healthRaw + HEALTH_STEP[health]))
  node.healthRaw = raw
  node.health += HEALTH_EWMA * (raw - node.health)
  node.healthAtMs = world.nowMs
  const milli = Math.round(healthNow(node, world.nowMs) * 1000)
  if (Math.abs(milli - node.healthSaidMilli) < HEALTH_SAID_STEP_MILLI) return
  node.healthSaidMilli = milli
  world.event('node.health.updated', {}, { node: node.id, health_milli: milli })
  observe(world, node, 'heartbeat')
}

/** States and health change seldom: each change is an entry. */
function observe(world: World, node: NodeRecord, reason: string): void {
  const { id, state, healthSaidMilli: health_milli } = node
  const body = { node: id, state, health_milli, reason }
  world.out.recordFirst({ kind: 'node.observed', body })
}

/** What the fold says now: trust, and whether the node may work at all. */
export function applyStanding(world: World, node: NodeRecord, standing: NodeStanding): void {
  node.trust = standing.trustMilli / 1000
  world.changes.risen(node)
  if (standing.state === node.state || !NODE_TRANSITIONS[node.state].includes(standing.state)) {
    return
  }
  const wasQuarantined = node.state === 'quarantined'
  node.state = moveNode(node.state, standing.state)
  if (node.state === 'quarantined') {
    world.event('node.quarantined', {}, { node: node.id, reason: 'trust' })
  } else if (wasQuarantined && node.state === 'active') {
    world.event('node.restored', {}, { node: node.id })
  }
}
