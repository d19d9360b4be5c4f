/** The real fidelity: the product's own drivers on the real stack, bit for bit the same from a seed. */
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { DEFAULT_REAL_OPTIONS, type RealOptions, runReal } from '../../sim/real/index.ts'
import { withCode } from '../support/mesh-fixtures.ts'

const SMALL: RealOptions = {
  ...DEFAULT_REAL_OPTIONS,
  nodes: 6,
  dials: 2,
  settleMs: 3_000,
  drainMs: 3_000,
  gossip: { messages: 6, messageBytes: 400, everyMs: 100 }
}

describe('the real fidelity of the simulator', function () {
  this.timeout(120_000)

  it('gives the same trace from the same seed, lossy links and a cut included', async () => {
    const options: RealOptions = {
      ...SMALL,
      links: { ...SMALL.links, lossPerMillion: 20_000 },
      cuts: [
        { fromMs: 3_100, untilMs: 4_000, from: [0, 1], to: [2, 3], isOneWay: false, flapMs: 200 }
      ]
    }
    const [first, second] = await Promise.all([runReal(options), runReal(options)])
    equal(first.trace_hash, second.trace_hash)
    deepEqual(first.trace_marks, second.trace_marks)
    deepEqual(first.gossip, second.gossip)
    equal(first.gossip.missed, 0, 'what is cut off for a second comes late, and comes')
    ok(first.gossip.delivery_p50_ms >= SMALL.links.latencyMs.min)
  })

  it('gives another trace from another seed', async () => {
    const [first, second] = await Promise.all([runReal(SMALL), runReal({ ...SMALL, seed: 2 })])
    notEqual(first.trace_hash, second.trace_hash)
  })

  it('lets gateway and agents accept the same units and end with the same ledger', async () => {
    const options: RealOptions = {
      ...SMALL,
      nodes: 4,
      work: { units: 15, serviceMs: 200, quorumEvery: 5 }
    }
    const [first, second] = await Promise.all([runReal(options), runReal(options)])
    deepEqual(first.violations, [])
    // nobody has proven itself yet: each unit is done by two
    const units = { submitted: 15, accepted: 15, wrong_accepted: 0, failed: 0, executions: 30 }
    deepEqual(first.units, units)
    const once = await runReal({ ...options, trust: 'credibility' })
    deepEqual(once.units, { ...units, executions: 18 })
    ok(first.bids_per_unit > 0, 'nodes bid')
    equal(first.bids_per_unit, second.bids_per_unit)
    ok(first.ledger_digest !== null)
    equal(first.ledger_digest, second.ledger_digest)
    equal(first.trace_hash, second.trace_hash)
  })

  it('refuses a setting that makes no sense before it starts anything', async () => {
    await rejects(runReal({ ...SMALL, nodes: 0 }), withCode('sim.setting_invalid'))
    await rejects(runReal({ ...SMALL, seed: 0.5 }), withCode('sim.setting_invalid'))
  })

  it('reports what was done so far when it is stopped', async () => {
    const stopping = new AbortController()
    const options = { ...SMALL, settleMs: 3_600_000 }
    const report = await runReal(options, {
      signal: stopping.signal,
      onProgress: () => stopping.abort()
    })
    ok(report.is_partial)
    ok(report.virtual_ms < options.settleMs)
  })
})
