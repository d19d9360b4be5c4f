/** What a tab writes down: units from the grant to the verdict, minutes, speed, and what it keeps of them. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import { type Backend, type Cid, cidOfBytes, MeshError } from '#contracts'
import type { AgentOffer, RunResult } from '#mesh-node/core'
import type { Trial } from '#mesh-node/portable'
import { GatedEngine } from '../../browser-node/tab/gated-engine.ts'
import { HISTORY_POINTS_MAX, HistoryBook } from '../../browser-node/tab/history-book.ts'
import { Profile } from '../../browser-node/tab/profile.ts'
import { TabMemory } from '../../browser-node/tab/tab-memory.ts'
import { UNIT_LINES_MAX } from '../../browser-node/tab/unit-book.ts'
import { UnitRate } from '../../browser-node/tab/unit-rate.ts'
import { offerOf, unitOf } from '../support/agent-fixtures.ts'
import { code } from '../support/expect-code.ts'
import { MESH } from '../support/mesh-fixtures.ts'
import { tensorManifest } from '../support/models.ts'

const level = () => new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
const memoryOf = async (store = level()) => TabMemory.open(await Profile.open(store), MESH)

const resultOf = ({ lease }: AgentOffer, wallMs = 40): RunResult => ({
  lease,
  outputCid: cidOfBytes(Uint8Array.of(1)),
  usage: { cpu_ms: wallMs, gpu_ms: 0, wall_ms: wallMs, tokens_in: 0, tokens_out: 0 },
  backend: { runtime: 'ort', version: '1', provider: 'wasm', device_class: 'x' },
  startedMs: 0,
  finishedMs: wallMs
})
const verdictOf = (
  { lease }: AgentOffer,
  verdict: 'accepted' | 'rejected' | 'redundant',
  reason = 'ok'
) => [{ lease_id: lease, verdict, reason, earned_micro: 0 }]

describe('the units of a tab', () => {
  it('go from the grant to the verdict', async () => {
    const { units, ...memory } = await memoryOf()
    const offer = offerOf(unitOf(1))
    units.offered([offer])
    deepEqual(units.running(), [])
    units.started(offer.unit.id, offer.attempt, 100)
    deepEqual(
      units.running().map(({ lease, startedMs }) => [lease, startedMs]),
      [[offer.lease, 100]]
    )
    units.ran([resultOf(offer)], 150)
    deepEqual(units.running(), [])
    equal(units.lines()[0]?.stage, 'delivered')
    units.judged(verdictOf(offer, 'accepted'), 200)
    units.ended([offer.lease], { nowMs: 201, why: 'expired' })
    const [line, ...more] = units.lines()
    deepEqual([line?.stage, line?.ranMs, line?.endedMs, more], ['accepted', 40, 200, []])
    equal(memory.history.points().length, 0)
  })

  it('are lost with the reason: handed back, failed, or without a verdict', async () => {
    const memory = await memoryOf()
    const { units } = memory
    const offers = [offerOf(unitOf(1)), offerOf(unitOf(2)), offerOf(unitOf(3)), offerOf(unitOf(4))]
    const [back, failed, silent, unbegun] = offers
    if (!back || !failed || !silent || !unbegun) throw new Error('four offers')
    units.offered(offers)
    for (const { unit, attempt } of [back, failed, silent]) units.started(unit.id, attempt, 10)
    units.failed(failed.lease, 'model.run_failed')
    units.ran([resultOf(silent)], 20)
    units.ended(
      offers.map(({ lease }) => lease),
      { nowMs: 30, why: 'released' }
    )
    const reasons = new Map(units.lines().map(({ lease, reason }) => [lease, reason]))
    equal(reasons.get(back.lease), 'released')
    equal(reasons.get(failed.lease), 'model.run_failed')
    equal(reasons.get(silent.lease), 'no_verdict')
    equal(reasons.has(unbegun.lease), false)
    deepEqual([memory.counts.lost, memory.counts.done], [3, 0])
  })

  it('are kept from visit to visit, the newest alone', async () => {
    const store = level()
    const memory = await memoryOf(store)
    for (let at = 0; at < UNIT_LINES_MAX + 5; at++) {
      const offer = offerOf(unitOf(at))
      memory.units.offered([offer])
      memory.units.ran([resultOf(offer)], at)
      memory.units.judged(verdictOf(offer, at === 3 ? 'rejected' : 'accepted'), at)
    }
    memory.traffic(0, { downBytes: 5, upBytes: 7, units: 1 })
    await memory.keep({ day: 3, bytes: 9 })
    await store.open()
    const again = await memoryOf(store)
    equal(again.units.lines().length, UNIT_LINES_MAX)
    deepEqual(
      again.units.lines().map(({ lease }) => lease),
      memory.units.lines().map(({ lease }) => lease)
    )
    const { done, rejected, downBytes, upBytes } = again.counts
    deepEqual([done, rejected, downBytes, upBytes], [UNIT_LINES_MAX + 4, 1, 5, 7])
    deepEqual(again.fetched, { day: 3, bytes: 9 })
    equal(again.history.points().length, 1)
  })

  it('do not make a tab fail that finds rubbish where its past was', async () => {
    const store = level()
    await store.put(`mesh/${MESH}/unit/x`, Uint8Array.of(1, 2, 3))
    await store.put(`mesh/${MESH}/counts`, Uint8Array.of(0xf6))
    const memory = await memoryOf(store)
    deepEqual([memory.units.lines().length, memory.counts.done], [0, 0])
  })
})

describe('the key of a tab', () => {
  it('is drawn once, and a damaged one is not replaced', async () => {
    const store = level()
    const profile = await Profile.open(store)
    const seed = await profile.seed((bytes) => new Uint8Array(bytes).fill(4))
    deepEqual([...(await profile.seed(() => new Uint8Array(32)))], [...seed])
    await store.put('seed', new Uint8Array(31))
    await rejects(
      profile.seed(() => new Uint8Array(32)),
      code('identity.key_malformed')
    )
  })

  it('is said to be unusable where the browser keeps nothing, and full where it is', async () => {
    const refusing = (name: string) => ({
      ...{ close: async () => {}, get: async () => undefined, del: async () => {} },
      open: async () => {},
      put: () => Promise.reject(new DOMException('no', name)),
      iterator: () => ({ all: async () => [] })
    })
    const draw = (bytes: number) => new Uint8Array(bytes)
    const full = await Profile.open(refusing('QuotaExceededError'))
    await rejects(full.seed(draw), code('store.disk_full'))
    const shut = await Profile.open(refusing('InvalidStateError'))
    await rejects(shut.seed(draw), code('identity.unusable'))
  })
})

describe('the minutes of a tab', () => {
  it('add up, and are a day at most', () => {
    const book = new HistoryBook([])
    book.add(60_500, { units: 1, creditMicro: 10 })
    book.add(61_000, { units: 1, downBytes: 5 })
    deepEqual(book.points(), [
      { atMs: 60_000, units: 2, creditMicro: 10, downBytes: 5, upBytes: 0 }
    ])
    // a clock that was set back
    book.add(0, { units: 1 })
    equal(book.points()[0]?.units, 3)
    for (let at = 0; at < 2 * HISTORY_POINTS_MAX; at++) book.add(at * 60_000, { units: 1 })
    equal(book.points().length, HISTORY_POINTS_MAX)
  })
})

describe('the speed of a tab', () => {
  it('leaves the first unit of each model out', () => {
    const rate = new UnitRate()
    const model: Cid = cidOfBytes(Uint8Array.of(1))
    rate.ran(model, 10_000)
    equal(rate.perMinute(), null)
    for (let at = 1; at <= 6; at++) rate.ran(model, 10_000 + at * 1_000)
    equal(rate.perMinute(), 60)
    rate.ran(cidOfBytes(Uint8Array.of(2)), 60_000)
    equal(rate.perMinute(), null)
  })
})

describe('the gate before the engine', () => {
  const SILENT = { progress: () => {}, ran: () => {}, demoted: () => {}, nowMs: () => 0 }
  const request = {
    manifest: tensorManifest('m', new Uint8Array()),
    ...{ files: {}, inputs: {}, limits: { run_ms: 1, memory_mb: 1, max_tokens: 0 } }
  }
  const engineOf = (execute: () => Promise<never>) => ({
    backends: [],
    backendFor: () => null,
    mayRun: () => false,
    settle: () => {},
    execute,
    warm: async () => {},
    describe: () => Promise.reject(new Error('nothing to describe')),
    close: async () => {},
    stats: () => ({ slots: 0, running: 0, queued: 0, children: 0, runs: 0, failures: 0 })
  })

  it('keeps a unit until the machine has rested, and lets a withdrawn one through at once', async () => {
    let runs = 0
    const ran: boolean[] = []
    const gated = new GatedEngine(
      engineOf(() => {
        runs += 1
        return Promise.reject(new Error('ran'))
      }),
      { ...SILENT, ran: ({ isUnit }) => ran.push(isUnit) }
    )
    gated.setOpen(false)
    const waiting = gated.execute({ ...request, signal: new AbortController().signal })
    waiting.catch(() => {})
    const abort = new AbortController()
    const withdrawn = gated.execute({ ...request, signal: abort.signal })
    await Promise.resolve()
    equal(runs, 0)
    abort.abort()
    await rejects(withdrawn, /ran/)
    equal(runs, 1)
    gated.setOpen(true)
    await rejects(waiting, /ran/)
    equal(runs, 2)
    deepEqual(ran, [true, true])
  })

  for (const [failure, isUnit, settled] of [
    ['executor.timed_out', true, ['webgpu']],
    ['executor.timed_out', false, []],
    ['executor.crashed', true, []]
  ] as const) {
    const what = `${isUnit ? 'a unit' : 'a golden run'} that ends with ${failure}`
    it(`${settled.length > 0 ? 'takes' : 'does not take'} the backend off a model for ${what}`, async () => {
      const backendOn = (provider: string): Backend => ({
        ...{ runtime: 'test', version: '1', provider, device_class: 'test' }
      })
      const backends = [backendOn('webgpu'), backendOn('wasm')]
      const given: Trial[] = []
      const told: string[] = []
      const gated = new GatedEngine(
        {
          ...engineOf(() => Promise.reject(new MeshError(failure))),
          ...{ backends, backendFor: () => backends[0] ?? null, mayRun: () => true },
          settle: (_, trials) => given.push(...trials)
        },
        { ...SILENT, demoted: (_, { backend }) => told.push(backend.provider) }
      )
      const { signal } = new AbortController()
      await rejects(gated.execute(isUnit ? { ...request, signal } : request), code(failure))
      deepEqual(
        given.map(({ backend, ok }) => (ok ? 'passed' : backend.provider)),
        settled
      )
      deepEqual(told, settled)
    })
  }
})
