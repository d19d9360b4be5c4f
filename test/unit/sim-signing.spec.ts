/** Signers of the simulated mesh: real Ed25519 gives the run of the keyed hash, and neither is forged. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { Keys, SIGNERS, type SignerKind, sealResults } from '../../sim/kernel/signing.ts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { runScenario } from '../../sim/world/run.ts'
import { Scenario } from '../../sim/world/scenario.ts'
import { Sequencer } from '../../sim/world/sequencer.ts'
import { attestationOf, nodeOf, SINGLE } from '../support/check-story.ts'

const PORTS = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}
const MESH_KEY = nodeOf(9)
const { id: MESH } = new Sequencer(new Uint8Array(32)).genesis

function run(signer: SignerKind) {
  const scenario = Scenario.parse({
    claim: 'a test',
    nodes: 5,
    units: 12,
    quorum_per_mille: 500,
    latency: { rtt_ms: 60 },
    actors: { liars: 200 },
    vanish: [{ at_ms: 6_000, share_per_mille: 400, back_after_ms: 9_000 }]
  })
  return runScenario({ name: 'test', scenario, seed: 3, signer }, PORTS)
}

describe('the signers of a simulated mesh', function () {
  this.timeout(60_000)

  it('give one trace, one bill and other signatures', async () => {
    const [hashed, real] = [await run('hash'), await run('ed25519')]
    deepEqual([hashed.violations, real.violations], [[], []])
    equal(real.trace_hash, hashed.trace_hash)
    deepEqual([real.events, real.units], [hashed.events, hashed.units])
    ok(real.ledger_digest !== hashed.ledger_digest, 'receipts carry signatures')
  })

  for (const kind of SIGNERS) {
    it(`take no result that another node signed, by ${kind}`, () => {
      const keys = new Keys(kind, 1)
      const [node, other] = [nodeOf(0), nodeOf(1)]
      const told = { unit: SINGLE, attempt: 1, node }
      const sealed = (by: typeof node) =>
        sealResults([attestationOf(told)], { keys, mesh: MESH, node: by })
      equal(sealed(node).open().attestations.length, 1)
      throws(() => sealed(other).open(), { code: 'attestation.signer_mismatch' })
    })

    it(`see a signature that was changed, by ${kind}`, () => {
      const keys = new Keys(kind, 1)
      const signer = keys.signerOf(MESH_KEY)
      const bytes = Uint8Array.of(1, 2, 3)
      const signature = signer.sign(bytes)
      equal(keys.verify(MESH_KEY, bytes, signature), true)
      for (const at of [0, 31, 32, 63]) {
        const changed = signature.with(at, (signature[at] ?? 0) ^ 1)
        equal(keys.verify(MESH_KEY, bytes, changed), false)
      }
      equal(keys.verify(MESH_KEY, Uint8Array.of(1, 2, 4), signature), false)
      equal(keys.verify(nodeOf(8), bytes, signature), false)
      equal(new Keys(kind, 2).verify(MESH_KEY, bytes, signature), false)
    })
  }
})
