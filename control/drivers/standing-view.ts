/**
 * What the ledger thinks of nodes, for people: whether a node's word is taken, how many checks it lacks,
 * and what of its pay is in escrow until when. Reads the fold and decides nothing.
 */
import { type PeerId, parseLogId } from '#contracts'
import { escrowAccount, type Ledger } from '#ledger'
import type { EscrowDocument, NodeDocument } from './control-service.ts'

type Fold = Ledger['fold']

export function standingOf(
  { fold, forks }: Pick<Ledger, 'fold' | 'forks'>,
  node: PeerId
): Pick<NodeDocument, 'standing' | 'checks_needed'> {
  const { probation } = fold
  const log = fold.trustOf(node)?.log
  // what it wrote before it began another log is not held against it
  if (log !== undefined && forks.has(parseLogId(log)))
    return { standing: 'forked', checks_needed: 0 }
  if (probation === null) return { standing: 'scored', checks_needed: 0 }
  if (probation.isTrusted(node)) return { standing: 'own', checks_needed: 0 }
  const checks_needed = probation.needsOf(node)
  if (probation.isProven(node)) return { standing: 'believed', checks_needed: 0 }
  if (probation.isSuspect(node)) return { standing: 'suspect', checks_needed }
  const wasConvicted = probation.convictionsOf(node) > 0
  return { standing: wasConvicted ? 'convicted' : 'proving', checks_needed }
}

export function escrowOf(fold: Fold): readonly EscrowDocument[] {
  return fold.nodes().flatMap(({ node }) => {
    const micro = fold.balanceOf(escrowAccount(node))?.balance ?? 0
    const after = fold.probation?.finalAfter(node) ?? null
    if (micro === 0 || after === null) return []
    return [{ node, micro, checks_first: after.first, checks_all: after.all }]
  })
}
