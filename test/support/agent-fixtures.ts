/**
 * A node and a gateway for tests of the agent machine: fixed peers, units that differ by their index,
 * and a stand-in for the driver that answers effects at once. Signs nothing and opens no socket.
 */

import {
  type AnnouncementMessage,
  type Backend,
  cidOfBytes,
  type FrameOf,
  type LeaseId,
  leaseIdOf,
  type NodeFrame,
  type PeerId,
  packUnit,
  parseLogId,
  parseSessionId,
  THRESHOLD_ALL,
  tweetnaclSigner,
  type WorkUnit
} from '#contracts'
import {
  type AgentEffect,
  type AgentInput,
  AgentMachine,
  type AgentOffer,
  type AgentOptions,
  type AgentStatus
} from '#mesh-node/core'
import { UNITS } from './document-fixtures.ts'
import { seed } from './mesh-fixtures.ts'

export const NODE: PeerId = tweetnaclSigner(seed(1)).peerId
export const GATEWAY: PeerId = tweetnaclSigner(seed(2)).peerId
export const OTHER_GATEWAY: PeerId = tweetnaclSigner(seed(3)).peerId
export const MODEL = cidOfBytes(new TextEncoder().encode('model'))
export const BLOB = cidOfBytes(new TextEncoder().encode('blob'))
export const OUTPUT = cidOfBytes(new TextEncoder().encode('output'))
const LOG = parseLogId('33'.repeat(32))
const SESSION = parseSessionId(`s${'44'.repeat(16)}`)

const BACKEND: Backend = {
  runtime: 'test',
  version: '1',
  provider: 'cpu',
  device_class: 'test'
}
const USAGE = { cpu_ms: 1, gpu_ms: 0, wall_ms: 2, tokens_in: 0, tokens_out: 0 }

export function agentOptions(changes: Partial<AgentOptions['descriptor']> = {}): AgentOptions {
  return {
    node: NODE,
    log: LOG,
    descriptor: {
      owner: 'alice',
      kinds: ['deterministic', 'retrieval', 'small_model'],
      pod_tiers: [],
      zones: [],
      region: null,
      memory_mb: 1_024,
      accelerators: [],
      slots: 2,
      queue_max: 8,
      backend: BACKEND,
      ...changes
    },
    tenants: null,
    authorized: null,
    gateways: [{ gateway: GATEWAY, addresses: ['/ip4/127.0.0.1/tcp/1'] }],
    drainGraceMs: 5_000
  }
}

export const unitOf = (index: number, changes: Partial<WorkUnit> = {}): WorkUnit => ({
  ...UNITS.bare,
  graph_id: 'graph',
  execution_session_id: SESSION,
  task_id: 'task',
  index,
  kind: 'small_model',
  model: { cid: MODEL, handler: null },
  budget: { max_tokens: 0, max_time_ms: 10_000, max_cost_micro: 1_000 },
  retries: { max_attempts: 3, backoff_ms: 500 },
  timeouts: { dispatch_ms: 10_000, run_ms: 10_000 },
  idempotent: true,
  verification: { mode: 'schema', replicas: 1, agreement: { level: 'exact' } },
  priority: 'p2',
  ...changes
})

export const noopOf = (index: number): WorkUnit =>
  unitOf(index, { kind: 'deterministic', model: { cid: null, handler: 'noop' } })

export function offerOf(unit: WorkUnit, changes: Partial<AgentOffer> = {}): AgentOffer {
  const packed = packUnit(unit)
  const attempt = changes.attempt ?? 1
  const lease = leaseIdOf(packed.id, attempt, NODE)
  return { lease, attempt, unit: packed, ttlMs: 60_000, commit: false, ...changes }
}

export function announcementOf(changes: Partial<AnnouncementMessage> = {}): AnnouncementMessage {
  return {
    v: 1,
    gateway: GATEWAY,
    addresses: ['/ip4/127.0.0.1/tcp/1'],
    session: SESSION,
    tenant: 'local',
    batch: '55'.repeat(32),
    units_count: 1,
    wants: [{ kind: 'small_model', model: MODEL, units: 1 }],
    threshold: THRESHOLD_ALL,
    widen_ms: 100,
    announced_at_ms: 0,
    units: [],
    units_cid: null,
    ...changes
  }
}

