/**
 * From a task and its inputs to WorkUnits, by the mapping table: kind, budget, retries,
 * constraints, verification, escalation edges, and the key under which the result may be cached.
 * Deterministic: the same graph, session and inputs give the same unit ids. Runs nothing.
 */
import {
  assert,
  attemptsOf,
  bytesToHex,
  encodeCanonical,
  type JsonSchema,
  kindOf,
  type PackedUnit,
  packAlike,
  packUnit,
  type SessionId,
  sha256,
  type Task,
  type TaskBudget,
  type TaskGraph,
  type Tier,
  type UnitInput,
  type UnitSubmission,
  type WorkUnit
} from '#contracts'
import type { ModelTable, RegisteredModel } from '../registry/model-table.ts'
import { strictSchema } from './strict-schema.ts'

/** First wait before a retry; the fabric doubles it. */
const BACKOFF_MS = 500

/** A confidence that the judge asks for: below it, the declared edge is taken. */
export interface ConfidenceRule {
  readonly select: string
  readonly below: number
}

/** What one unit may cost at most: every replica, and every edge after it. */
export interface WorstCase {
  readonly costMicro: number
  readonly tokens: number
  readonly calls: number
}

export interface MadeUnit {
  readonly submission: UnitSubmission
  /** Hex; equal for equal work, whatever the session. */
  readonly cacheKey: string
  readonly worst: WorstCase
  /** By unit id: what the judge must see in the output of that unit, in the order of the edges. */
  readonly confidence: ReadonlyMap<string, readonly ConfidenceRule[]>
}

/** Replicas that a task's units ask for; `isSampled` false: verified by schema alone. */
function replicasOf(task: Task, isSampled: boolean): number {
  const { mode, replicas } = task.verification
  return isSampled && (mode === 'quorum' || mode === 'recompute') ? replicas : 1
}

/** The worst case of one unit. */
export function worstCaseOf(task: Task, isSampled = true): WorstCase {
  const replicas = replicasOf(task, isSampled)
  const budgets = [task.budget, ...task.escalation.map((edge) => edge.budget)]
  const sum = (read: (budget: TaskBudget) => number): number =>
    budgets.reduce((total, budget) => total + (budget === undefined ? 0 : read(budget)), 0)
  return {
    costMicro: replicas * sum((budget) => budget.max_cost_micro),
    tokens: replicas * sum((budget) => budget.max_tokens),
    calls: replicas * budgets.length
  }
}

/** Makes the units of one model task. */
export class UnitMaker {
  readonly #task: Task
  readonly #base: Omit<WorkUnit, 'index' | 'inputs' | 'verification'>
  readonly #edges: readonly { edge: Task['escalation'][number]; model: RegisteredModel }[]
  readonly #policies = new Map<boolean, Uint8Array>()
  #isChecked = false

  constructor(task: Task, graph: TaskGraph, session: SessionId, models: ModelTable) {
    const model = models.find(task.model ?? '')
    const { budget, tier } = task
    assert(
      model !== undefined && budget !== undefined && tier !== undefined,
      'the plan was checked'
    )
    this.#task = task
    this.#edges = task.escalation.map((edge) => {
      const found = models.find(edge.model)
      assert(found !== undefined, 'the plan was checked')
      return { edge, model: found }
    })
    this.#base = {
      ...commonFields(task, graph, session),
      ...modelFields(task, graph, { model, tier, budget }),
      output_schema: strictSchema(task.schema ?? true)
    }
  }

  /** Deterministic in (task, index, inputs). */
  make(index: number, inputs: readonly UnitInput[]): MadeUnit {
    const isSampled = this.#isSampled(index, inputs)
    const verification = this.#verification(isSampled)
    const fields = { index, inputs: [...inputs], verification }
    const pack = this.#isChecked ? packAlike : packUnit
    const unit = pack({ ...this.#base, ...fields })
    const edges = this.#edges.map(({ edge, model }) => ({
      trigger: edge.trigger,
      remainingMicro: edge.remaining_micro ?? null,
      unit: pack({ ...this.#base, ...fields, ...this.#edgeFields(edge, model) })
    }))
    // Every unit of a task has the same fields and input names: the first is checked for all.
    this.#isChecked = true
    return {
      submission: { unit, edges },
      cacheKey: this.#cacheKey(isSampled, inputs),
      worst: worstCaseOf(this.#task, isSampled),
      confidence: this.#confidence([unit, ...edges.map((edge) => edge.unit)])
    }
  }

  #edgeFields(edge: Task['escalation'][number], to: RegisteredModel): Partial<WorkUnit> {
    const { model, constraints, retries, timeouts } = this.#base
    const memory = Math.max(this.#task.routing?.min_memory_mb ?? 0, to.manifest.memory_mb)
    return {
      kind: kindOf('model', edge.tier),
      model: { ...model, cid: to.cid },
      constraints: { ...constraints, min_memory_mb: memory },
      budget: unitBudget(edge.budget),
      retries: { ...retries, max_attempts: attemptsOf(edge.budget.max_retries) },
      timeouts: { ...timeouts, run_ms: edge.budget.max_time_ms }
    }
  }

  /** A unit answers for the confidence edges that come after it. */
  #confidence(units: readonly PackedUnit[]): MadeUnit['confidence'] {
    const rules = new Map<string, readonly ConfidenceRule[]>()
    units.forEach(({ id }, position) => {
      const after = this.#edges.slice(position).flatMap(({ edge }) => edge.confidence ?? [])
      if (after.length > 0) rules.set(id, after)
    })
    return rules
  }

  /** Whether this unit is verified as declared, or by schema alone: drawn from what it is. */
  #isSampled(index: number, inputs: readonly UnitInput[]): boolean {
    const share = this.#task.verification.sample_per_mille
    if (share >= 1_000) return true
    const { graph_id, task_id } = this.#base
    const digest = sha256(encodeCanonical([graph_id, task_id, index, inputs.map(({ cid }) => cid)]))
    const draw = new DataView(digest.buffer, digest.byteOffset, 4).getUint32(0) % 1_000
    return draw < share
  }

  #verification(isSampled: boolean): WorkUnit['verification'] {
    const { mode, agreement } = this.#task.verification
    const replicas = replicasOf(this.#task, isSampled)
    const isMany = mode === 'quorum' || mode === 'recompute'
    return { mode: isMany && !isSampled ? 'schema' : mode, replicas, agreement }
  }

  /** Equal for equal model, inputs, limits, schema, verification and edges; sessions share results. */
  #cacheKey(isSampled: boolean, inputs: readonly UnitInput[]): string {
    let policy = this.#policies.get(isSampled)
    if (policy === undefined) {
      const { model, budget, output_schema } = this.#base
      const edges = this.#edges.map(({ edge, model: to }) => [
        edge.trigger,
        edge.confidence?.select ?? null,
        edge.confidence?.below ?? null,
        to.cid,
        edge.budget.max_tokens
      ])
      const verification = this.#verification(isSampled)
      const what = {
        v: 1,
        model,
        max_tokens: budget.max_tokens,
        output_schema,
        verification,
        edges
      }
      policy = sha256(encodeCanonical(what))
      this.#policies.set(isSampled, policy)
    }
    const named = inputs.map(({ name, cid, dtype, shape }) => [name, cid, dtype, shape])
    return bytesToHex(sha256(encodeCanonical([policy, named])))
  }
}

