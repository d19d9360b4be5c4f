/**
 * The ledger as the gateway takes it: history, balances, standings and prices, all read from the fold.
 * Decides nothing; the fold and the gateway thereby count by the same numbers.
 */
import { type Ledger, priceOf, tenantAccount } from '#ledger'
import type { PriceQuestion, TrustView } from '#mesh-node/core'
import type { GatewayLedger } from './ports.ts'

export function gatewayLedger(ledger: Ledger): GatewayLedger {
  return {
    append: (contents) => ledger.append(contents),
    history: (session) => ledger.history(session),
    standing(node) {
      const trust = ledger.fold.trustOf(node)
      if (trust === null) return null
      const { log, owner, state, scoreMilli } = trust
      return { log, owner, state, trustMilli: scoreMilli }
    },
    availableMicro(tenant) {
      const account = ledger.fold.balanceOf(tenantAccount(tenant))
      return account === null ? 0 : Math.max(0, account.balance - account.debitsPending)
    }
  }
}

/** What the fold thinks of nodes, as of the last append that was folded. */
export function gatewayTrust({ fold }: Ledger): TrustView {
  return {
    checks: fold.probation,
    changes: (from) => fold.trustChanges(from),
    reopenings: (from) => fold.reopenings(from),
    returned: (from) => fold.returned(from)
  }
}

/** The fold's price of an attempt, before the fold has it. */
export function gatewayPrice(ledger: Ledger): (question: PriceQuestion) => number {
  const { prices } = ledger.genesis.genesis
  return ({ unit, inputBytes, nodeClass, attestation, maxMicro }) => {
    const { cid } = unit.unit.model
    const { usage } = attestation
    return priceOf({
      cost: cid === null ? null : ledger.fold.modelCost(cid),
      inputBytes,
      wallMs: usage.wall_ms,
      tokensIn: usage.tokens_in,
      tokensOut: usage.tokens_out,
      nodeClass,
      prices,
      maxMicro
    }).total_micro
  }
}
