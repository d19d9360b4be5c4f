/** The rules of a task graph, each broken once: every fault is listed, at its place, and no other. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { checkGraph, orderTasks, TaskGraph, type TaskGraphInput } from '#contracts'

type TaskInput = TaskGraphInput['tasks'][number]

const BUDGET = { max_tokens: 1, max_time_ms: 100, max_cost_micro: 5 }
const echo = (id: string, rest: Partial<TaskInput> = {}): TaskInput => ({
  id,
  type: 'deterministic',
  handler: 'value.echo',
  ...rest
})
const ask = (id: string, rest: Partial<TaskInput> = {}): TaskInput => ({
  id,
  type: 'model',
  model: 'm',
  tier: 'small',
  budget: BUDGET,
  ...rest
})

function graphOf(tasks: TaskInput[], rest: Partial<TaskGraphInput> = {}): TaskGraph {
  return TaskGraph.parse({
    schema_version: 1,
    graph_id: 'g',
    budgets: { max_tokens: 10, max_latency_ms: 1_000, max_cost_micro: 50, max_model_calls: 5 },
    inputs: { audio: {} },
    tasks,
    outputs: {},
    ...rest
  })
}

const faultsOf = (tasks: TaskInput[], rest: Partial<TaskGraphInput> = {}) =>
  checkGraph(graphOf(tasks, rest)).map(({ path, rule }) => `${path} ${rule}`)

const edge = (rest: object) => ({
  trigger: 'failure' as const,
  model: 'm',
  tier: 'small' as const,
  budget: BUDGET,
  ...rest
})

/** One graph for each rule, and the one fault that it has. */
const BROKEN: Readonly<Record<string, readonly [TaskInput[], string, Partial<TaskGraphInput>?]>> = {
  'two tasks of one id': [[echo('a'), echo('a')], '/tasks/1/id duplicate_id'],
  'a dependency on nobody': [
    [echo('a', { dependencies: ['b'] })],
    '/tasks/0/dependencies/0 unknown_dependency'
  ],
  'a reference to nobody': [
    [echo('a', { input: { x: [{ y: { $task: 'b' } }] } })],
    '/tasks/0/input/x/0/y/$task unknown_dependency'
  ],
  'a fan-out over nobody': [
    [echo('a', { fanout: { over: { $task: 'b' } } })],
    '/tasks/0/fanout/over/$task unknown_dependency'
  ],
  'an output of nobody': [
    [echo('a')],
    '/outputs/o~1p/$task unknown_dependency',
    { outputs: { 'o/p': { $task: 'b' } } }
  ],
  'an unknown input': [
    [echo('a', { input: { x: { $input: 'video' } } })],
    '/tasks/0/input/x/$input unknown_input'
  ],
  'a reference with more in it': [
    [echo('a', { input: { x: { $input: 'audio', also: 1 } } })],
    '/tasks/0/input/x reference_malformed'
  ],
  'a pointer that is none': [
    [echo('a', { input: { x: { $input: 'audio', select: '/a~2' } } })],
    '/tasks/0/input/x/select pointer_malformed'
  ],
  'an item without a fan-out': [
    [echo('a', { input: { x: { $item: true } } })],
    '/tasks/0/input/x item_outside_fanout'
  ],
  'an item that a fan-out goes over': [
    [echo('a', { fanout: { over: { $item: true } } })],
    '/tasks/0/fanout/over item_outside_fanout'
  ],
  'a task that waits for itself': [[echo('a', { dependencies: ['a'] })], '/tasks/0 cycle'],
  'a model task without a model': [
    [{ id: 'a', type: 'model', tier: 'small', budget: BUDGET }],
    '/tasks/0 missing_model'
  ],
  'a model task without a tier': [
    [{ id: 'a', type: 'model', model: 'm', budget: BUDGET }],
    '/tasks/0 missing_tier'
  ],
  'a model task without a budget': [
    [{ id: 'a', type: 'model', model: 'm', tier: 'small' }],
    '/tasks/0 missing_budget'
  ],
  'a model task with a handler': [
    [ask('a', { handler: 'h' })],
    '/tasks/0/handler handler_not_allowed'
  ],
  'a handler task without a handler': [
    [{ id: 'a', type: 'retrieval' }],
    '/tasks/0 missing_handler'
  ],
  'a handler task with a model': [[echo('a', { model: 'm' })], '/tasks/0/model model_not_allowed'],
  'a handler task with a tier': [[echo('a', { tier: 'small' })], '/tasks/0/tier tier_not_allowed'],
  'a handler task with a quorum': [
    [echo('a', { verification: { mode: 'quorum', replicas: 2 } })],
    '/tasks/0/verification verification_not_allowed'
  ],
  'a handler task with a way out': [
    [echo('a', { escalation: [edge({})] })],
    '/tasks/0/escalation escalation_not_allowed'
  ],
  'replicas that nobody compares': [
    [ask('a', { verification: { mode: 'none', replicas: 2 } })],
    '/tasks/0/verification/replicas replicas_without_quorum'
  ],
  'a quorum of one': [
    [ask('a', { verification: { mode: 'quorum', replicas: 1 } })],
    '/tasks/0/verification/replicas quorum_without_replicas'
  ],
  'a confidence edge without a confidence': [
    [ask('a', { escalation: [edge({ trigger: 'confidence_below' })] })],
    '/tasks/0/escalation/0 missing_confidence'
  ],
  'a confidence that nobody reads': [
    [ask('a', { escalation: [edge({ confidence: { select: '/p', below: 1 } })] })],
    '/tasks/0/escalation/0/confidence confidence_not_allowed'
  ],
  'a budget edge without a sum': [
    [ask('a', { escalation: [edge({ trigger: 'budget_remaining' })] })],
    '/tasks/0/escalation/0 missing_remaining'
  ],
  'a cost over the graph’s': [
    [ask('a', { budget: { ...BUDGET, max_cost_micro: 51 } })],
    '/tasks/0/budget/max_cost_micro over_graph_budget'
  ],
  'tokens over the graph’s, on an edge': [
    [ask('a', { escalation: [edge({ budget: { ...BUDGET, max_tokens: 11 } })] })],
    '/tasks/0/escalation/0/budget/max_tokens over_graph_budget'
  ],
  'a time over the graph’s': [
    [echo('a', { budget: { ...BUDGET, max_time_ms: 1_001 } })],
    '/tasks/0/budget/max_time_ms over_graph_budget'
  ],
  'two trace ids': [
    [echo('a', { metadata: { trace_id: 'x' } }), echo('b', { metadata: { trace_id: 'y' } })],
    '/tasks/1/metadata/trace_id trace_id_differs'
  ]
}

