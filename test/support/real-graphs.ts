/**
 * Graphs and hand-made models of the real run: units that succeed, fail, are refused, escalate, are
 * checked by others, are private, and take long enough to be cut off.
 */
import type { TaskGraphInput } from '#contracts'
import { parseGraph } from '#control'
import { buildOnnx, loopingModel, type OnnxConstant } from './onnx-builder.ts'

const TABLE: OnnxConstant = {
  name: 'table',
  dtype: 'float32',
  shape: [3],
  data: new Uint8Array(Float32Array.of(0.5, 1.5, 2.5).buffer)
}
const PORTS = {
  inputs: [{ name: 'i', dtype: 'int64', shape: ['n', 1] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 1] }]
} as const

/** y = table[i]: fails where i is beyond the table. */
const picky = (): Uint8Array =>
  buildOnnx({
    ...PORTS,
    nodes: [{ op: 'Gather', inputs: ['table', 'i'], outputs: ['y'] }],
    constants: [TABLE]
  })

/** y = table[i mod 3]: fails nowhere. */
const forgiving = (): Uint8Array =>
  buildOnnx({
    ...PORTS,
    nodes: [
      { op: 'Mod', inputs: ['i', 'three'], outputs: ['within'] },
      { op: 'Gather', inputs: ['table', 'within'], outputs: ['y'] }
    ],
    constants: [
      TABLE,
      {
        name: 'three',
        dtype: 'int64',
        shape: [1],
        data: new Uint8Array(BigInt64Array.of(3n).buffer)
      }
    ]
  })

export const MODELS = [
  { name: 'picky', tier: 'small', bytes: picky() },
  { name: 'forgiving', tier: 'large', bytes: forgiving() },
  { name: 'slow', tier: 'small', bytes: loopingModel() }
] as const

const BUDGET = { max_tokens: 0, max_time_ms: 30_000, max_cost_micro: 10, max_retries: 1 }

function graphOf(
  graph_id: string,
  tasks: TaskGraphInput['tasks'],
  rest: Partial<TaskGraphInput> = {}
): TaskGraphInput {
  return {
    schema_version: 1,
    graph_id,
    budgets: {
      max_tokens: 0,
      max_latency_ms: 240_000,
      max_cost_micro: 2_000,
      max_model_calls: 200
    },
    inputs: { rows: { kind: 'file' } },
    tasks: [
      {
        id: 'load',
        type: 'deterministic',
        handler: 'tensor.load',
        input: { file: { $input: 'rows' }, format: 'json', dtype: 'int64' }
      },
      {
        id: 'rows',
        type: 'deterministic',
        handler: 'tensor.batch',
        input: { tensor: { $task: 'load' }, size: 1 }
      },
      ...tasks
    ],
    outputs: { rows: { $task: 'load' } },
    ...rest
  }
}

const each = { over: { $task: 'rows' } } as const
const onRow = { i: { $item: true } } as const
const pickyTask = { type: 'model', model: 'picky', tier: 'small', budget: BUDGET } as const
const shapeOf = (dtype: string) => ({
  type: 'object',
  properties: { y: { type: 'object', properties: { dtype: { const: dtype }, shape: true } } }
})
const toForgiving = (trigger: 'failure' | 'schema_mismatch') =>
  ({ trigger, model: 'forgiving', tier: 'large', budget: BUDGET }) as const

/** Everything that can happen to a unit, side by side; what fails does not stop the rest. */
export const TRIALS = graphOf(
  'trials',
  [
    {
      id: 'helped',
      ...pickyTask,
      fanout: each,
      input: onRow,
      schema: shapeOf('float32'),
      escalation: [toForgiving('failure')]
    },
    {
      id: 'never-right',
      ...pickyTask,
      fanout: each,
      input: onRow,
      schema: shapeOf('float64'),
      escalation: [toForgiving('schema_mismatch')]
    },
    {
      id: 'agreed',
      ...pickyTask,
      fanout: each,
      input: onRow,
      verification: { mode: 'quorum', replicas: 2, agreement: { level: 'exact' } },
      escalation: [toForgiving('failure')]
    },
    {
      id: 'rechecked',
      type: 'model',
      model: 'forgiving',
      tier: 'large',
      budget: BUDGET,
      fanout: each,
      input: onRow,
      verification: { mode: 'recompute', replicas: 2, agreement: { level: 'exact' } }
    },
    {
      id: 'private',
      type: 'model',
      model: 'forgiving',
      tier: 'large',
      budget: BUDGET,
      fanout: each,
      input: onRow,
      routing: { privacy: 'local_only' }
    },
    {
      id: 'after-failure',
      ...pickyTask,
      dependencies: ['never-right'],
      fanout: each,
      input: onRow
    }
  ],
  { policies: { failure_policy: 'continue_on_error' } }
)

export const FAILS_FAST = graphOf('fails-fast', [
  { id: 'picky', ...pickyTask, budget: { ...BUDGET, max_retries: 0 }, fanout: each, input: onRow }
])

/** A fan-out that turns out to be longer than the session's calls: its budget is breached. */
export const OVER_BUDGET = graphOf(
  'over-budget',
  [{ id: 'picky', ...pickyTask, fanout: each, input: onRow }],
  {
    budgets: { max_tokens: 0, max_latency_ms: 240_000, max_cost_micro: 2_000, max_model_calls: 2 }
  }
)

/** Units of some tenths of a second each: there is time to cancel, and to lose a node. */
export const slowGraph = (graph_id: string): TaskGraphInput =>
  graphOf(
    graph_id,
    [
      {
        id: 'turns',
        type: 'deterministic',
        handler: 'tensor.load',
        input: { file: { $input: 'turns' }, format: 'json', dtype: 'int64' }
      },
      {
        id: 'start',
        type: 'deterministic',
        handler: 'tensor.load',
        input: { file: { $input: 'rows' }, format: 'json', dtype: 'float32' }
      },
      {
        id: 'starts',
        type: 'deterministic',
        handler: 'tensor.batch',
        input: { tensor: { $task: 'start' }, size: 1 }
      },
      {
        id: 'slow',
        type: 'model',
        model: 'slow',
        tier: 'small',
        budget: { ...BUDGET, max_cost_micro: 1_000, max_retries: 3 },
        fanout: { over: { $task: 'starts' } },
        input: { turns: { $task: 'turns' }, x: { $item: true } }
      }
    ],
    {
      budgets: {
        max_tokens: 0,
        max_latency_ms: 240_000,
        max_cost_micro: 1_000_000,
        max_model_calls: 200
      },
      inputs: { rows: { kind: 'file' }, turns: { kind: 'file' } }
    }
  )

/** Seen to be graphs before anything is started. */
for (const graph of [TRIALS, FAILS_FAST, OVER_BUDGET, slowGraph('slow')]) parseGraph(graph)
