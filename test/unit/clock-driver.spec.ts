/** The clock of the machines, over one that its owner sets. */
import { deepEqual, equal } from 'node:assert/strict'
import { steadyClock } from '../../mesh-node/agent/clock-driver.ts'

const DAY_MS = 86_400_000

describe('the clock of this machine', () => {
  it('goes with the one it reads, and forth with it', () => {
    let ms = 1_000
    const clock = steadyClock(() => ms)
    const seen = [0, 5, DAY_MS].map((more) => {
      ms += more
      return clock.nowMs()
    })
    deepEqual(seen, [1_000, 1_005, DAY_MS + 1_005])
  })

  it('stands still where that one is set back, and goes on from there', () => {
    let ms = 2 * DAY_MS
    const clock = steadyClock(() => ms)
    const before = clock.nowMs()
    ms -= DAY_MS
    equal(clock.nowMs(), before)
    ms += 700
    equal(clock.nowMs(), before + 700)
    ms -= 200
    equal(clock.nowMs(), before + 700)
  })

  it('fires a timer in its own time, whatever was set in between', async () => {
    let backMs = 0
    const clock = steadyClock(() => Date.now() - backMs)
    const dueMs = clock.nowMs() + 40
    backMs = DAY_MS
    await new Promise<void>((fire) => clock.setTimer(dueMs, fire))
    // Node's own timers fire up to a millisecond early
    equal(clock.nowMs() >= dueMs - 1, true)
  })
})
