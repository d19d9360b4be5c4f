/**
 * What the page shows, drawn from what the parts of a tab say. Pure: money is the ledger's, reasons
 * are the agent's, and nothing is decided here.
 */
import { type Cid, MeshError, type MeshId, type MeshNotice, type SignedGenesis } from '#contracts'
import { creditOf } from '#ledger'
import type { AgentStatus } from '#mesh-node/core'
import type { MeshNetwork } from '#mesh-node/portable'
import type {
  CurrentUnit,
  TabLimits,
  TabPhase,
  TabView,
  TrustView,
  UnitLine
} from '../tab-contract.ts'
import type { LimitsMachine } from './limits-machine.ts'
import type { MeshSession } from './mesh-session.ts'
import type { TabMemory } from './tab-memory.ts'
import type { TabModels } from './tab-models.ts'
import type { Detail } from './tab-ports.ts'
import type { UnitRecord } from './unit-book.ts'

export interface TabState {
  readonly phase: 'consent' | 'joining' | 'joined' | 'blocked' | 'elsewhere'
  readonly detail: Detail | null
  readonly mesh: MeshId
  readonly genesis: SignedGenesis | null
  /** Null where the page's host has none. */
  readonly notice: MeshNotice | null
  readonly network: MeshNetwork | null
  readonly session: MeshSession | null
  readonly limits: TabLimits
  readonly limitsMachine: LimitsMachine
  readonly memory: TabMemory
  readonly models: TabModels
  readonly unitsPerMinute: number | null
  readonly progress: number | null
  readonly nowMs: number
}

const UNIT_LINES_SHOWN = 100

export function viewOf(state: TabState): TabView {
  const { session, memory, limits, limitsMachine, genesis, notice, network } = state
  const status = session?.status() ?? null
  const { done, rejected, lost, downBytes, upBytes } = memory.counts
  const held = new Map(session?.shelf.list().map(({ cid, size }) => [cid, size]) ?? [])
  const phase = phaseOf(state, status)
  const credit =
    session === null ? null : creditOf(session.ledger.fold, session.genesis, session.peerId)
  return {
    phase,
    detail: phase === state.phase ? state.detail : detailFor(state, status, phase),
    holds: limitsMachine.holds().filter(({ rule }) => rule !== 'owner' || phase === 'paused'),
    mesh: {
      id: state.mesh,
      name: genesis?.genesis.name ?? '',
      operator: genesis?.genesis.operator ?? '',
      purpose: notice?.purpose ?? '',
      models: notice?.models ?? []
    },
    peerId: session?.peerId ?? network?.peerId ?? null,
    peers: network?.peers().length ?? 0,
    transports: transportsOf(network),
    backends: session?.engine.status() ?? [],
    models: state.models.views(status?.models ?? [], held),
    current: currentOf(state),
    counts: {
      done,
      rejected,
      lost,
      waiting: status === null ? 0 : status.leases.committed + status.leases.delivered
    },
    unitsPerMinute: state.unitsPerMinute,
    traffic: { downBytes, upBytes, downToday: limitsMachine.fetched.bytes },
    creditMicro: {
      inVerification: credit?.inVerificationMicro ?? 0,
      escrow: credit?.escrowMicro ?? 0,
      cleared: credit?.clearedMicro ?? 0
    },
    lines: memory.units
      .lines()
      .slice(0, UNIT_LINES_SHOWN)
      .map((record) => lineOf(record, state)),
    trust: trustOf(state),
    history: memory.history.points(),
    limits,
    cacheBytes: session?.shelf.bytes ?? 0
  }
}

function phaseOf({ phase, limitsMachine }: TabState, status: AgentStatus | null): TabPhase {
  if (phase !== 'joined' || status === null) return phase === 'joined' ? 'joining' : phase
  const isRunning = status.running.length > 0
  if (limitsMachine.stand === 'let-go') return 'paused'
  const isFinishing = limitsMachine.wish === 'finishing'
  if (isFinishing) return 'finishing'
  if (limitsMachine.holds().some(({ rule }) => rule !== 'offline')) {
    return isRunning ? 'finishing' : 'paused'
  }
  if (isRunning) return 'working'
  const isOnline = status.gateways.some((gateway) => gateway.phase === 'online')
  return isOnline ? 'waiting' : 'joining'
}