describe('the rules of a task graph', () => {
  it('take a sound graph', () => {
    deepEqual(faultsOf([echo('a', { input: { x: { $input: 'audio' } } }), ask('b')]), [])
  })

  for (const [what, [tasks, fault, rest]] of Object.entries(BROKEN)) {
    it(`name ${what}`, () => deepEqual(faultsOf(tasks, rest), [fault]))
  }

  it('list faults of several kinds at once', () => {
    const faults = faultsOf([
      ask('a', { handler: 'h', dependencies: ['z'] }),
      echo('a', { input: { x: { $item: true } } })
    ])
    deepEqual(faults, [
      '/tasks/1/id duplicate_id',
      '/tasks/0/dependencies/0 unknown_dependency',
      '/tasks/0/handler handler_not_allowed',
      '/tasks/1/input/x item_outside_fanout'
    ])
  })

  it('name the tasks of a cycle, through references as well as declared dependencies', () => {
    const tasks = [
      echo('a', { dependencies: ['c'] }),
      echo('b', { input: { x: { $task: 'a' } } }),
      echo('c', { fanout: { over: { $task: 'b' } } })
    ]
    const [fault] = checkGraph(graphOf(tasks))
    equal(fault?.rule, 'cycle')
    ok(/a → b → c → a|b → c → a → b|c → a → b → c/.test(fault?.message ?? ''), fault?.message)
  })

  it('take a depth of 1,000 and refuse 1,001', () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, place) =>
        echo(`t${place}`, place === 0 ? {} : { dependencies: [`t${place - 1}`] })
      )
    deepEqual(faultsOf(chain(1_000)), [])
    deepEqual(faultsOf(chain(1_001)), ['/tasks/1000 too_deep'])
  })

  it('take 100,000 units and refuse 100,001', () => {
    const over = (length: number) => ({
      inputs: { list: { kind: 'json' as const, default: new Array(length).fill(0) } }
    })
    const tasks = [ask('a', { fanout: { over: { $input: 'list' } } })]
    deepEqual(faultsOf(tasks, over(100_000)), [])
    deepEqual(faultsOf(tasks, over(100_001)), ['/tasks/0 too_many_units'])
    deepEqual(
      faultsOf([ask('a', { fanout: { over: { $input: 'list' }, chunk: 2 } })], over(100_001)),
      []
    )
  })

  it('judge 10,000 tasks in a second, a chain of references among them', () => {
    const tasks = Array.from({ length: 10_000 }, (_, place) =>
      echo(`t${place}`, place % 900 === 0 ? {} : { input: { x: { $task: `t${place - 1}` } } })
    )
    const graph = graphOf(tasks)
    const startedMs = performance.now()
    deepEqual(checkGraph(graph), [])
    const tookMs = performance.now() - startedMs
    ok(tookMs < 1_000, `${tookMs} ms`)
  })

  it('order tasks after what they need and equal graphs equally', () => {
    const { tasks } = graphOf([echo('c', { dependencies: ['a', 'b'] }), echo('b'), echo('a')])
    deepEqual(orderTasks(tasks).order, [1, 2, 0])
    equal(orderTasks(tasks).depth, 2)
  })
})