type FromTask = 'v' | 'graph_id' | 'execution_session_id' | 'tenant_id' | 'task_id'

function commonFields(
  task: Task,
  graph: TaskGraph,
  session: SessionId
): Pick<WorkUnit, FromTask | 'dependencies' | 'idempotent' | 'critical' | 'priority'> {
  return {
    v: 1,
    graph_id: graph.graph_id,
    execution_session_id: session,
    tenant_id: graph.tenant_id,
    task_id: task.id,
    /** KORA submits a unit when its inputs exist, so nothing is left to wait for. */
    dependencies: [],
    idempotent: true,
    critical: task.routing?.critical ?? false,
    priority: task.routing?.priority ?? 'p2'
  }
}

const unitBudget = (budget: TaskBudget): WorkUnit['budget'] => ({
  max_tokens: budget.max_tokens,
  max_time_ms: budget.max_time_ms,
  max_cost_micro: budget.max_cost_micro
})

function modelFields(
  task: Task,
  graph: TaskGraph,
  { model, tier, budget }: { model: RegisteredModel; tier: Tier; budget: TaskBudget }
): Pick<WorkUnit, 'kind' | 'model' | 'constraints' | 'budget' | 'retries' | 'timeouts'> {
  const { routing } = task
  return {
    kind: kindOf(task.type, tier),
    model: { cid: model.cid, handler: null },
    constraints: {
      privacy: routing?.privacy ?? graph.policies.privacy_default,
      trusted_node_required: routing?.trusted_node_required ?? false,
      region: routing?.region ?? null,
      min_memory_mb: Math.max(routing?.min_memory_mb ?? 0, model.manifest.memory_mb),
      accelerators: routing?.accelerators ?? [],
      latency_ms: graph.budgets.max_latency_ms
    },
    budget: unitBudget(budget),
    retries: { max_attempts: attemptsOf(budget.max_retries), backoff_ms: BACKOFF_MS },
    timeouts: { dispatch_ms: graph.budgets.max_latency_ms, run_ms: budget.max_time_ms }
  }
}

/** The unit that stands for one run of a handler in KORA, so that telemetry names it (invariant 1). */
export function handlerUnit(
  task: Task,
  graph: TaskGraph,
  session: SessionId,
  index: number
): PackedUnit {
  const budget = task.budget ?? {
    max_tokens: 0,
    max_time_ms: graph.budgets.max_latency_ms,
    max_cost_micro: 0,
    max_retries: 0
  }
  const schema: JsonSchema = strictSchema(task.schema ?? true)
  return packUnit({
    ...commonFields(task, graph, session),
    index,
    kind: kindOf(task.type, undefined),
    model: { cid: null, handler: task.handler ?? null },
    inputs: [],
    output_schema: schema,
    constraints: {
      privacy: 'local_only',
      trusted_node_required: false,
      region: null,
      min_memory_mb: 0,
      accelerators: [],
      latency_ms: graph.budgets.max_latency_ms
    },
    budget: unitBudget(budget),
    retries: { max_attempts: 1, backoff_ms: 0 },
    timeouts: { dispatch_ms: graph.budgets.max_latency_ms, run_ms: budget.max_time_ms },
    verification: { mode: 'schema', replicas: 1, agreement: { level: 'exact' } }
  })
}