function detailFor(
  { limits, models, session }: TabState,
  status: AgentStatus | null,
  phase: TabPhase
): Detail | null {
  if (status === null || (phase !== 'waiting' && phase !== 'joining')) return null
  if (phase === 'joining') {
    const redialInMs = status.gateways[0]?.redialInMs ?? null
    if (redialInMs === null) return { key: 'joining.dialling', facts: {} }
    return { key: 'joining.reconnecting', facts: { in_s: String(Math.ceil(redialInMs / 1000)) } }
  }
  if (!limits.cpu && !limits.gpu) return { key: 'waiting.all_off', facts: {} }
  const trust = session?.ledger.fold.trustOf(session.peerId)
  if (trust?.state === 'quarantined' || trust?.state === 'suspended') {
    return { key: 'waiting.not_trusted', facts: { reason: trust.state } }
  }
  return idleDetail(status, models) ?? { key: 'waiting.no_work', facts: {} }
}

function idleDetail({ models }: AgentStatus, names: TabModels): Detail | null {
  const fact = (model: Cid) => ({ model: names.nameOf(model) ?? '' })
  const reading = models.find(({ phase }) => phase === 'reading')
  if (reading !== undefined) return { key: 'waiting.fetching_model', facts: fact(reading.model) }
  const checking = models.find(({ phase }) => phase === 'checking')
  if (checking !== undefined) {
    const [view] = names.views([checking], new Map())
    const key = view?.state === 'fetching' ? 'waiting.fetching_model' : 'waiting.checking_model'
    return { key, facts: fact(checking.model) }
  }
  const refused = models.find(({ phase }) => phase === 'refused')
  if (refused === undefined) return null
  const memory = /^needs (\d+) MB of memory, this node gives (\d+) MB$/.exec(refused.reason)
  if (memory !== null) {
    const [, needed = '', allowed = ''] = memory
    return { key: 'waiting.memory', facts: { needed: `${needed} MB`, allowed: `${allowed} MB` } }
  }
  return { key: 'waiting.no_backend', facts: fact(refused.model) }
}

/** A code that has a sentence of its own, or the error's own words. */
export function detailOf(error: unknown): Detail {
  if (!(error instanceof MeshError)) {
    const fault = error instanceof Error ? error.message : String(error)
    return { key: 'blocked.failed', facts: { fault } }
  }
  const fact = (name: string): string => String(error.facts[name] ?? '')
  switch (error.code) {
    case 'link.missing':
      return { key: 'blocked.no_link', facts: {} }
    case 'link.malformed':
    case 'link.no_peer':
    case 'link.too_large':
      return { key: 'blocked.bad_link', facts: { fault: fact('reason') || error.hint } }
    case 'genesis.other_mesh':
      return { key: 'blocked.other_mesh', facts: { found: fact('found').slice(0, 16) } }
    case 'blob.not_found':
      return { key: 'blocked.other_mesh', facts: {} }
    case 'store.disk_full':
    case 'store.full':
      return { key: 'blocked.storage_full', facts: {} }
    case 'identity.unusable':
    case 'store.unwritable':
    case 'ledger.store_failed':
    case 'ledger.store_locked':
      return storageDetail(fact('reason') || error.code, error.cause)
    default:
      return { key: 'blocked.failed', facts: { fault: `${error.hint} (${error.code})` } }
  }
}

/** How browsers refuse what they were told to forget while it was open: database, its closing, file. */
const CLEARED = /InvalidStateError|Force close delete origin|NotFoundError/

function storageDetail(reason: string, cause: unknown): Detail {
  const said = cause instanceof Error ? `${cause.name}: ${reason}` : reason
  if (/quota/i.test(said)) return { key: 'blocked.storage_full', facts: {} }
  if (CLEARED.test(said)) return { key: 'blocked.cleared', facts: {} }
  return { key: 'blocked.no_storage', facts: { fault: reason } }
}

