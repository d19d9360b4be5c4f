/** KORA takes another result for a unit as long as it made no use of the first. */
import { deepEqual, equal, notEqual } from 'node:assert/strict'
import type { Value } from '#contracts'
import { conduct, graphOf, TASK_BUDGET } from '../support/conduct.ts'

const GRAPH = graphOf(
  [
    {
      id: 'each',
      type: 'model',
      model: 'small-one',
      tier: 'small',
      budget: TASK_BUDGET,
      fanout: { over: { $input: 'list' } },
      input: { x: { $item: true } }
    }
  ],
  { inputs: { list: { kind: 'json' } }, outputs: { all: { $task: 'each' } } }
)
const inputs = { list: [0, 1, 2] }
const right = ({ index }: { readonly index: number }): Value => ({ n: index })
const WRONG: Value = { n: -1 }

const lying = (liar: number, isMended: boolean) => {
  let offers = 0
  const run = conduct(GRAPH, {
    inputs,
    answer: (unit) => ({ value: unit.index === liar ? WRONG : right(unit) }),
    mend: (unit) => {
      if (!isMended || unit.index !== liar || offers++ > 0) return undefined
      return right(unit)
    }
  })
  return run.conclusion
}

describe('a unit that KORA is told of again', () => {
  const honest = conduct(GRAPH, { inputs, answer: (unit) => ({ value: right(unit) }) }).conclusion

  it('has its new value as long as its task goes on, and the state is as if it always had', () => {
    const mended = lying(0, true)
    deepEqual(mended.outputs, { all: [{ n: 0 }, { n: 1 }, { n: 2 }] })
    equal(mended.stateHash, honest.stateHash, 'a replay finds the second value alone')
    notEqual(lying(0, false).stateHash, honest.stateHash)
  })

  it('keeps its value where the task was done with it: the caller says that it is too late', () => {
    deepEqual(lying(2, true).outputs, { all: [{ n: 0 }, { n: 1 }, { n: -1 }] })
  })

  it('costs what its new result costs, and not both', () => {
    const { conductor } = conduct(GRAPH, {
      inputs,
      answer: (unit) => ({ value: right(unit) }),
      mend: ({ index }) => (index === 0 ? { n: 0 } : undefined)
    })
    equal(conductor.progress().spentMicro, 21)
    equal(conductor.progress().units.done, 3)
  })
})
