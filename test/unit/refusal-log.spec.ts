/** The log of refusals, whose length no stranger decides. */
import { deepEqual } from 'node:assert/strict'
import { RefusalLog } from '#mesh-node'

const MINUTE_MS = 60_000
const refused = { code: 'contracts.signature_invalid', facts: { typ: 'x' } }

function made() {
  const said: (string | number)[] = []
  const clock = { nowMs: 0 }
  const log = new RefusalLog({
    nowMs: () => clock.nowMs,
    say: (peer) => said.push(peer),
    sayMore: (count) => said.push(count)
  })
  const addMany = (count: number): void => {
    for (let index = 0; index < count; index++) log.add(`peer-${index}`, refused)
  }
  return { log, said, clock, addMany }
}

const FIRST_TEN = Array.from({ length: 10 }, (_, index) => `peer-${index}`)

describe('the log of refusals', () => {
  it('names the first of a minute, counts the rest, and names again after it', () => {
    const { log, said, clock, addMany } = made()
    addMany(10_000)
    deepEqual(said, FIRST_TEN)
    clock.nowMs = MINUTE_MS
    log.add('later', refused)
    deepEqual(said, [...FIRST_TEN, 9_990, 'later'])
  })

  it('says at the end what it held back, once', () => {
    const { log, said, addMany } = made()
    addMany(12)
    log.close()
    log.close()
    deepEqual(said, [...FIRST_TEN, 2])
  })
})
