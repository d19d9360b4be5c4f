/**
 * The ledger of the simulated mesh: what the gateway records becomes entries of the sequencer's log,
 * chained and folded by the product's own fold, receipts included. One replica; nothing is signed but
 * the genesis, and the head of a store that is read again after a crash.
 */
import {
  type Attestation,
  assert,
  DEFAULT_PRICES,
  type EntryContent,
  type LedgerEntry,
  type LogId,
  logIdOf,
  NO_PREVIOUS,
  type PeerId,
  packEntry,
  peerIdFromPublicKey,
  type SessionHistory,
  type SessionId,
  type SignedGenesis,
  sha256,
  signGenesis
} from '#contracts'
import {
  LedgerFold,
  type PreparedEntry,
  prepareCheckedEntry,
  priceOf,
  tenantAccount
} from '#ledger'
import type { NodeStanding, PriceQuestion, TrustView } from '#mesh-node/core'
import type { Chance } from '../kernel/chance.ts'
import { Keys, type SealedResults, type SignerKind, sealResults } from '../kernel/signing.ts'
import { ControlDisk, type Damage } from './control-disk.ts'
import { EPOCH_MS } from './virtual-time.ts'

export const TENANT = 'local'
const GRANT_MICRO = 1_000_000_000_000
const NO_REFUSED = new Map()

export interface SequencerOptions {
  /** What was written is kept, to be read again; it takes memory for the whole log. */
  readonly keepsDisk: boolean
  /** Every entry is kept as well, to be told to others at the end. */
  readonly keepsLog?: boolean
  /** The trust policy that the genesis names; `credibility` where absent. */
  readonly trust?: string
  /** Nodes of the operator's own; none where absent. */
  readonly trusted?: readonly PeerId[]
  /** `hash` where absent. */
  readonly signer?: SignerKind
}

/** What a control node finds that starts again. */
export interface Reopened {
  readonly history: SessionHistory | null
  /** The state folded from the disk is the one that was in memory. */
  readonly isSame: boolean
}

export class Sequencer {
  readonly log: LogId
  readonly gateway: PeerId
  readonly genesis: SignedGenesis
  readonly keys: Keys
  /** All of the log, where it is kept. */
  readonly entries: LedgerEntry[] = []
  readonly incarnation: Uint8Array
  /** Told of what is written, in its order. */
  onAppend: ((contents: readonly EntryContent[]) => void) | null = null
  readonly #disk: ControlDisk
  readonly #keepsDisk: boolean
  readonly #keepsLog: boolean
  #fold: LedgerFold
  #seq = 0
  #prev: Uint8Array = NO_PREVIOUS

  constructor(
    key: Uint8Array,
    {
      keepsDisk,
      keepsLog = false,
      trust = 'credibility',
      trusted = [],
      signer: kind = 'hash'
    }: SequencerOptions = {
      keepsDisk: false
    }
  ) {
    this.keys = new Keys(kind, new DataView(key.buffer).getUint32(0))
    const signer = this.keys.signerOf(peerIdFromPublicKey(sha256(key)))
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
        policies: { trust, scheduler: 'default' },
        zones: trusted.length === 0 ? {} : { trusted: [...trusted] },
        created_at_ms: EPOCH_MS
      },
      signer
    )
    this.genesis = genesis
    this.incarnation = key
    this.#keepsLog = keepsLog
    this.#keepsDisk = keepsDisk
    this.#disk = new ControlDisk({ signer, verifier: this.keys, genesis, incarnation: key })
    this.#fold = new LedgerFold(genesis, this.log)
    this.append([{ kind: 'mesh.genesis', body: { genesis: genesis.bytes } }])
  }

  get fold(): LedgerFold {
    return this.#fold
  }

  /** One write: all of it is on the disk, and folded. */
  append(contents: readonly EntryContent[]): void {
    const batch: PreparedEntry[] = []
    for (const content of contents) {
      const entry = packEntry(content, { log: this.log, seq: this.#seq, prev: this.#prev })
      const prepared = prepareCheckedEntry(entry, NO_REFUSED)
      this.#fold.apply(prepared)
      if (this.#keepsDisk) batch.push(prepared)
      if (this.#keepsLog) this.entries.push(entry)
      this.#seq += 1
      this.#prev = entry.hash
    }
    if (this.#keepsDisk) this.#disk.keep(batch)
    this.onAppend?.(contents)
  }

  /** The code with which the product refuses a store that was damaged so; null: it took it. */
  codeOf(damage: Damage, chance: Chance): Promise<string | null> {
    return this.#disk.codeOf(damage, chance)
  }

  /** Goes on from what is on the disk, and from nothing else. */
  async reopen(session: SessionId): Promise<Reopened> {
    assert(this.#keepsDisk, 'only a disk that is kept is read again')
    const before = this.#fold.digest()
    const ledger = await this.#disk.open()
    this.#fold = ledger.fold
    const history = await ledger.history(session)
    await ledger.close()
    return { history, isSame: this.#fold.digest() === before }
  }

  /** What the fold thinks of nodes, whichever fold it is. */
  trustView(): TrustView {
    return {
      checks: this.#fold.probation,
      changes: (from) => this.#fold.trustChanges(from),
      reopenings: (from) => this.#fold.reopenings(from),
      returned: (from) => this.#fold.returned(from)
    }
  }

  /** What the tenant has spent, and what is held of its credit for work under way. */
  spending(): { readonly spentMicro: number; readonly heldMicro: number } {
    const balance = this.fold.balanceOf(tenantAccount(TENANT))
    if (balance === null) return { spentMicro: 0, heldMicro: 0 }
    return { spentMicro: GRANT_MICRO - balance.balance, heldMicro: balance.debitsPending }
  }

  /** What a node sends of its results. */
  seal(node: PeerId, attestations: readonly Attestation[]): SealedResults {
    return sealResults(attestations, { keys: this.keys, mesh: this.genesis.id, node })
  }

  availableMicro(): number {
    const balance = this.#fold.balanceOf(tenantAccount(TENANT))
    return balance === null ? 0 : balance.balance - balance.debitsPending
  }

  /** The fold's price of an attempt, before the fold has it. */
  priceOf({ unit, inputBytes, nodeClass, attestation, maxMicro }: PriceQuestion): number {
    const { cid } = unit.unit.model
    const { wall_ms: wallMs, tokens_in: tokensIn, tokens_out: tokensOut } = attestation.usage
    const cost = cid === null ? null : this.#fold.modelCost(cid)
    const prices = DEFAULT_PRICES
    return priceOf({ cost, inputBytes, wallMs, tokensIn, tokensOut, nodeClass, prices, maxMicro })
      .total_micro
  }

  standing(node: PeerId): NodeStanding | null {
    const trust = this.#fold.trustOf(node)
    if (trust === null) return null
    return { log: trust.log, owner: trust.owner, state: trust.state, trustMilli: trust.scoreMilli }
  }
}
