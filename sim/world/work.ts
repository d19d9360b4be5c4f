/**
 * What the simulated mesh is asked to do: units of one model. What these give is in `nodes/answers.ts`.
 */
import {
  type Cid,
  openUnit,
  type PackedUnit,
  packAlike,
  parseSessionId,
  type SessionId,
  type SessionSpec,
  type UnitId
} from '#contracts'
import type { JudgedUnit, JudgeRequest } from '#mesh-node/core'
import { MODEL, named } from '../nodes/answers.ts'
import { medianMs } from '../nodes/devices.ts'
import type { Scenario } from './scenario.ts'
import { TENANT } from './sequencer.ts'

export const SESSION: SessionId = parseSessionId(`s${'51'.repeat(16)}`)
const DOCUMENT = named('the simulated graph')
/** No run of the model is cut off before this. */
const RUN_MS_MAX = 60_000
const DAY_MS = 86_400_000
const UNIT_MICRO_MAX = 1_000

/** A run on the reference machine, as the ledger prices it: that of the node in the middle. */
export const modelBaseUs = ({ service_ms: { min, max }, devices }: Scenario): number =>
  1_000 * (devices === null ? Math.max(1, (min + max) >> 1) : medianMs(devices))

/** Nobody comes to the end of it. */
const PER_MILLE_ALL = 20_000

export function sessionSpec(units: number, budgetPerMille = PER_MILLE_ALL): SessionSpec {
  const paid = Math.max(1, Math.floor((units * budgetPerMille) / 1_000))
  return {
    session: SESSION,
    tenant: TENANT,
    graphId: 'simulated',
    graphCid: DOCUMENT,
    inputsCid: DOCUMENT,
    requestId: 'simulated',
    budgets: {
      max_tokens: 1_000_000_000,
      max_latency_ms: 1_000 * 86_400_000,
      max_cost_micro: paid * UNIT_MICRO_MAX,
      // money runs out first where replicas and retries take it
      max_model_calls: 2 * paid
    },
    maxRetriesTotal: units * 20
  }
}

export interface UnitParts {
  /** Of units that were made before. */
  readonly dependencies?: readonly UnitId[]
  /** What a run takes, where the unit says so and not the node. */
  readonly runMs?: number
}

export function unitOf(
  index: number,
  { quorum_per_mille: share }: Pick<Scenario, 'quorum_per_mille'>,
  { dependencies = [], runMs = 0 }: UnitParts = {}
): PackedUnit {
  const runMsMax = Math.min(DAY_MS, Math.max(RUN_MS_MAX, 2 * runMs))
  // spread evenly, so that a sample of any size has its share
  const isQuorum = Math.floor(((index + 1) * share) / 1_000) > Math.floor((index * share) / 1_000)
  const packed = packAlike({
    v: 1,
    graph_id: 'simulated',
    execution_session_id: SESSION,
    tenant_id: TENANT,
    task_id: 'run',
    index,
    kind: 'small_model',
    dependencies: [...dependencies],
    model: { cid: MODEL, handler: null },
    inputs: [],
    output_schema: true,
    constraints: {
      privacy: 'allow_remote',
      trusted_node_required: false,
      region: null,
      min_memory_mb: 0,
      accelerators: [],
      latency_ms: 0
    },
    budget: { max_tokens: 1, max_time_ms: runMsMax, max_cost_micro: UNIT_MICRO_MAX },
    retries: { max_attempts: 5, backoff_ms: 500 },
    timeouts: { dispatch_ms: 30_000, run_ms: runMsMax },
    idempotent: true,
    critical: false,
    verification: isQuorum
      ? { mode: 'quorum', replicas: 2, agreement: { level: 'exact' } }
      : { mode: 'schema', replicas: 1, agreement: { level: 'exact' } },
    priority: 'p2'
  })
  opened.set(packed.bytes, packed)
  return packed
}

/** What these very bytes say: frames are handed over, not copied, and every node opens the same. */
const opened = new WeakMap<Uint8Array, PackedUnit>()

export function unitIn(bytes: Uint8Array): PackedUnit {
  const known = opened.get(bytes)
  if (known !== undefined) return known
  const unit = openUnit(bytes)
  opened.set(bytes, unit)
  return unit
}

/** As KORA judges outputs that must be equal: all follow the schema, and equal ids agree. */
export function judge({ session, unit, candidates }: JudgeRequest): JudgedUnit {
  const groups = new Map<Cid, number[]>()
  for (const { attempt, outputCid } of candidates) {
    const group = groups.get(outputCid)
    if (group === undefined) groups.set(outputCid, [attempt])
    else group.push(attempt)
  }
  return {
    session,
    unit: unit.id,
    judgements: candidates
      .filter(({ ok }) => !ok)
      .map(({ attempt }) => ({ attempt, judgement: { ok: true, issues: [], trigger: null } })),
    groups: [...groups.values()].sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0))
  }
}
