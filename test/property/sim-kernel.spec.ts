/** The kernel of the simulator: events in order, and a trace that no difference escapes. */
import { deepEqual, equal, notEqual, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { EventQueue } from '../../sim/kernel/event-queue.ts'
import { digestOfText, MARK_EVERY, RollingTrace } from '../../sim/kernel/rolling-trace.ts'

const time = fc.nat(50)

describe('the queue of events', () => {
  it('gives every event once, by time and then as entered, whatever comes and goes between', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ push: time }) },
      { weight: 2, arbitrary: fc.constant(null) }
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6_000 }), (steps) => {
        const queue = new EventQueue<number>()
        const model: { at: number; id: number }[] = []
        let id = 0
        for (const one of steps) {
          if (one !== null) {
            const at = queue.atUs + one.push
            queue.push(at, id % 7, id % 5, id)
            model.push({ at, id: id++ })
            continue
          }
          const wanted = model.sort((a, b) => a.at - b.at || a.id - b.id).shift()
          equal(queue.nextUs, wanted?.at ?? Number.POSITIVE_INFINITY)
          equal(queue.pop(), wanted !== undefined)
          if (wanted === undefined) continue
          const { atUs, node, kind, payload } = queue
          deepEqual(
            [atUs, node, kind, payload],
            [wanted.at, wanted.id % 7, wanted.id % 5, wanted.id]
          )
        }
        equal(queue.size, model.length)
      }),
      { numRuns: 40 }
    )
  })

  it('takes nothing in the past, and no time between microseconds', () => {
    const queue = new EventQueue<null>()
    queue.push(10, 0, 0, null)
    queue.pop()
    throws(() => queue.push(9, 0, 0, null), /now or later/)
    throws(() => queue.push(10.5, 0, 0, null), /now or later/)
  })
})

describe('the trace', () => {
  const event = fc.tuple(fc.nat(2 ** 40), fc.nat(10_000), fc.nat(20), fc.integer())
  const run = fc.array(event, { minLength: 1, maxLength: 40 })
  type Event = [number, number, number, number]
  const traceOf = (events: readonly Event[]): RollingTrace => {
    const trace = new RollingTrace()
    for (const one of events) trace.add(...one)
    return trace
  }

  it('is equal for equal runs, and differs where one event differs in one part', () => {
    fc.assert(
      fc.property(run, fc.nat(), fc.nat(3), (events, where, part) => {
        equal(traceOf(events).hash(), traceOf(events).hash())
        const other = structuredClone(events)
        const changed = other[where % other.length]
        if (changed !== undefined) changed[part] = (changed[part] ?? 0) + 1
        notEqual(traceOf(other).hash(), traceOf(events).hash())
      })
    )
  })

  it('has a mark for each thousand events, equal up to the first difference', () => {
    const events = Array.from({ length: 3 * MARK_EVERY }, (_, at): Event => [at, 1, 2, 3])
    const other = structuredClone(events)
    const late = other[2 * MARK_EVERY + 5]
    if (late !== undefined) late[3] = 4
    const [a, b] = [traceOf(events).marks, traceOf(other).marks]
    deepEqual(a.slice(0, 2), b.slice(0, 2))
    notEqual(a[2], b[2])
  })

  it('is the same on every machine: a fixed run has a fixed hash', () => {
    const trace = traceOf([
      [1_000_000, 3, 1, digestOfText('unit')],
      [2 ** 33, 4, 2, -1]
    ])
    equal(trace.hash(), 'f27abf111f220c76')
  })
})