/** The protocols of each address that say how it is reached. */
function transportsOf(network: MeshNetwork | null): readonly string[] {
  const names = (network?.connections() ?? []).map((address) => {
    if (address.includes('/webrtc-direct')) return 'webrtc-direct'
    if (address.includes('/webrtc')) return 'webrtc'
    if (address.includes('/p2p-circuit')) return 'relay'
    return /\/(wss?|tls\/ws)(\/|$)/.test(address) ? 'websocket' : 'other'
  })
  return [...new Set(names)].sort()
}

function currentOf({ memory, models, progress, session }: TabState): readonly CurrentUnit[] {
  const isRunning = new Set(session?.status().running.map(({ lease }) => lease))
  return memory.units
    .running()
    .filter(({ lease }) => isRunning.has(lease))
    .map(({ lease, unit, task, tenant, graph, model, startedMs }) => ({
      ...{ lease, unit, task, tenant, purpose: graph, startedMs },
      model: models.nameOf(model),
      provider: model === null ? null : models.providerOf(model),
      progress: model === null ? null : progress
    }))
}

/** What became of a unit; where the ledger has spoken, what it says of the credit. */
function lineOf(record: UnitRecord, { session, models }: TabState): UnitLine {
  const { unit, lease, attempt, task, model, endedMs, ranMs, reason } = record
  const facts = session?.ledger.fold.attempt(unit, attempt) ?? null
  const isOurs = facts !== null && facts.lease === lease
  const isHeld = isOurs && facts.state === 'held'
  const isPosted = isHeld || (isOurs && facts.state === 'posted')
  const isFinal = session !== null && session.genesis.genesis.witness_quorum === 0
  const posted = isFinal && !isHeld ? 'cleared' : 'escrow'
  const wasVoided = isOurs && facts.state === 'voided' && record.stage === 'delivered'
  const wasTakenBack = isOurs && (facts.state === 'returned' || facts.state === 'withdrawn')
  const state = isPosted ? posted : wasVoided || wasTakenBack ? 'lost' : STATE_OF[record.stage]
  return {
    ...{ unit, lease, task, endedMs, ranMs, state, reason },
    model: models.nameOf(model),
    creditMicro: isPosted
      ? facts.postedMicro
      : isOurs && facts.state === 'reserved'
        ? facts.maxMicro
        : 0,
    hasReceipt: isPosted
  }
}

/** Accepted, and not yet in the ledger as it is held here: still being verified, for all we can show. */
const STATE_OF: Readonly<Record<UnitRecord['stage'], UnitLine['state']>> = {
  delivered: 'in_verification',
  accepted: 'in_verification',
  rejected: 'rejected',
  lost: 'lost'
}

const SCORE_MAX_PERMILLE = 1_000
const SCORE_START_PERMILLE = 500

function trustOf({ session, memory, nowMs }: TabState): TrustView | null {
  const trust = session?.ledger.fold.trustOf(session.peerId) ?? null
  if (trust === null) return null
  const { scoreMilli: scorePermille, state, reasons } = trust
  return {
    scorePermille,
    state,
    next: nextStep(scorePermille),
    changes: reasons
      .map(({ seq, rule, deltaMilli }) => ({
        atMs: memory.seenAtMs(seq, nowMs),
        deltaPermille: deltaMilli,
        reason: rule.split('.').at(-1) ?? rule
      }))
      .reverse()
  }
}

/** The score is a weight among candidates: nothing is locked, and these two points have a meaning. */
function nextStep(scorePermille: number): TrustView['next'] {
  if (scorePermille < SCORE_START_PERMILLE) {
    return { scorePermille: SCORE_START_PERMILLE, what: 'where every node begins' }
  }
  if (scorePermille < SCORE_MAX_PERMILLE) {
    return { scorePermille: SCORE_MAX_PERMILLE, what: 'preferred before all others' }
  }
  return null
}
