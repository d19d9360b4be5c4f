/** How a session runs: order, fan-out, references, cache, budgets, failure policies, telemetry. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { type Cid, TERMINAL_UNIT_EVENTS, type Value } from '#contracts'
import { conduct, graphOf, TASK_BUDGET } from '../support/conduct.ts'

const LIST = { list: { kind: 'json', default: [1, 2, 3] } } as const
const echo = (id: string, input: Record<string, Value> = {}) =>
  ({ id, type: 'deterministic', handler: 'value.echo', input }) as const
const ask = (id: string, rest: object = {}) =>
  ({
    id,
    type: 'model',
    model: 'small-one',
    tier: 'small',
    budget: TASK_BUDGET,
    input: { x: 1 },
    ...rest
  }) as const
const overList = { fanout: { over: { $input: 'list' } }, input: { x: { $item: true } } } as const

describe('the conductor', () => {
  it('runs tasks after what they refer to and puts values in the place of references', () => {
    const graph = graphOf(
      [
        echo('last', { all: { $task: 'middle', select: '/got/1' } }),
        echo('middle', { got: { $task: 'first', select: '/list' } }),
        echo('first', { list: { $input: 'list' } })
      ],
      { inputs: LIST, outputs: { answer: { $task: 'last', select: '/all' } } }
    )
    const { conclusion } = conduct(graph, { inputs: { list: [5, 6] } })
    deepEqual(conclusion.outputs, { answer: 6 })
    equal(conclusion.stopReason, 'success')
  })

  it('makes one unit per item and gathers their outputs in the order of the items', () => {
    const graph = graphOf([ask('each', overList)], {
      inputs: LIST,
      outputs: { all: { $task: 'each' } }
    })
    const { conclusion, submitted } = conduct(graph, {
      inputs: { list: ['a', 'b', 'c'] },
      answer: ({ index }) => ({ value: { n: index } }),
      pick: (waiting) => waiting - 1
    })
    equal(submitted.length, 3)
    deepEqual(conclusion.outputs, { all: [{ n: 0 }, { n: 1 }, { n: 2 }] })
  })

  it('hands lists of at most `chunk` items to the units of a chunked fan-out', () => {
    const chunked = {
      ...echo('pairs', { of: { $item: true } }),
      fanout: { over: { $input: 'list' } as const, chunk: 2 }
    }
    const graph = graphOf([chunked], { inputs: LIST, outputs: { all: { $task: 'pairs' } } })
    deepEqual(conduct(graph, { inputs: { list: [1, 2, 3] } }).conclusion.outputs, {
      all: [{ of: [1, 2] }, { of: [3] }]
    })
  })

  it('calls no model for an empty list', () => {
    const graph = graphOf([ask('each', overList)], {
      inputs: LIST,
      outputs: { all: { $task: 'each' } }
    })
    const { conclusion, submitted } = conduct(graph, { inputs: { list: [] } })
    equal(submitted.length, 0)
    deepEqual(conclusion.outputs, { all: [] })
  })

  it('makes the same unit ids for the same graph and inputs, and others for other inputs', () => {
    const graph = graphOf([ask('each', overList)], { inputs: LIST })
    const ids = (list: Value) => conduct(graph, { inputs: { list } }).submitted.map(({ id }) => id)
    deepEqual(ids([1, 2]), ids([1, 2]))
    notEqual(ids([1, 2])[0], ids([1, 3])[0])
    notEqual(ids([1, 2])[0], ids([1, 2])[1])
  })

  it('takes finished work from the cache and comes to the same state hash', () => {
    const graph = graphOf([ask('each', overList)], {
      inputs: LIST,
      outputs: { all: { $task: 'each' } }
    })
    const shared = { cache: new Map<string, Cid>(), values: new Map<Cid, Value>() }
    const first = conduct(graph, { inputs: { list: [1, 2] }, ...shared })
    const second = conduct(graph, { inputs: { list: [1, 2] }, ...shared })
    equal(first.submitted.length, 2)
    equal(second.submitted.length, 0)
    equal(second.conclusion.stateHash, first.conclusion.stateHash)
    ok(second.conclusion.stages.some(({ outcome }) => outcome === 'cached'))
  })

  it('does not remember what was not verified', () => {
    const cache = new Map<string, Cid>()
    const graph = graphOf([ask('one')])
    conduct(graph, { cache, answer: () => ({ failed: {} }) })
    equal(cache.size, 0)
  })

  it('draws the same part of a fan-out for a quorum every time, and near the share asked for', () => {
    const verification = { mode: 'quorum', replicas: 2, sample_per_mille: 250 } as const
    const graph = graphOf([ask('each', { ...overList, verification })], { inputs: LIST })
    const list = Array.from({ length: 400 }, (_, index) => index)
    const quorums = () =>
      conduct(graph, { inputs: { list } }).effects.flatMap((effect) =>
        effect.type === 'submit'
          ? effect.units.map(({ unit: { unit } }) => unit.verification.mode === 'quorum')
          : []
      )
    const drawn = quorums()
    deepEqual(drawn, quorums())
    const share = drawn.filter(Boolean).length
    ok(share > 60 && share < 140, `${share} of 400`)
  })

  it('declares escalation edges as units of their own, and tells the judge what they ask', () => {
    const escalation = [
      {
        trigger: 'confidence_below',
        confidence: { select: '/score', below: 0.5 },
        model: 'large-one',
        tier: 'large',
        budget: { ...TASK_BUDGET, max_cost_micro: 900 }
      }
    ] as const
    const { effects } = conduct(graphOf([ask('one', { escalation })]))
    const [unit] = effects.flatMap((effect) => (effect.type === 'submit' ? effect.units : []))
    const [edge] = unit?.edges ?? []
    equal(edge?.unit.unit.kind, 'llm')
    equal(edge?.unit.unit.budget.max_cost_micro, 900)
    deepEqual([...(unit?.confidence.keys() ?? [])], [unit?.unit.id])
  })

  it('stops at the first failure under fail_fast and submits nothing after it', () => {
    const graph = graphOf([ask('bad'), ask('after', { dependencies: ['bad'] }), echo('side')])
    const { conclusion, submitted } = conduct(graph, { answer: () => ({ failed: {} }) })
    equal(conclusion.stopReason, 'retry_exhausted')
    equal(conclusion.failure?.task, 'bad')
    deepEqual(
      submitted.map(({ task }) => task),
      ['bad']
    )
  })

  it('goes on with what does not depend on a failure under continue_on_error', () => {
    const graph = graphOf(
      [ask('bad'), ask('after', { dependencies: ['bad'] }), echo('side', { v: 1 })],
      {
        policies: { failure_policy: 'continue_on_error' },
        outputs: { side: { $task: 'side', select: '/v' }, after: { $task: 'after' } }
      }
    )
    const { conclusion } = conduct(graph, { answer: () => ({ failed: {} }) })
    deepEqual(conclusion.outputs, { side: 1 })
    equal(conclusion.stopReason, 'retry_exhausted')
    ok(
      conclusion.stages.some(({ task_id, outcome }) => task_id === 'after' && outcome === 'skipped')
    )
  })

  it('ends with BUDGET_BREACH where a fan-out asks for more calls than the graph allows', () => {
    const graph = graphOf([ask('each', overList)], {
      inputs: LIST,
      budgets: {
        max_tokens: 1_000,
        max_latency_ms: 1_000,
        max_cost_micro: 1_000,
        max_model_calls: 2
      }
    })
    const { conclusion, effects, submitted } = conduct(graph, { inputs: { list: [1, 2, 3] } })
    equal(conclusion.stopReason, 'budget_exhausted')
    ok(submitted.length <= 2)
    ok(conclusion.stages.some(({ stage }) => stage === 'BUDGET_BREACH'))
    const told = effects.flatMap((effect) => (effect.type === 'event' ? effect.event : []))
    const breach = told.find(({ data }) => data['reason'] === 'BUDGET_BREACH')
    equal(breach?.type, 'workunit.failed')
    ok(
      told.some(
        (event) => event.type === 'workunit.queued' && event.work_unit_id === breach?.work_unit_id
      )
    )
  })

  it('refuses a fan-out of more units than a session may have', () => {
    const graph = graphOf([ask('each', overList)], { inputs: LIST })
    const { conclusion, submitted } = conduct(graph, {
      inputs: { list: [1, 2, 3, 4] },
      options: { unitsMax: 3 }
    })
    equal(conclusion.failure?.code, 'graph.too_many_units')
    equal(submitted.length, 0)
  })

  it('says which reference leads nowhere', () => {
    const graph = graphOf([echo('a', { v: { $input: 'list', select: '/9' } })], { inputs: LIST })
    const { conclusion } = conduct(graph, { inputs: { list: [1] } })
    equal(conclusion.failure?.code, 'graph.reference_unresolved')
    equal(conclusion.failure?.task, 'a')
  })

  it('does not accept a handler result that fails the schema of its task', () => {
    const graph = graphOf([{ ...echo('a', { v: 1 }), schema: { type: 'object', properties: {} } }])
    equal(conduct(graph).conclusion.failure?.code, 'graph.output_invalid')
  })

  it('ends a cancelled session once every submitted unit has had its last word', () => {
    const graph = graphOf([ask('each', overList)], { inputs: LIST })
    const { conclusion, effects } = conduct(graph, { inputs: { list: [1, 2] }, stopAt: 3 })
    equal(conclusion.stopReason, 'cancelled')
    ok(effects.some(({ type }) => type === 'cancel'))
    equal(effects.at(-1)?.type, 'finish')
  })

  it('gives every unit that it queues exactly one terminal event', () => {
    const graph = graphOf([echo('a'), echo('b', { v: { $task: 'a', select: '/none' } })])
    for (const stopAt of [1, 2, 99]) {
      const { effects } = conduct(graph, { stopAt })
      const events = effects.flatMap((effect) => (effect.type === 'event' ? [effect.event] : []))
      const queued = events.filter(({ type }) => type === 'workunit.queued')
      const terminal = events.filter(({ type }) => TERMINAL_UNIT_EVENTS.includes(type))
      deepEqual(
        terminal.map(({ work_unit_id }) => work_unit_id).sort(),
        queued.map(({ work_unit_id }) => work_unit_id).sort()
      )
    }
  })

  it('names the first task of the graph that failed, not the last to do so', () => {
    const graph = graphOf([echo('fine'), ask('early'), ask('late')], {
      policies: { failure_policy: 'continue_on_error' }
    })
    const answer = ({ task }: { task: string }) => ({
      failed: { error: { code: 'executor.crashed', detail: task } }
    })
    for (const pick of [() => 0, (waiting: number) => waiting - 1]) {
      const { failure } = conduct(graph, { answer, pick }).conclusion
      deepEqual([failure?.task, failure?.detail], ['early', 'early'])
    }
  })

  it('counts an outcome that comes twice once', () => {
    const graph = graphOf([ask('each', overList)], { inputs: LIST })
    const options = { inputs: { list: [1, 2, 3] } }
    const once = conduct(graph, options)
    const twice = conduct(graph, { ...options, isTwice: true })
    equal(twice.conclusion.stateHash, once.conclusion.stateHash)
    equal(twice.conductor.progress().spentMicro, once.conductor.progress().spentMicro)
    deepEqual(twice.conductor.step({ type: 'continue', nowMs: 9 }), [])
  })

  it('keeps no more units open than it was told', () => {
    const graph = graphOf([ask('each', overList)], { inputs: LIST })
    const list = Array.from({ length: 500 }, (_, index) => index)
    let open = 0
    const { effects } = conduct(graph, { inputs: { list }, options: { openUnitsMax: 50 } })
    for (const effect of effects)
      if (effect.type === 'submit') open = Math.max(open, effect.units.length)
    ok(open <= 50, `${open}`)
  })
})

describe('a reference that leads nowhere', () => {
  const stopOf = (graph: Parameters<typeof conduct>[0], inputs: Record<string, Value> = {}) => {
    const { conclusion } = conduct(graph, { inputs })
    return { reason: conclusion.stopReason, failure: conclusion.failure, all: conclusion.outputs }
  }

  it('fails the session where an output asks for it, and gives the outputs that are there', () => {
    const graph = graphOf([echo('a', { x: 1 })], {
      outputs: { there: { $task: 'a' }, lost: { $task: 'a', select: '/nowhere' } }
    })
    const { reason, failure, all } = stopOf(graph)
    equal(reason, 'validation_failed')
    ok(failure?.detail.startsWith('output lost: '), failure?.detail)
    deepEqual(all, { there: { x: 1 } })
  })

  it('fails the task that a handler was to run, by name', () => {
    for (const select of ['/list/first', '/list/9', '/list/01']) {
      const graph = graphOf(
        [echo('a', { list: [1, 2] }), echo('b', { x: { $task: 'a', select } })],
        { outputs: { b: { $task: 'b' } } }
      )
      const { reason, failure } = stopOf(graph)
      equal(reason, 'validation_failed', select)
      equal(failure?.task, 'b', select)
    }
  })

  it('fails the task whose model was to see it, before a unit is made', () => {
    const graph = graphOf(
      [echo('a', { x: 1 }), ask('m', { input: { x: { $task: 'a', select: '/y' } } })],
      { outputs: { m: { $task: 'm' } } }
    )
    const { conclusion, submitted } = conduct(graph)
    equal(conclusion.failure?.task, 'm')
    equal(submitted.length, 0)
  })

  it('fails a fan-out over what is no list', () => {
    const graph = graphOf([{ ...ask('each'), ...overList }], {
      inputs: LIST,
      outputs: { all: { $task: 'each' } }
    })
    const { failure } = stopOf(graph, { list: { no: 'list' } })
    equal(failure?.code, 'graph.fanout_not_list')
  })
})
