/**
 * The other fidelity's gossip on the latencies of a calibration case: the same messages, counted the
 * same way. It draws its own neighbours, as many as the nodes of the case have.
 */
import { Chance } from '../kernel/chance.ts'
import { GossipMesh } from '../world/gossip-mesh.ts'
import type { CalibrationCase, GossipFigures } from './calibrate.ts'

interface Due {
  readonly atUs: number
  readonly act: () => void
}

export function modelledGossip({ options, latencyUs }: CalibrationCase): GossipFigures {
  const { nodes, seed, gossip } = options
  const due: Due[] = []
  let nowUs = 0
  const mesh = new GossipMesh(nodes, new Chance(seed, 'neighbours'), {
    wayUs: (from, to) => latencyUs[from]?.[to] ?? null,
    after: (us, _node, _digest, act) => due.push({ atUs: nowUs + us, act }),
    nowUs: () => nowUs
  })
  const chance = new Chance(seed, 'messages')
  for (let index = 0; index < gossip.messages; index++) {
    mesh.publish(chance.below(nodes), index, () => {})
    while (due.length > 0) {
      const first = due.reduce(
        (best, one, at) => (one.atUs < (due[best]?.atUs ?? 0) ? at : best),
        0
      )
      const [next] = due.splice(first, 1)
      if (next === undefined) break
      nowUs = next.atUs
      next.act()
    }
  }
  const { p50Ms, p99Ms, duplicates } = mesh.figures()
  return { delivery_p50_ms: p50Ms, delivery_p99_ms: p99Ms, duplicates }
}
