/**
 * What an owner allows, held to under any order of wishes, readings and runs: the machine is let go
 * of whenever a rule says so, runs keep to their share of the time, and nothing is said twice.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import {
  type LimitsEffect,
  type LimitsInput,
  LimitsMachine
} from '../../browser-node/tab/limits-machine.ts'
import { HOLD_RULES, type TabLimits } from '../../browser-node/tab-contract.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const START_MS = 20_000 * DAY_MS

const LIMITS: TabLimits = {
  intensityPercent: 100,
  cpu: true,
  gpu: true,
  largeModels: true,
  memoryMb: 1024,
  downloadMbPerDay: 100,
  cacheMb: 500,
  pauseOnBattery: true,
  pauseOnMetered: true,
  schedule: null,
  stopAfterUnits: null
}
const SENSED = { onBattery: false, metered: false, online: true, frozen: false }

type Untimed = LimitsInput extends infer I
  ? I extends LimitsInput
    ? Omit<I, 'nowMs' | 'utcOffsetMin'>
    : never
  : never

class Bench {
  readonly machine: LimitsMachine
  nowMs = START_MS
  utcOffsetMin = 0
  timerAtMs = Number.POSITIVE_INFINITY

  constructor(limits: Partial<TabLimits> = {}) {
    this.machine = new LimitsMachine({
      limits: { ...LIMITS, ...limits },
      fetched: { day: START_MS / DAY_MS, bytes: 0 }
    })
  }

  step(input: Untimed): readonly LimitsEffect[] {
    const { nowMs, utcOffsetMin } = this
    const effects = this.machine.step({ ...input, nowMs, utcOffsetMin })
    for (const effect of effects) if (effect.type === 'timer') this.timerAtMs = effect.atMs
    return effects
  }

  /** Lets time go by, with every tick that was asked for. */
  wait(ms: number): LimitsEffect[] {
    const untilMs = this.nowMs + ms
    const effects: LimitsEffect[] = []
    while (this.timerAtMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.timerAtMs)
      this.timerAtMs = Number.POSITIVE_INFINITY
      effects.push(...this.step({ type: 'tick' }))
    }
    this.nowMs = untilMs
    return effects
  }
}

const acts = (effects: readonly LimitsEffect[]): string[] =>
  effects.flatMap(({ type }) => (type === 'timer' || type === 'gate' ? [] : [type]))
const rulesOf = (bench: Bench): string[] => bench.machine.holds().map(({ rule }) => rule)

const limitsArb: fc.Arbitrary<TabLimits> = fc.record({
  intensityPercent: fc.integer({ min: 10, max: 100 }),
  cpu: fc.constant(true),
  gpu: fc.constant(true),
  largeModels: fc.constant(true),
  memoryMb: fc.constant(1024),
  downloadMbPerDay: fc.integer({ min: 1, max: 3 }),
  cacheMb: fc.constant(500),
  pauseOnBattery: fc.boolean(),
  pauseOnMetered: fc.boolean(),
  schedule: fc.option(
    fc.record({
      fromMin: fc.integer({ min: 0, max: 1439 }),
      toMin: fc.integer({ min: 0, max: 1439 })
    })
  ),
  stopAfterUnits: fc.option(fc.integer({ min: 1, max: 5 }))
})
const inputArb: fc.Arbitrary<Untimed> = fc.oneof(
  fc.constantFrom<Untimed>(
    { type: 'start' },
    { type: 'start' },
    { type: 'pause' },
    { type: 'finish' },
    { type: 'agent-idle' },
    { type: 'tick' }
  ),
  fc.constantFrom(...HOLD_RULES).map((rule): Untimed => ({ type: 'override', rule })),
  limitsArb.map((limits): Untimed => ({ type: 'limits', limits })),
  fc
    .record({
      onBattery: fc.boolean(),
      metered: fc.boolean(),
      online: fc.boolean(),
      frozen: fc.boolean()
    })
    .map((sensed): Untimed => ({ type: 'sensed', sensed })),
  fc.integer({ min: 0, max: 2 ** 21 }).map((bytes): Untimed => ({ type: 'fetched', bytes })),
  fc.integer({ min: 0, max: 60_000 }).map((ranMs): Untimed => ({ type: 'unit-done', ranMs }))
)
const scriptArb = fc.array(
  fc.record({ input: inputArb, waitMs: fc.integer({ min: 0, max: 3_600_000 }) }),
  { maxLength: 60 }
)

