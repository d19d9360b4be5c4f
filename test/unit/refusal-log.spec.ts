/** The operator's log of refusals, whose length no stranger decides. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { RefusalLog } from '../../control/drivers/refusal-log.ts'

const MINUTE_MS = 60_000

function logAt() {
  const lines: string[] = []
  const timers: { atMs: number; fire: () => void }[] = []
  let nowMs = 0
  const log = new RefusalLog((line) => lines.push(line), {
    nowMs: () => nowMs,
    setTimer(atMs, fire) {
      const timer = { atMs, fire }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer), 1)
    }
  })
  const pass = (ms: number): void => {
    nowMs += ms
    for (const timer of timers.splice(0)) timer.fire()
  }
  return { log, lines, timers, pass }
}

const refused = { code: 'contracts.signature_invalid', facts: { typ: 'x' } }

describe('the log of refusals', () => {
  it('names the first of a minute and counts the rest', () => {
    const { log, lines, pass } = logAt()
    for (let count = 0; count < 10_000; count++) log.add(`peer-${count}`, refused)
    equal(lines.length, 10)
    match(lines[0] ?? '', /^refused peer-0: contracts\.signature_invalid/)
    pass(MINUTE_MS)
    deepEqual(lines.slice(10), ['refused 9990 more within a minute'])
    log.add('later', refused)
    match(lines.at(-1) ?? '', /^refused later/)
  })

  it('says what it held back when it ends, and leaves no timer', () => {
    const { log, lines, timers } = logAt()
    for (let count = 0; count < 12; count++) log.add('peer', refused)
    log.close()
    deepEqual(
      [lines.length, lines.at(-1), timers.length],
      [11, 'refused 2 more within a minute', 0]
    )
  })
})
