/**
 * What a node has in a mesh, in three shares that sum to its account: promised for work that is being
 * verified, earned and not final yet, and final. Reads the fold; decides nothing.
 */
import type { PeerId, SignedGenesis } from '#contracts'
import type { LedgerFold } from './fold.ts'
import { escrowAccount, nodeAccount } from './money.ts'

export interface NodeCredit {
  /** Reserved for units that the node holds or that are being verified; what they earn is less or equal. */
  readonly inVerificationMicro: number
  /** Accepted and not yet final: checks may still take it back, or witnesses have not signed for it. */
  readonly escrowMicro: number
  readonly clearedMicro: number
}

/** Where a mesh has no witnesses, the sequencer's word is final on what has left escrow. */
export function creditOf(fold: LedgerFold, { genesis }: SignedGenesis, node: PeerId): NodeCredit {
  const account = fold.balanceOf(nodeAccount(node))
  const posted = account?.balance ?? 0
  const held = fold.balanceOf(escrowAccount(node))?.balance ?? 0
  const isFinal = genesis.witness_quorum === 0
  return {
    inVerificationMicro: account?.creditsPending ?? 0,
    escrowMicro: held + (isFinal ? 0 : posted),
    clearedMicro: isFinal ? posted : 0
  }
}
