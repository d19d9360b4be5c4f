/** The genesis of a mesh for tests, with one tenant that has more than any test spends. */
import { DEFAULT_PRICES, logIdOf, type SignedGenesis, type Signer, signGenesis } from '#contracts'
import { DEFAULT_TRUST_POLICY } from '#ledger'

/** Operator and sequencer are the signer; the incarnation is of the sequencer's log. */
export const testGenesis = (signer: Signer, incarnation: Uint8Array): SignedGenesis =>
  signGenesis(
    {
      v: 1,
      name: 'test',
      operator: signer.peerId,
      sequencer: signer.peerId,
      sequencer_log: logIdOf(signer.peerId, incarnation),
      witnesses: [],
      witness_quorum: 0,
      tenants: [{ id: 'local', grant_micro: 1_000_000_000_000 }],
      prices: DEFAULT_PRICES,
      policies: { trust: DEFAULT_TRUST_POLICY, scheduler: 'weighted-v1' },
      zones: {},
      created_at_ms: 1
    },
    signer
  )
