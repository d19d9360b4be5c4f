/** Runs in which the swarm once found a fault of the product, cut down to what showed it. */
import { deepEqual } from 'node:assert/strict'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { runSeed } from '../../sim/search/soak.ts'
import { Scenario } from '../../sim/world/scenario.ts'

const PORTS = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}

const FINDS: readonly {
  readonly seed: number
  readonly fault: string
  readonly scenario: object
}[] = [
  {
    seed: 11519,
    fault: 'asks no other node of an owner for a result that this owner gave and that was refuted',
    scenario: {
      nodes: 8,
      units: 40,
      service_ms: { min: 306, max: 9_743 },
      latency: { rtt_ms: 135 },
      clocks: {
        jumps: [{ at_ms: 37_295, by_ms: 948_795, who: 'gateway', share_per_mille: 236 }]
      },
      actors: { liars: 258, withholders: 297, flooders: 84 },
      machines_per_owner: 3,
      trust: 'probation',
      gossip: { flood_publish: true, peers: 7 },
      churn: { fit: 'combos', speed: 564, until_ms: 36_888 },
      budget_per_mille: 20_000,
      until_ms: 43_200_000
    }
  },
  {
    seed: 689,
    fault: 'gives pay back once, however often a unit is opened again',
    scenario: {
      nodes: 20,
      units: 119,
      quorum_per_mille: 275,
      dependencies: { share_per_mille: 370, parents_max: 3 },
      service_ms: { min: 135, max: 2_057 },
      latency: 'wondernetwork',
      actors: { liars: 70, withholders: 161 },
      cheat_per_mille: 375,
      trust: 'probation',
      pauses: [{ at_ms: 12_790, for_ms: 111, share_per_mille: 962, how: 'drain' }],
      churn: { fit: 'combos', speed: 1_024, until_ms: 56_711 },
      until_ms: 43_200_000
    }
  },
  {
    seed: 1072,
    fault: 'opens a unit again though it is being checked when its node is convicted',
    scenario: {
      nodes: 7,
      units: 111,
      service_ms: { min: 45, max: 45 },
      devices: { model: 'moonshine-tiny', native: 446, wasm: 44, webgpu: 510 },
      latency: { rtt_ms: 1_852 },
      actors: { liars: 210 },
      trust: 'probation',
      arrivals: [
        { at_ms: 0, over_ms: 2_000, share_per_mille: 45 },
        { at_ms: 19_308, over_ms: 19_806, share_per_mille: 955 }
      ],
      vanish: [
        { at_ms: 13_714, share_per_mille: 368, back_after_ms: 30_866 },
        { at_ms: 43_967, share_per_mille: 705, back_after_ms: 18_150 },
        { at_ms: 36_595, share_per_mille: 468, back_after_ms: 50_734 }
      ],
      partitions: [
        {
          from_ms: 29_756,
          until_ms: 44_639,
          share_per_mille: 170,
          bridge_per_mille: 45,
          flap_ms: 8_168
        }
      ],
      network: { nat_per_mille: 199 },
      churn: { fit: 'combos', speed: 829, until_ms: 26_458 },
      until_ms: 43_200_000
    }
  },
  {
    seed: 12_188,
    fault: 'brings the ledger over links on which an answer takes longer than patience for it',
    scenario: {
      nodes: 9,
      units: 54,
      arrive_over_ms: 79_836,
      quorum_per_mille: 316,
      service_ms: { min: 16, max: 288 },
      latency: { rtt_ms: 1_976 },
      arrivals: [
        { at_ms: 0, over_ms: 2_000, share_per_mille: 647 },
        { at_ms: 20_986, over_ms: 49_529, share_per_mille: 353 }
      ],
      network: { loss_per_mille: 97, nat_per_mille: 823 },
      gossip: { flood_publish: true, peers: 9 },
      replicas: { nodes: 2, write_ms: 273 },
      until_ms: 3_600_000
    }
  }
]

describe('a mesh in which a fault was found', function () {
  this.timeout(60_000)

  for (const { seed, fault, scenario } of FINDS) {
    it(fault, async () => {
      const parsed = Scenario.parse({ claim: 'no rule is broken', ...scenario })
      const { finding } = await runSeed(seed, PORTS, parsed)
      deepEqual(finding, null)
    })
  }
})
