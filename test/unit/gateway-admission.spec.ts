/** Admission, the readiness of the queue, and the small structures below: timers, queues, candidates. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { GATEWAY_SESSIONS_MAX, parseSessionId } from '#contracts'
import { Admission } from '../../mesh-node/core/gateway/admission.ts'
import { Heap } from '../../mesh-node/core/gateway/heap.ts'
import { TimerHeap } from '../../mesh-node/core/gateway/timer-heap.ts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { SESSION, spec, unitOf } from '../support/mesh-units.ts'

describe('gateway: admission', () => {
  it('throttles at 900, is critical after three looks at 1,000, and opens after six under 500', () => {
    const admission = new Admission()
    const modes: string[] = []
    const queue = [899, 900, 1_000, 1_000, 1_000, 600, 499, 499, 499, 499, 499, 499]
    queue.forEach((queued, second) => {
      admission.evaluate(queued, second * 1_000)
      modes.push(admission.mode)
    })
    deepEqual(modes, [
      'OPEN',
      'THROTTLED',
      'THROTTLED',
      'THROTTLED',
      'CRITICAL',
      'CRITICAL',
      'CRITICAL',
      'CRITICAL',
      'CRITICAL',
      'CRITICAL',
      'CRITICAL',
      'OPEN'
    ])
  })

  it('looks once a second, however often it is asked', () => {
    const admission = new Admission()
    for (let nowMs = 0; nowMs < 900; nowMs += 100) admission.evaluate(1_000, nowMs)
    equal(admission.mode, 'THROTTLED')
  })

  const OTHER = parseSessionId(`s${'cd'.repeat(16)}`)
  const crowded = (): GatewayMesh => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.submit(...Array.from({ length: 1_100 }, (_, index) => unitOf('crowd', { index })))
    mesh.run(4_000)
    equal(mesh.machine.snapshot().admission, 'CRITICAL')
    return mesh
  }

  it('rejects what is not urgent of a session that comes in a critical hour, and takes the rest', () => {
    const mesh = crowded()
    const { nowMs } = mesh
    mesh.feed({
      type: 'open',
      spec: spec({ session: OTHER }),
      history: null,
      availableMicro: null,
      nowMs
    })
    const low = unitOf('low', { execution_session_id: OTHER })
    const urgent = unitOf('urgent', { execution_session_id: OTHER, priority: 'p0' })
    for (const unit of [low, urgent]) mesh.auditor.know(unit)
    const units = [low, urgent].map((unit) => ({ unit, edges: [] }))
    mesh.feed({ type: 'submit', session: OTHER, units, nowMs })
    equal(mesh.outcomes.get(low.id)?.stopReason, 'admission_rejected')
    equal(mesh.eventsOf('workunit.rejected', low.id).length, 1)
    equal(mesh.outcomes.has(urgent.id), false)
  })

  it('goes on with a session that was admitted before the crowd came', () => {
    const mesh = crowded()
    const later = unitOf('later')
    mesh.submit(later)
    mesh.addNode(0, { descriptor: { queue_max: 1_024 }, slots: 1_024 })
    ok(mesh.drain())
    equal(mesh.outcomes.get(later.id)?.status, 'success')
    mesh.audit()
  })

  it('holds back what is not urgent while throttled, and lets it go when admission opens', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.submit(...Array.from({ length: 950 }, (_, index) => unitOf('crowd', { index })))
    mesh.run(1_500)
    equal(mesh.machine.snapshot().admission, 'THROTTLED')
    const { nowMs } = mesh
    const other = spec({ session: OTHER })
    mesh.feed({ type: 'open', spec: other, history: null, availableMicro: null, nowMs })
    const low = unitOf('low', { execution_session_id: OTHER })
    mesh.auditor.know(low)
    mesh.feed({ type: 'submit', session: OTHER, units: [{ unit: low, edges: [] }], nowMs })
    equal(mesh.eventsOf('workunit.deferred', low.id).length, 1)
    equal(mesh.machine.explain(OTHER, low.id)?.refusals[0]?.rule, 'deferred')
    mesh.addNode(0, { descriptor: { queue_max: 1_024 }, slots: 1_024 })
    mesh.run(10_000)
    equal(mesh.outcomes.get(low.id)?.status, 'success')
  })

  it('refuses more sessions than it may keep', () => {
    const mesh = new GatewayMesh()
    const { nowMs } = mesh
    const open = (number: number) => {
      const session = parseSessionId(`s${number.toString(16).padStart(32, '0')}`)
      const given = spec({ session })
      return mesh.feed({ type: 'open', spec: given, history: null, availableMicro: null, nowMs })
    }
    for (let number = 0; number < GATEWAY_SESSIONS_MAX; number++) open(number)
    ok(open(GATEWAY_SESSIONS_MAX).some(({ type }) => type === 'refuse-session'))
    equal(mesh.machine.snapshot().sessions.length, GATEWAY_SESSIONS_MAX)
  })

  it('gives two sessions their turns: a large one does not shut a small one out', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.submit(...Array.from({ length: 2_000 }, (_, index) => unitOf('large', { index })))
    const { nowMs } = mesh
    const other = spec({ session: OTHER })
    mesh.feed({ type: 'open', spec: other, history: null, availableMicro: null, nowMs })
    const small = unitOf('small', { execution_session_id: OTHER })
    mesh.auditor.know(small)
    mesh.feed({ type: 'submit', session: OTHER, units: [{ unit: small, edges: [] }], nowMs })
    mesh.addNode(0)
    mesh.run(50)
    equal(mesh.outcomes.get(small.id)?.status, 'success')
  })

  it('caps the leases of one tenant', () => {
    const mesh = new GatewayMesh({ tenantLeasesMax: 3 })
    mesh.open()
    mesh.addNode(0)
    mesh.submit(...Array.from({ length: 10 }, (_, index) => unitOf('u', { index })))
    equal(mesh.items('units.reserved').length, 3)
    ok(mesh.drain())
    mesh.audit()
  })

  it('forgets a session that is closed, with its leases and classes', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0)
    mesh.submit(unitOf('u'))
    mesh.drain()
    const closing = { session: SESSION, stopReason: 'success', stateHash: '00'.repeat(32) } as const
    mesh.feed({ type: 'close', ...closing, nowMs: mesh.nowMs })
    equal(mesh.machine.snapshot().sessions.length, 0)
    equal(mesh.records.at(-1)?.kind, 'session.closed')
    equal(mesh.eventsOf('execution.session.completed').length, 1)
  })
})

describe('gateway: structures', () => {
  it('a heap gives its items in order, also after a sweep', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 5 }), (numbers, step) => {
        const heap = new Heap<number>((a, b) => a < b)
        for (const number of numbers) heap.push(number)
        heap.sweep((number) => number % step !== 0)
        const left = numbers.filter((number) => number % step !== 0).sort((a, b) => a - b)
        const given: number[] = []
        for (let item = heap.pop(); item !== undefined; item = heap.pop()) given.push(item)
        deepEqual(given, left)
      })
    )
  })

  it('timers fire by time and then by arrival, and never for what is dead', () => {
    const dead = new Set<string>(['b'])
    const timers = new TimerHeap<string>((item) => dead.has(item))
    for (const [atMs, item] of [
      [5, 'c'],
      [1, 'a'],
      [5, 'd'],
      [2, 'b']
    ] as const) {
      timers.add(atMs, item)
    }
    const fired: string[] = []
    for (let item = timers.due(5); item; item = timers.due(5)) fired.push(item)
    deepEqual(fired, ['a', 'c', 'd'])
    equal(timers.nextAtMs, Number.POSITIVE_INFINITY)
  })
})
