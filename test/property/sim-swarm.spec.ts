/**
 * Two hundred small meshes, each with the faults that its seed draws: none breaks a rule. More seeds:
 * `npm run soak`; one of them again: `kora sim replay <seed>`.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { soakHere } from '../../sim/search/soak.ts'

const SEEDS = 200

describe('a swarm of meshes', () => {
  it('ends every unit once and pays for none twice, whatever its seed draws', async function () {
    this.timeout(300_000)
    const { seeds, findings } = await soakHere(
      { from: 1, seeds: SEEDS, isTwice: false },
      {
        goesOn: async () => true,
        matrixOf: shippedMatrix,
        wallMs: () => 0,
        rssMb: () => 0,
        onSeed: () => {}
      }
    )
    equal(seeds, SEEDS)
    deepEqual(findings, [])
  })
})
