/**
 * Task IR and TaskGraph: what KORA is asked to do. Shapes only. Rules that span tasks
 * (ids, dependencies, cycles, depth, budgets) are in `task-graph-rules.ts`; text is read in `control`.
 */
import { z } from 'zod'
import { Agreement } from './agreement.ts'
import { GRAPH_TASKS_MAX, NAME_CHARS_MAX, PROSE_CHARS_MAX } from './limits.ts'
import { TIERS } from './model-manifest.ts'
import { json, record, text, uint } from './shape.ts'
import type { Value } from './value.ts'

export const TASK_IR_VERSION = 1
export const GRAPH_SCHEMA_VERSION = 1

export const TASK_TYPES = ['deterministic', 'retrieval', 'model', 'aggregation'] as const
export type TaskType = (typeof TASK_TYPES)[number]

export const PRIVACY = ['local_only', 'allow_remote'] as const
export type Privacy = (typeof PRIVACY)[number]

export const FAILURE_POLICIES = ['fail_fast', 'continue_on_error'] as const
export const VERIFICATION_MODES = ['none', 'schema', 'quorum', 'recompute'] as const
export type VerificationMode = (typeof VERIFICATION_MODES)[number]
export const ESCALATION_TRIGGERS = [
  'failure',
  'schema_mismatch',
  'confidence_below',
  'budget_remaining'
] as const
export type EscalationTrigger = (typeof ESCALATION_TRIGGERS)[number]
export const PRIORITIES = ['p0', 'p1', 'p2', 'p3'] as const
export type Priority = (typeof PRIORITIES)[number]

/** Names in graphs: they become file names, metric labels and columns. */
export const TASK_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
export const taskId = z
  .string()
  .regex(TASK_ID, 'a letter or digit, then letters, digits, ".", "_" or "-"; 128 at most')

/**
 * Where a value comes from: a graph input, an earlier task's output, or the item of a fan-out. `select`
 * is a JSON pointer into it. Anything else in `input` stands for itself.
 */
const select = z
  .string()
  .max(NAME_CHARS_MAX)
  .regex(/^(\/.*)?$/, 'a JSON pointer')
  .optional()
export const Reference = z.union([
  z.strictObject({ $input: text(NAME_CHARS_MAX), select }),
  z.strictObject({ $task: taskId, select }),
  z.strictObject({ $item: z.literal(true), select })
])
export type Reference = z.infer<typeof Reference>

const JsonValue: z.ZodType<Value> = json
/** JSON Schema draft 2020-12, kept as written; compiled where it is used. */
export const JsonSchema = z.union([z.boolean(), record(z.string(), json)])
export type JsonSchema = z.infer<typeof JsonSchema>

export const TaskBudget = z.strictObject({
  max_tokens: uint(),
  max_time_ms: uint(86_400_000).min(1),
  max_cost_micro: uint(),
  max_retries: uint(20).default(2)
})
export type TaskBudget = z.infer<typeof TaskBudget>

export const Verification = z.strictObject({
  mode: z.enum(VERIFICATION_MODES),
  /** Results that must agree; only `quorum` and `recompute` use more than one. */
  replicas: uint(7).min(1).default(1),
  agreement: Agreement.default({ level: 'exact' }),
  /** Verify this share of a fan-out's units so, the rest by schema; drawn from the hash of the unit, per mille. */
  sample_per_mille: uint(1000).default(1000)
})
export type Verification = z.infer<typeof Verification>

/** On `trigger`, the task is done again by `model`. Only declared edges are ever taken. */
export const EscalationEdge = z.strictObject({
  trigger: z.enum(ESCALATION_TRIGGERS),
  /** `confidence_below`: the pointer to the number in the output, and its bound. */
  confidence: z.strictObject({ select: text(NAME_CHARS_MAX), below: z.number() }).optional(),
  /** `budget_remaining`: taken only while at least this much of the graph's cost budget is left. */
  remaining_micro: uint().optional(),
  model: text(NAME_CHARS_MAX),
  tier: z.enum(TIERS),
  budget: TaskBudget
})
export type EscalationEdge = z.infer<typeof EscalationEdge>

