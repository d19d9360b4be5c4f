/**
 * Peers, sessions and units for tests of the gateway, the same in every run: each with sound defaults
 * of which a test changes what it is about.
 */
import {
  cidOfBytes,
  type PackedUnit,
  type PeerId,
  packUnit,
  parseSessionId,
  peerIdFromPublicKey,
  type SessionSpec,
  type UnitEdge,
  type WorkUnit
} from '#contracts'
import { UNITS } from './document-fixtures.ts'

const utf8 = new TextEncoder()

export const peer = (number: number): PeerId => {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, number + 1)
  return peerIdFromPublicKey(key)
}
export const GATEWAY = peer(0xffff)
export const SESSION = parseSessionId(`s${'ab'.repeat(16)}`)
export const MODEL = cidOfBytes(utf8.encode('a model'))
export const SOME_CID = cidOfBytes(utf8.encode('some document'))

export const spec = (over: Partial<SessionSpec> = {}): SessionSpec => ({
  session: SESSION,
  tenant: 'local',
  graphId: 'graph',
  graphCid: SOME_CID,
  inputsCid: SOME_CID,
  requestId: 'request',
  budgets: {
    max_tokens: 1_000_000,
    max_latency_ms: 86_400_000,
    max_cost_micro: 1_000_000_000,
    max_model_calls: 1_000_000
  },
  maxRetriesTotal: 1_000,
  ...over
})

export type UnitParts = Partial<Omit<WorkUnit, 'constraints' | 'verification'>> & {
  readonly constraints?: Partial<WorkUnit['constraints']>
  readonly verification?: Partial<WorkUnit['verification']>
}

export function unitOf(task: string, parts: UnitParts = {}): PackedUnit {
  const { constraints, verification, ...rest } = parts
  return packUnit({
    ...UNITS.bare,
    graph_id: 'graph',
    execution_session_id: SESSION,
    task_id: task,
    budget: { max_tokens: 0, max_time_ms: 10_000, max_cost_micro: 100 },
    retries: { max_attempts: 3, backoff_ms: 500 },
    timeouts: { dispatch_ms: 5_000, run_ms: 10_000 },
    idempotent: true,
    priority: 'p2',
    ...rest,
    constraints: { ...UNITS.bare.constraints, ...constraints },
    verification: { mode: 'schema', replicas: 1, agreement: { level: 'exact' }, ...verification }
  })
}

export const modelUnit = (task: string, parts: UnitParts = {}): PackedUnit =>
  unitOf(task, {
    kind: 'small_model',
    model: { cid: MODEL, handler: null },
    budget: { max_tokens: 100, max_time_ms: 10_000, max_cost_micro: 100 },
    ...parts
  })

export const edge = (unit: PackedUnit, trigger: UnitEdge['trigger']): UnitEdge => ({
  trigger,
  remainingMicro: null,
  unit
})
