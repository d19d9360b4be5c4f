/** Plans: what needs no model and why, how many units, the worst case, and what is refused before it runs. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type Cid, GRAPH_UNITS_MAX, type TaskGraphInput, type Value } from '#contracts'
import { checkBudget, planGraph, readGraph } from '#control'
import { builtinModels } from '../../control/models/builtin.ts'
import { modelTable } from '../../control/registry/model-table.ts'
import { conduct, graphOf, MODELS, TASK_BUDGET } from '../support/conduct.ts'

const ask = (id: string, rest: object = {}): TaskGraphInput['tasks'][number] => ({
  id,
  type: 'model',
  model: 'small-one',
  tier: 'small',
  budget: TASK_BUDGET,
  input: { x: 1 },
  ...rest
})
const LIST = { list: { kind: 'json', default: [1, 2, 3] } } as const
const overList = { fanout: { over: { $input: 'list' } }, input: { x: { $item: true } } } as const
const budgets = (rest: object) => ({
  max_tokens: 1_000,
  max_latency_ms: 1_000,
  max_cost_micro: 1_000,
  max_model_calls: 10,
  ...rest
})

describe('a plan', () => {
  it('says of every task why it needs a model or none, in execution order', () => {
    const graph = graphOf([
      ask('second', { input: { x: { $task: 'first' } } }),
      { id: 'first', type: 'deterministic', handler: 'value.echo' }
    ])
    const plan = planGraph(graph, { models: MODELS })
    deepEqual(
      plan.tasks.map(({ id, kind, substrate, why }) => [id, kind, substrate, why.split(':')[0]]),
      [
        ['first', 'deterministic', 'cpu', 'needs no model'],
        ['second', 'small_model', 'compute', 'needs a model']
      ]
    )
    equal(plan.without_model, 1)
  })

  it('counts a known fan-out, replicas and edges into the worst case', () => {
    const escalation = [
      { trigger: 'failure', model: 'large-one', tier: 'large', budget: TASK_BUDGET }
    ]
    const verification = { mode: 'quorum', replicas: 3 }
    const graph = graphOf([ask('a', { ...overList, escalation, verification })], { inputs: LIST })
    const [task] = planGraph(graph, { models: MODELS }).tasks
    equal(task?.units, 3)
    equal(task?.worst_case_cost_micro, 3 * 3 * 2 * TASK_BUDGET.max_cost_micro)
    equal(task?.model_calls_max, 3 * 3 * 2)
  })

  it('bounds a fan-out of unknown size by the calls that are left', () => {
    const graph = graphOf(
      [
        { id: 'make', type: 'deterministic', handler: 'value.echo' },
        ask('known'),
        ask('each', { fanout: { over: { $task: 'make' } }, input: { x: { $item: true } } })
      ],
      { budgets: budgets({}) }
    )
    const plan = planGraph(graph, { models: MODELS })
    const each = plan.tasks.find(({ id }) => id === 'each')
    equal(each?.units, 'after make')
    equal(each?.units_max, 9)
    deepEqual(plan.budgets[0], {
      name: 'max_cost_micro',
      worst_case: 1_000,
      budget: 1_000,
      fits: true
    })
  })

  it('refuses a worst case over the budget, with every number, before anything runs', () => {
    const graph = graphOf([ask('a', overList)], {
      inputs: LIST,
      budgets: budgets({ max_cost_micro: 299 })
    })
    const plan = planGraph(graph, { models: MODELS })
    throws(() => checkBudget(plan), {
      code: 'budget.exceeded',
      facts: {
        max_cost_micro: 299,
        worst_case_cost_micro: 300,
        max_tokens: 1_000,
        worst_case_tokens: 30,
        max_model_calls: 10,
        worst_case_model_calls: 3
      }
    })
  })

  it('refuses models and handlers that nobody knows, and a tier that is not the model’s', () => {
    const graph = graphOf([
      ask('a', { model: 'nobody' }),
      { id: 'b', type: 'aggregation', handler: 'constructor' },
      ask('c', { tier: 'large' })
    ])
    throws(
      () => planGraph(graph, { models: MODELS }),
      (error: { issues: { path: string; rule: string }[] }) => {
        deepEqual(
          error.issues.map(({ path, rule }) => `${path} ${rule}`),
          [
            '/tasks/0/model model_not_registered',
            '/tasks/1/handler handler_unknown',
            '/tasks/2/tier tier_differs'
          ]
        )
        return true
      }
    )
  })

  it('knows the units that are finished work', () => {
    const graph = graphOf([ask('a', overList)], { inputs: LIST })
    const cache = new Map<string, Cid>()
    const values = new Map<Cid, Value>()
    conduct(graph, { inputs: { list: [1, 2] }, cache, values })
    const plan = planGraph(graph, { models: MODELS, inputs: { list: [1, 2, 9] }, cache })
    equal(plan.tasks[0]?.cached_units, 2)
  })

  for (const example of ['transcribe', 'read-page']) {
    it(`fits examples/${example} into its own budgets`, () => {
      const text = readFileSync(new URL(`../../examples/${example}/graph.yaml`, import.meta.url))
      const models = modelTable(builtinModels().map(({ manifest }) => manifest))
      const plan = planGraph(readGraph(text), { models })
      checkBudget(plan)
      equal(plan.tasks.length, readGraph(text).tasks.length)
    })
  }

  it('refuses a fan-out that is known to make more units than a graph may have', () => {
    const graph = graphOf([ask('each', overList)], {
      inputs: LIST,
      budgets: budgets({ max_model_calls: GRAPH_UNITS_MAX + 1 })
    })
    const list: Value = Array.from({ length: GRAPH_UNITS_MAX + 1 }, () => 0)
    const plan = planGraph(graph, { models: MODELS, inputs: { list } })
    throws(() => checkBudget(plan), { code: 'graph.too_many_units' })
  })

  it('cannot count a fan-out over an input that is not there yet, and says after what it can', () => {
    const inputs = { list: { kind: 'json' } } as const
    const [task] = planGraph(graphOf([ask('each', overList)], { inputs }), { models: MODELS }).tasks
    equal(task?.units, 'after input list')
  })
})
