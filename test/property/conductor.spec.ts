/** Whatever comes first: the same graph and the same results lead to the same end. */
import { deepEqual, equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { TaskGraphInput, UnitOutcome } from '#contracts'
import { type Answer, type AskedUnit, conduct, graphOf, TASK_BUDGET } from '../support/conduct.ts'

type TaskInput = TaskGraphInput['tasks'][number]

/** A layered graph of handlers, model tasks and fan-outs; each may refer to any before it. */
const tasksOf = fc
  .array(
    fc.record({
      kind: fc.constantFrom('echo', 'model', 'fanout'),
      refs: fc.array(fc.nat(20), { maxLength: 3 })
    }),
    { minLength: 1, maxLength: 9 }
  )
  .map((plans) =>
    plans.map(({ kind, refs }, place): TaskInput => {
      const before = place === 0 ? [] : [...new Set(refs.map((ref) => `t${ref % place}`))]
      const input = Object.fromEntries(before.map((id) => [id, { $task: id }]))
      const id = `t${place}`
      if (kind === 'echo') return { id, type: 'deterministic', handler: 'value.echo', input }
      const model = {
        id,
        type: 'model',
        model: 'small-one',
        tier: 'small',
        budget: TASK_BUDGET
      } as const
      if (kind === 'model') return { ...model, input: { ...input, x: place } }
      const fanout = { over: { $input: 'list' } } as const
      return { ...model, fanout, input: { ...input, x: { $item: true } } }
    })
  )

const graphFor = (tasks: TaskInput[], policy: 'fail_fast' | 'continue_on_error') =>
  graphOf(tasks, {
    inputs: { list: { kind: 'json' } },
    policies: { failure_policy: policy },
    outputs: Object.fromEntries(tasks.map(({ id }) => [id, { $task: id }]))
  })

/** An order of answers, from a list of numbers. */
const picker = (numbers: readonly number[]) => {
  let at = 0
  return (waiting: number): number => (numbers[at++ % numbers.length] ?? 0) % waiting
}

const orders = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 40 })
const list = fc.array(fc.nat(9), { maxLength: 6 })
const answerOf =
  (bad: ReadonlySet<string>, failed: Partial<UnitOutcome> = {}) =>
  ({ task, index }: AskedUnit): Answer =>
    bad.has(`${task}/${index}`) ? { failed } : { value: { from: task, index } }

describe('the conductor, in any order of answers', () => {
  it('comes to the same outputs, trace and state hash', () => {
    fc.assert(
      fc.property(tasksOf, list, orders, (tasks, items, numbers) => {
        const graph = graphFor(tasks, 'fail_fast')
        const options = { inputs: { list: items }, answer: answerOf(new Set()) }
        const straight = conduct(graph, options).conclusion
        const mixed = conduct(graph, { ...options, pick: picker(numbers) }).conclusion
        equal(mixed.stateHash, straight.stateHash)
        deepEqual(mixed.stages, straight.stages)
        deepEqual(mixed.outputs, straight.outputs)
      }),
      { numRuns: 200 }
    )
  })

  it('fails alike under continue_on_error, whichever of the faults comes first', () => {
    const faults = fc.array(fc.tuple(fc.nat(8), fc.nat(5)), { maxLength: 4 })
    fc.assert(
      fc.property(tasksOf, list, orders, faults, (tasks, items, numbers, places) => {
        const graph = graphFor(tasks, 'continue_on_error')
        const bad = new Set(places.map(([task, index]) => `t${task}/${index}`))
        const options = { inputs: { list: items }, answer: answerOf(bad) }
        const straight = conduct(graph, options).conclusion
        const mixed = conduct(graph, { ...options, pick: picker(numbers) }).conclusion
        equal(mixed.stateHash, straight.stateHash)
        deepEqual(mixed.stages, straight.stages)
        deepEqual(mixed.failure, straight.failure)
      }),
      { numRuns: 200 }
    )
  })

  it('fails alike under fail_fast where there is one fault', () => {
    fc.assert(
      fc.property(tasksOf, list, orders, fc.nat(8), (tasks, items, numbers, place) => {
        const graph = graphFor(tasks, 'fail_fast')
        const options = { inputs: { list: items }, answer: answerOf(new Set([`t${place}/0`])) }
        const straight = conduct(graph, options).conclusion
        const mixed = conduct(graph, { ...options, pick: picker(numbers) }).conclusion
        equal(mixed.stateHash, straight.stateHash)
        equal(mixed.stopReason, straight.stopReason)
        deepEqual(mixed.failure, straight.failure)
      }),
      { numRuns: 200 }
    )
  })

  it('never has more of its budget left than before', () => {
    fc.assert(
      fc.property(tasksOf, list, orders, fc.nat(2_000), (tasks, items, numbers, budget) => {
        const graph = { ...graphFor(tasks, 'continue_on_error') }
        const budgets = { ...graph.budgets, max_cost_micro: budget }
        const { leftMicro } = conduct(
          { ...graph, budgets },
          { inputs: { list: items }, pick: picker(numbers) }
        )
        for (let step = 1; step < leftMicro.length; step++)
          equal((leftMicro[step] ?? 0) <= (leftMicro[step - 1] ?? 0), true)
        equal((leftMicro.at(-1) ?? 0) >= 0, true)
      }),
      { numRuns: 100 }
    )
  })

  it('ends every session exactly once, wherever it is stopped', () => {
    fc.assert(
      fc.property(tasksOf, list, orders, fc.nat(30), (tasks, items, numbers, stopAt) => {
        const graph = graphFor(tasks, 'fail_fast')
        const options = { inputs: { list: items }, pick: picker(numbers), stopAt: stopAt + 1 }
        const { effects } = conduct(graph, options)
        equal(effects.filter(({ type }) => type === 'finish').length, 1)
      }),
      { numRuns: 100 }
    )
  })
})
