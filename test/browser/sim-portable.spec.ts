/** The simulator in a worker of a browser gives the hashes that it gives in Node. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { firstDifferent, seedHashes } from '../../sim/portable/seed-hashes.ts'
import type { EntryBundle } from './support/bundle-entry.ts'
import { bundleSimulator, hashesInWorker } from './support/sim-browser.ts'
import { useBrowser } from './support/use-browser.ts'

/** The first of them has measured round trips, and one a control node that dies. */
const RANGE = { from: 1, seeds: 3 }

describe('the simulator in a browser', function () {
  this.timeout(120_000)
  let bundle: EntryBundle | undefined
  const suite = useBrowser({
    folders: async () => {
      bundle = await bundleSimulator()
      return [bundle.dir]
    }
  })
  after(() => bundle?.remove())

  it('leaves the trace and the ledger that it leaves in Node', async () => {
    const { browser, server } = suite()
    const page = await browser.open(server.url)
    const here = await hashesInWorker(page, RANGE)
    const there = await seedHashes(RANGE, shippedMatrix)
    deepEqual(here, there)
    equal(firstDifferent(here, there), null)
    ok(here.every(({ events, rule }) => events > 100 && rule === null))
    deepEqual(browser.faults(), [])
  })

  it('is told from one that differs, by the seed', async () => {
    const hashes = await seedHashes({ from: 1, seeds: 2 }, shippedMatrix)
    const [first, second] = hashes
    ok(first !== undefined && second !== undefined)
    equal(firstDifferent(hashes, [first, { ...second, trace_hash: 'other' }]), second.seed)
    equal(firstDifferent([first], hashes), second.seed)
  })
})
