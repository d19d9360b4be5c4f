/** Invariant 1: every unit that was queued ends in exactly one terminal event, with its fields. */
import { equal, ok } from 'node:assert/strict'
import { type EventDraft, REQUIRED_EVENT_DATA, TERMINAL_UNIT_EVENTS } from '#contracts'
import { expectNamed, expectNone, holdsInRandomRuns } from '../support/invariants/claims.ts'
import { EVENTFUL, playRun } from '../support/invariants/random-runs.ts'
import {
  invocationFaults,
  requiredFieldFaults,
  terminalEventFaults
} from '../support/invariants/telemetry.ts'
import { type RealRun, realRun } from '../support/real-run.ts'

const faultsOf = (events: readonly EventDraft[], checksNodes = false) => [
  ...terminalEventFaults(events, { checksNodes }),
  ...invocationFaults(events),
  ...requiredFieldFaults(events)
]
const isEnd = ({ type }: EventDraft): boolean => TERMINAL_UNIT_EVENTS.includes(type)

describe('invariant 1: telemetry is complete', function () {
  this.timeout(300_000)
  let run: RealRun
  before(async () => {
    run = await realRun()
  })

  it('holds for every session of a real mesh', () => {
    for (const { events, document } of run.sessions.values()) {
      expectNone(faultsOf(events, run.record.checksNodes))
      const queued = new Set<string | null>()
      for (const event of events)
        if (event.type === 'workunit.queued') queued.add(event.work_unit_id)
      for (const { unit, executions } of document.units)
        ok(executions.length === 0 || queued.has(unit), `unit ${unit} ran unqueued`)
      equal(
        events.every(({ id }, place) => id === String(place)),
        true
      )
    }
  })

  it('holds whatever nodes do', () => {
    holdsInRandomRuns(({ events }) => faultsOf(events))
  })

  it('is seen broken where an end is dropped', () => {
    const { events } = run.record
    const end = events.findIndex(isEnd)
    expectNamed(faultsOf(events.toSpliced(end, 1)), /queued and without an end/)
  })

  it('is seen broken where an end is told twice, alike or otherwise', () => {
    const { events } = run.record
    const end = events.find(isEnd)
    ok(end)
    expectNamed(faultsOf([...events, end]), /2 ends/)
    const other = end.type === 'workunit.failed' ? 'workunit.completed' : 'workunit.failed'
    expectNamed(faultsOf([...events, { ...end, type: other }]), /ends that differ/)
  })

  it('takes an end told again after a restart, and no other', () => {
    const { events, checksNodes } = run.record
    const twice = [...events, ...events]
    const thrice = [...twice, ...events.filter(isEnd)]
    expectNone(terminalEventFaults(twice, { restarts: 1, checksNodes }))
    expectNamed(terminalEventFaults(twice, { checksNodes }), /queued 2 times/)
    expectNamed(terminalEventFaults(thrice, { restarts: 1, checksNodes }), /3 ends/)
  })

  it('is seen broken where a unit is dispatched unqueued or after its end', () => {
    const { events } = run.record
    const dispatched = events.find(({ type }) => type === 'workunit.dispatched')
    ok(dispatched)
    expectNamed(faultsOf([dispatched]), /before it was queued/)
    expectNamed(faultsOf([...events, dispatched]), /dispatched after its end/)
  })

  it('is seen broken where an invocation never ends', () => {
    const { events } = run.record
    const without = events.filter(({ type }) => type !== 'llm.invocation.failed')
    ok(without.length < events.length)
    expectNamed(faultsOf(without), /never ended/)
  })

  it('is seen broken for every field that is missing', () => {
    const { events } = run.record
    let planted = 0
    for (const [type, keys] of Object.entries(REQUIRED_EVENT_DATA)) {
      const found = events.find((event) => event.type === type)
      if (found === undefined) continue
      for (const key of keys) {
        const { [key]: _, ...data } = found.data
        expectNamed(faultsOf([{ ...found, data }]), new RegExp(`data.${key} is missing`))
        planted += 1
      }
      const { attempt: _, ...bare } = found
      expectNamed(requiredFieldFaults([bare as EventDraft]), /attempt is missing/)
    }
    ok(planted >= 20, `${planted} fields`)
  })

  it('is seen broken where a reason is free text', () => {
    const failed = run.record.events.find(({ type }) => type === 'workunit.failed')
    ok(failed)
    const data = { ...failed.data, stop_reason: 'it did not work' }
    expectNamed(faultsOf([{ ...failed, data }]), /stop_reason it did not work/)
  })

  it('is seen broken in a machine whose ends get lost or doubled on the way', () => {
    let ends = 0
    const every = (times: number) =>
      playRun(EVENTFUL, {
        effects: (effect) => {
          const isHit = effect.type === 'event' && isEnd(effect.event) && ends++ % 3 === 0
          return isHit ? Array.from({ length: times }, () => effect) : [effect]
        }
      }).record
    expectNamed(faultsOf(every(0).events), /without an end/)
    expectNamed(faultsOf(every(2).events), /2 ends/)
    equal(faultsOf(every(1).events).length, 0)
  })
})
