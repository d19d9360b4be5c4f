/**
 * The ledger of the simulated mesh: what the gateway records becomes entries of the sequencer's log,
 * chained and folded by the product's own fold, receipts included. One replica; nothing is signed but
 * the genesis.
 */
import {
  DEFAULT_PRICES,
  type EntryContent,
  type LogId,
  logIdOf,
  NO_PREVIOUS,
  type PeerId,
  packEntry,
  signGenesis,
  tweetnaclSigner
} from '#contracts'
import { LedgerFold, prepareCheckedEntry, priceOf, tenantAccount } from '#ledger'
import type { NodeStanding, PriceQuestion } from '#mesh-node/core'
import { EPOCH_MS } from './virtual-time.ts'

export const TENANT = 'local'
const GRANT_MICRO = 1_000_000_000_000
const NO_REFUSED = new Map()

export class Sequencer {
  readonly log: LogId
  readonly gateway: PeerId
  readonly fold: LedgerFold
  #seq = 0
  #prev: Uint8Array = NO_PREVIOUS

  constructor(key: Uint8Array) {
    const signer = tweetnaclSigner(key)
    this.gateway = signer.peerId
    this.log = logIdOf(signer.peerId, key)
    const genesis = signGenesis(
      {
        v: 1,
        name: 'simulated',
        operator: signer.peerId,
        sequencer: signer.peerId,
        sequencer_log: this.log,
        witnesses: [],
        witness_quorum: 0,
        tenants: [{ id: TENANT, grant_micro: GRANT_MICRO }],
        prices: DEFAULT_PRICES,
        policies: { trust: 'credibility', scheduler: 'default' },
        zones: {},
        created_at_ms: EPOCH_MS
      },
      signer
    )
    this.fold = new LedgerFold(genesis, this.log)
    this.append([{ kind: 'mesh.genesis', body: { genesis: genesis.bytes } }])
  }

  append(contents: readonly EntryContent[]): void {
    for (const content of contents) {
      const entry = packEntry(content, { log: this.log, seq: this.#seq, prev: this.#prev })
      this.fold.apply(prepareCheckedEntry(entry, NO_REFUSED))
      this.#seq += 1
      this.#prev = entry.hash
    }
  }

  availableMicro(): number {
    const balance = this.fold.balanceOf(tenantAccount(TENANT))
    return balance === null ? 0 : balance.balance - balance.debitsPending
  }

  /** The fold's price of an attempt, before the fold has it. */
  priceOf({ unit, inputBytes, nodeClass, attestation, maxMicro }: PriceQuestion): number {
    const { cid } = unit.unit.model
    const { wall_ms: wallMs, tokens_in: tokensIn, tokens_out: tokensOut } = attestation.usage
    const cost = cid === null ? null : this.fold.modelCost(cid)
    const prices = DEFAULT_PRICES
    return priceOf({ cost, inputBytes, wallMs, tokensIn, tokensOut, nodeClass, prices, maxMicro })
      .total_micro
  }

  standing(node: PeerId): NodeStanding | null {
    const trust = this.fold.trustOf(node)
    if (trust === null) return null
    return { log: trust.log, owner: trust.owner, state: trust.state, trustMilli: trust.scoreMilli }
  }
}
