/** The model's gossip beside the real stack's, on one small mesh: a change of either shows here. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { calibrate, modelledGossip } from '#sim'

describe('calibration', () => {
  it('finds the model within its targets, with messages that IDONTWANT is for', async () => {
    const seen: number[] = []
    const [row] = await calibrate({
      nodes: [8],
      seeds: 1,
      messageBytes: 2_000,
      model: modelledGossip,
      signal: new AbortController().signal,
      onRun: ({ seed }) => seen.push(seed)
    })
    deepEqual(seen, [1])
    equal(row?.missed, 0)
    ok(row?.within_targets === true, JSON.stringify(row))
  })
})