export const Routing = z.strictObject({
  privacy: z.enum(PRIVACY).optional(),
  trusted_node_required: z.boolean().default(false),
  region: text(NAME_CHARS_MAX).optional(),
  min_memory_mb: uint(1_000_000).default(0),
  accelerators: z.array(text(NAME_CHARS_MAX)).max(8).default([]),
  priority: z.enum(PRIORITIES).default('p2'),
  critical: z.boolean().default(false)
})

export const Task = z.strictObject({
  version: z.literal(TASK_IR_VERSION).default(TASK_IR_VERSION),
  id: taskId,
  type: z.enum(TASK_TYPES),
  description: z.string().max(PROSE_CHARS_MAX).optional(),
  dependencies: z.array(taskId).max(1_000).default([]),
  /** Deterministic, retrieval and aggregation tasks name a handler; model tasks name model and tier. */
  handler: text(NAME_CHARS_MAX).optional(),
  model: text(NAME_CHARS_MAX).optional(),
  tier: z.enum(TIERS).optional(),
  input: record(text(NAME_CHARS_MAX), JsonValue).default({}),
  schema: JsonSchema.optional(),
  budget: TaskBudget.optional(),
  verification: Verification.default({
    mode: 'schema',
    replicas: 1,
    agreement: { level: 'exact' },
    sample_per_mille: 1000
  }),
  escalation: z.array(EscalationEdge).max(8).default([]),
  routing: Routing.optional(),
  fanout: z.strictObject({ over: Reference, chunk: uint(100_000).min(1).default(1) }).optional(),
  metadata: z
    .strictObject({
      created_at: z.iso.datetime().optional(),
      trace_id: text(NAME_CHARS_MAX).optional()
    })
    .default({})
})
export type Task = z.infer<typeof Task>

export const GraphBudgets = z.strictObject({
  max_tokens: uint(),
  max_latency_ms: uint(86_400_000).min(1),
  max_cost_micro: uint(),
  max_model_calls: uint()
})
export type GraphBudgets = z.infer<typeof GraphBudgets>

export const Policies = z.strictObject({
  failure_policy: z.enum(FAILURE_POLICIES).default('fail_fast'),
  privacy_default: z.enum(PRIVACY).default('allow_remote'),
  max_retries_total: uint(1_000_000).default(100)
})

export const TaskGraph = z.strictObject({
  schema_version: z.literal(GRAPH_SCHEMA_VERSION),
  graph_version: uint().default(1),
  graph_id: taskId,
  description: z.string().max(PROSE_CHARS_MAX).optional(),
  /** Idempotency: the same tenant and request id is the same session. Drawn anew where absent. */
  request_id: text(NAME_CHARS_MAX).optional(),
  tenant_id: text(NAME_CHARS_MAX).default('local'),
  created_at: z.iso.datetime().optional(),
  budgets: GraphBudgets,
  policies: Policies.default({
    failure_policy: 'fail_fast',
    privacy_default: 'allow_remote',
    max_retries_total: 100
  }),
  /** What the caller must give, by name. */
  inputs: record(
    text(NAME_CHARS_MAX),
    z.strictObject({
      description: z.string().max(PROSE_CHARS_MAX).optional(),
      /** `file`: the bytes of a file; `json`: a JSON value. */
      kind: z.enum(['file', 'json']).default('file'),
      default: JsonValue.optional()
    })
  ).default({}),
  tasks: z.array(Task).min(1).max(GRAPH_TASKS_MAX),
  outputs: record(text(NAME_CHARS_MAX), Reference)
})
export type TaskGraph = z.infer<typeof TaskGraph>
/** What a person writes: defaults may be left out. */
export type TaskGraphInput = z.input<typeof TaskGraph>