const resultOf = (lease: LeaseId, nowMs = 0) => ({
  lease,
  outputCid: OUTPUT,
  usage: USAGE,
  backend: BACKEND,
  startedMs: nowMs,
  finishedMs: nowMs
})

/** An input without its time, which the bench adds. */
export type Untimed = AgentInput extends infer Input
  ? Input extends AgentInput
    ? Omit<Input, 'nowMs'>
    : never
  : never

/** An agent with a clock that only the test moves, and every effect since the last look. */
export class AgentBench {
  readonly machine: AgentMachine
  nowMs = 1_000_000

  constructor(options: AgentOptions = agentOptions()) {
    this.machine = new AgentMachine(options)
  }

  /** An agent that its gateway has welcomed. */
  static online(options: AgentOptions = agentOptions()): AgentBench {
    const bench = new AgentBench(options)
    bench.tick()
    bench.step({ type: 'linked', gateway: GATEWAY })
    bench.welcome([])
    return bench
  }

  /** As `online`, with the model of `unitOf` checked and ready. */
  static ready(options: AgentOptions = agentOptions()): AgentBench {
    const bench = AgentBench.online(options)
    bench.step({ type: 'announcement', body: announcementOf() })
    bench.checkModel()
    return bench
  }

  step(input: Untimed): readonly AgentEffect[] {
    return this.machine.step({ ...input, nowMs: this.nowMs })
  }

  status(): AgentStatus {
    return this.machine.status(this.nowMs)
  }

  tick(passedMs = 0): readonly AgentEffect[] {
    this.nowMs += passedMs
    return this.step({ type: 'tick' })
  }

  welcome(standing: readonly LeaseId[]): readonly AgentEffect[] {
    const body: FrameOf<'welcome'> = {
      v: 1,
      log: '66'.repeat(32),
      standing: [...standing],
      heartbeat_ms: 1_000
    }
    return this.step({ type: 'welcome', gateway: GATEWAY, body })
  }

  checkModel(): readonly AgentEffect[] {
    this.step({ type: 'manifest-read', model: MODEL, tier: 'small', memoryMb: 100 })
    return this.step({ type: 'model-ready', model: MODEL })
  }

  grant(...offers: readonly AgentOffer[]): readonly AgentEffect[] {
    return this.step({ type: 'grant', gateway: GATEWAY, offers })
  }

  finish(...leases: readonly LeaseId[]): readonly AgentEffect[] {
    return this.step({
      type: 'finished',
      results: leases.map((lease) => resultOf(lease, this.nowMs))
    })
  }

  fail(lease: LeaseId, code = 'executor.crashed'): readonly AgentEffect[] {
    return this.step({ type: 'failed', lease, class: 'execution', code, detail: '' })
  }

  acknowledge(
    lease: LeaseId,
    verdict: 'accepted' | 'rejected' | 'redundant' = 'accepted'
  ): readonly AgentEffect[] {
    const verdicts = [{ lease_id: lease, verdict, reason: 'ok', earned_micro: 7 }]
    return this.step({ type: 'ack', gateway: GATEWAY, verdicts })
  }
}

/** Leases whose run the effects ask for, built-in ones included. */
export const startedBy = (effects: readonly AgentEffect[]): LeaseId[] =>
  effects.flatMap((effect) => {
    if (effect.type === 'execute') return [effect.lease]
    return effect.type === 'run-built-in' ? effect.items.map(({ lease }) => lease) : []
  })

/** Bodies of the frames of one kind among the effects. */
export function framesOf<K extends NodeFrame['kind']>(
  effects: readonly AgentEffect[],
  kind: K
): FrameOf<K>[] {
  const bodies: FrameOf<K>[] = []
  for (const effect of effects) {
    if (effect.type === 'send' && isKind(effect.frame, kind)) bodies.push(effect.frame.body)
  }
  return bodies
}

const isKind = <K extends NodeFrame['kind']>(
  frame: NodeFrame,
  kind: K
): frame is NodeFrame & { kind: K; body: FrameOf<K> } => frame.kind === kind

export const effectsOf = <T extends AgentEffect['type']>(
  effects: readonly AgentEffect[],
  type: T
): Extract<AgentEffect, { type: T }>[] =>
  effects.filter((effect): effect is Extract<AgentEffect, { type: T }> => effect.type === type)

export const releasedBy = (effects: readonly AgentEffect[]): string[] =>
  framesOf(effects, 'release').map(({ reason }) => reason)