describe('the limits of a tab, whatever happens', () => {
  it('never work while a rule holds, and say each change once', () => {
    fc.assert(
      fc.property(scriptArb, fc.integer({ min: -720, max: 840 }), (script, utcOffsetMin) => {
        const bench = new Bench()
        bench.utcOffsetMin = utcOffsetMin
        let last = 'let-go'
        const look = (effects: readonly LimitsEffect[]): void => {
          for (const act of acts(effects)) {
            ok(act !== last, `${act} was said twice`)
            last = act
          }
          equal(bench.machine.stand, last)
          const holding = rulesOf(bench).filter((rule) => rule !== 'offline')
          if (holding.length > 0) ok(last !== 'work', `works in spite of ${holding.join()}`)
          const hard = holding.filter((rule) => rule !== 'unit_limit' && rule !== 'download_cap')
          equal(last === 'let-go', hard.length > 0)
        }
        for (const { input, waitMs } of script) {
          look(bench.step(input))
          look(bench.wait(waitMs))
        }
      })
    )
  })

  it('ask for a tick only in the future, and for none that is over', () => {
    fc.assert(
      fc.property(scriptArb, (script) => {
        const bench = new Bench()
        for (const { input, waitMs } of script) {
          for (const effect of bench.step(input)) {
            if (effect.type === 'timer') ok(effect.atMs > bench.nowMs)
          }
          ok(bench.timerAtMs > bench.nowMs)
          bench.wait(waitMs)
        }
      })
    )
  })

  it('keep runs to their share of the time', () => {
    const runs = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 5, maxLength: 50 })
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 100 }), runs, (intensityPercent, lengths) => {
        const bench = new Bench({ intensityPercent })
        bench.step({ type: 'start' })
        let busyMs = 0
        for (const ranMs of lengths) {
          while (bench.machine.isResting || bench.machine.stand !== 'work') {
            bench.wait(Math.max(1, bench.timerAtMs - bench.nowMs))
          }
          bench.wait(ranMs)
          busyMs += ranMs
          bench.step({ type: 'unit-done', ranMs })
        }
        const restMs = (busyMs * (100 - intensityPercent)) / intensityPercent
        const lastRestMs = ((lengths.at(-1) ?? 0) * (100 - intensityPercent)) / intensityPercent
        const tookMs = bench.nowMs - START_MS
        ok(tookMs + lastRestMs + 1 >= busyMs + restMs, `${tookMs} ms for ${busyMs} ms of runs`)
      })
    )
  })
})

describe('the limits of a tab', () => {
  it('begin with nothing: work waits for the owner', () => {
    const bench = new Bench()
    deepEqual(acts(bench.step({ type: 'sensed', sensed: SENSED })), [])
    deepEqual(rulesOf(bench), ['owner'])
    deepEqual(acts(bench.step({ type: 'start' })), ['work'])
    deepEqual(acts(bench.step({ type: 'pause' })), ['let-go'])
  })

  it('let go on battery, go on when it is lifted, and hold again at the next time', () => {
    const bench = new Bench()
    bench.step({ type: 'start' })
    const onBattery = { ...SENSED, onBattery: true }
    deepEqual(acts(bench.step({ type: 'sensed', sensed: onBattery })), ['let-go'])
    deepEqual(acts(bench.step({ type: 'override', rule: 'battery' })), ['work'])
    deepEqual(acts(bench.step({ type: 'sensed', sensed: SENSED })), [])
    deepEqual(acts(bench.step({ type: 'sensed', sensed: onBattery })), ['let-go'])
  })

  it('finish what runs before they pause, and pause when nothing runs', () => {
    const bench = new Bench()
    bench.step({ type: 'start' })
    deepEqual(acts(bench.step({ type: 'finish' })), ['finish'])
    deepEqual(acts(bench.step({ type: 'agent-idle' })), ['let-go'])
    deepEqual(rulesOf(bench), ['owner'])
  })

  it('stop after as many units as were asked for, and count anew when lifted', () => {
    const bench = new Bench({ stopAfterUnits: 2 })
    bench.step({ type: 'start' })
    deepEqual(acts(bench.step({ type: 'unit-done', ranMs: 10 })), [])
    deepEqual(acts(bench.step({ type: 'unit-done', ranMs: 10 })), ['finish'])
    deepEqual(acts(bench.step({ type: 'override', rule: 'unit_limit' })), ['work'])
    bench.step({ type: 'unit-done', ranMs: 10 })
    deepEqual(acts(bench.step({ type: 'unit-done', ranMs: 10 })), ['finish'])
  })

  it('fetch no more than a day may, until the local midnight', () => {
    const bench = new Bench({ downloadMbPerDay: 1 })
    bench.utcOffsetMin = 120
    bench.step({ type: 'start' })
    deepEqual(acts(bench.step({ type: 'fetched', bytes: 1024 * 1024 })), ['finish'])
    equal(bench.machine.mayFetch, false)
    const [hold] = bench.machine.holds()
    deepEqual(hold, { rule: 'download_cap', untilMs: START_MS + 22 * 60 * MINUTE_MS })
    deepEqual(acts(bench.wait(22 * 60 * MINUTE_MS)), ['work'])
    equal(bench.machine.fetched.bytes, 0)
  })

  it('keep to the hours of the day, over midnight too', () => {
    const bench = new Bench({ schedule: { fromMin: 22 * 60, toMin: 6 * 60 } })
    deepEqual(acts(bench.step({ type: 'start' })), ['work'])
    deepEqual(acts(bench.wait(6 * 60 * MINUTE_MS)), ['let-go'])
    deepEqual(bench.machine.holds(), [
      { rule: 'schedule', untilMs: START_MS + 22 * 60 * MINUTE_MS }
    ])
    deepEqual(acts(bench.wait(16 * 60 * MINUTE_MS)), ['work'])
  })

  it('shut the gate after a run at half intensity, and claim nothing in a long rest', () => {
    const bench = new Bench({ intensityPercent: 50 })
    bench.step({ type: 'start' })
    const short = bench.step({ type: 'unit-done', ranMs: 4_000 })
    deepEqual(acts(short), [])
    ok(short.some((effect) => effect.type === 'gate' && !effect.open))
    ok(bench.wait(4_000).some((effect) => effect.type === 'gate' && effect.open))
    deepEqual(acts(bench.step({ type: 'unit-done', ranMs: 30_000 })), ['finish'])
    deepEqual(acts(bench.wait(30_000)), ['work'])
  })

  it('say that the machine is offline, and let what runs go on', () => {
    const bench = new Bench()
    bench.step({ type: 'start' })
    deepEqual(acts(bench.step({ type: 'sensed', sensed: { ...SENSED, online: false } })), [])
    deepEqual(rulesOf(bench), ['offline'])
  })
})
