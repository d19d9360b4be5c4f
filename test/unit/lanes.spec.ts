/** How `npm test` adds up its lanes: nothing that failed, stopped or was not seen may pass. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { laneEnd, sumOf } from '../../scripts/test.ts'

const green = laneEnd(0, '  30 passing (1s)\n\n30 passed, 0 failed\n')

describe('the lanes of npm test', () => {
  it('add up to one line', () => {
    deepEqual(green, {
      status: 0,
      totals: { passed: 30, failed: 0 },
      report: '30 passing (1s)'
    })
    deepEqual(sumOf([green, green], 60), { passed: 60, failed: 0 })
  })

  it('keep the failures of each', () => {
    const red = laneEnd(2, '2 failing\n28 passed, 2 failed')
    deepEqual(sumOf([green, red], 0), { passed: 58, failed: 2 })
  })

  it('fail with a lane that ends without its totals, and keep what it said', () => {
    const cut = laneEnd(0, 'out of memory\n')
    equal(cut.report, 'out of memory')
    deepEqual(sumOf([green, cut], 0), { passed: 30, failed: 1 })
  })

  it('fail with a lane whose status is not its totals', () => {
    const odd = laneEnd(7, '30 passed, 0 failed')
    deepEqual(sumOf([green, odd], 0), { passed: 60, failed: 1 })
  })

  it('fail where too few tests ran', () => {
    const { failed, fault } = sumOf([green], 31)
    equal(failed, 1)
    match(fault ?? '', /only 30 tests ran and at least 31 must/)
  })
})
