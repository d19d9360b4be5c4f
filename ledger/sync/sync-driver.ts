/**
 * Carries the sync machine's effects out: over links that somebody opened, and by gossip. Publishes
 * what this ledger appends, hands what peers send to the ledger, and reports what was refused.
 * Opens no connection and knows no network: links and the topic are given to it.
 */
import {
  type ErrorCode,
  encodeCanonical,
  encodeSyncFrame,
  GOSSIP_BYTES_MAX,
  hexToBytes,
  type LogId,
  MeshError,
  openHead,
  openLedgerNews,
  openSyncFrame,
  type PeerId,
  type SignedHead,
  SYNC_BUNDLE_ENTRIES_MAX,
  SYNC_NEWS_WAITING_MAX,
  type SyncFrame
} from '#contracts'
import type { KnownFork } from '../fork-book.ts'
import type { LedgerBatch } from '../ledger.ts'
import { ForkDoor } from './fork-door.ts'
import { logOf } from './held-heads.ts'
import { SyncMachine } from './sync-machine.ts'
import type { NewsVerdict, SyncLink, SyncPorts } from './sync-ports.ts'
import type { LinkNumber, SyncEffect, SyncInput } from './sync-steps.ts'

/**
 * Own batches of so long go out as one message: every message costs each peer a signature check, a
 * write to its disk and a word to its neighbours, and nobody waits for a replica.
 */
const NEWS_GATHER_MS = 1_000
/** A few bytes of CBOR around the entries of a gossip message. */
const NEWS_OVERHEAD_BYTES = 1_024
const ENTRY_OVERHEAD_BYTES = 5

export class LedgerSync {
  /** Takes what the topic of forks brings. */
  readonly forks: ForkDoor
  readonly #ports: SyncPorts
  readonly #machine: SyncMachine
  readonly #links = new Map<LinkNumber, SyncLink>()
  readonly #stopListening: readonly (() => void)[]
  #nextLink = 0
  #cancelTimer: (() => void) | null = null
  #newsWaiting = 0
  /** Own batches that have not been published: they go out as one. */
  #unpublished: LedgerBatch[] = []
  #cancelPublish: (() => void) | null = null
  #publishing: Promise<void> = Promise.resolve()
  /** Heads between a message's check and its delivery. */
  readonly #opened = new WeakMap<Uint8Array, OpenedNews>()
  #closed = false

  constructor(ports: SyncPorts) {
    this.#ports = ports
    const { ledger } = ports
    this.#machine = new SyncMachine({
      held: ledger.heads(),
      shunned: ledger.forks.logs(),
      provable: ledger.forks.provable(),
      first: ledger.sequencerLog
    })
    this.forks = new ForkDoor({
      forks: ledger.forks,
      publish: (bytes) => ports.publish('fork', bytes),
      refused: (peer, error) => ports.onRefused?.({ peer, error })
    })
    this.#stopListening = [
      ledger.onEntries((batch) => this.#stored(batch)),
      ledger.forks.onFork((fork) => this.#forked(fork))
    ]
  }

  /** Takes a link of kind `sync`, whichever side opened it. */
  attach(link: SyncLink): void {
    if (this.#closed) return
    const number = this.#nextLink++
    this.#links.set(number, link)
    link.onClose((fault) => {
      // whoever goes away breaks nothing; whoever sends what is no frame does
      if (fault !== null && fault.code !== 'net.link_closed')
        this.#ports.onRefused?.({ peer: link.peer, error: fault })
      if (!this.#links.delete(number)) return
      this.#step({ type: 'closed', link: number })
    })
    link.onFrame((raw) => this.#frame(number, raw))
    this.#step({ type: 'opened', link: number })
  }

  /** Whether a gossip message is worth passing on: shape and signature, not yet the chain. */
  validate(bytes: Uint8Array): NewsVerdict {
    try {
      const { head } = this.#openNews(bytes)
      // nothing more is taken of an author that said two things, nor handed on
      return this.#ports.ledger.forks.has(head.log) ? 'ignore' : 'accept'
    } catch (error) {
      if (error instanceof MeshError) return 'reject'
      throw error
    }
  }

  /** Takes a gossip message that was found valid. */
  deliver(bytes: Uint8Array, from: PeerId): void {
    if (this.#closed) return
    const { head, news } = this.#openNews(bytes)
    const { ledger } = this.#ports
    if (ledger.forks.has(head.log)) return
    if ((ledger.head(head.log)?.seq ?? -1) >= head.seq && news.entries.length === 0) {
      return
    }
    if (news.entries.length === 0 || this.#newsWaiting >= SYNC_NEWS_WAITING_MAX) {
      this.#heard(from, head)
      return
    }
    this.#newsWaiting += 1
    ledger
      .receive(news.head, news.entries)
      .catch((error: unknown) => {
        const refused = asMeshError(error)
        // entries before these are missing here: that is no fault, they are asked for
        if (refused.code === 'ledger.chain_broken') this.#heard(from, head)
        else this.#ports.onRefused?.({ peer: from, error: refused })
      })
      .finally(() => {
        this.#newsWaiting -= 1
      })
  }

  /** Ends when what was appended is published; closes no ledger. */
  async close(): Promise<void> {
    this.#closed = true
    for (const stop of this.#stopListening) stop()
    this.#cancelTimer?.()
    this.#publishNow()
    const links = [...this.#links.values()]
    this.#links.clear()
    await Promise.all(links.map((link) => link.close()))
    await this.#publishing
  }

  #openNews(bytes: Uint8Array): OpenedNews {
    const known = this.#opened.get(bytes)
    if (known !== undefined) return known
    const news = openLedgerNews(bytes)
    const { ledger, verifier } = this.#ports
    const head = openHead(news.head, { mesh: ledger.genesis.id, verifier })
    const opened = { news, head }
    this.#opened.set(bytes, opened)
    return opened
  }

  /** Asks the peer that spoke of it where there is a link to it, else any other. */
  #heard(from: PeerId, { log, seq }: { readonly log: LogId; readonly seq: number }): void {
    const links = [...this.#links]
    const [number] = links.find(([, link]) => link.peer === from) ?? links[0] ?? []
    if (number !== undefined) this.#step({ type: 'heard', link: number, log, seq })
  }

  #stored(batch: LedgerBatch): void {
    const { log, seq, hash } = batch.head
    this.#step({ type: 'held', head: { log, seq, hash } })
    if (!batch.isOwn) return
    this.#unpublished.push(batch)
    if (this.#cancelPublish !== null) return
    const { nowMs, setTimer } = this.#ports
    this.#cancelPublish = setTimer(nowMs() + NEWS_GATHER_MS, () => this.#publishNow())
  }

  #forked({ log, proof, isFound }: KnownFork): void {
    this.#step({ type: 'forked', log, isProvable: this.#ports.ledger.forks.isProvable(log) })
    if (isFound) this.#publishing = this.#publishing.then(() => this.forks.publish(proof))
  }

  #publishNow(): void {
    this.#cancelPublish?.()
    this.#cancelPublish = null
    this.#publishing = this.#publishing.then(() => this.#publish())
  }

  async #publish(): Promise<void> {
    const batches = this.#unpublished
    this.#unpublished = []
    const head = batches.at(-1)?.head.bytes
    if (head === undefined) return
    const entries = batches.flatMap((batch) => batch.entries.map((entry) => entry.bytes))
    const bytes = entries.reduce((sum, raw) => sum + raw.length + ENTRY_OVERHEAD_BYTES, 0)
    const fits = bytes + NEWS_OVERHEAD_BYTES <= GOSSIP_BYTES_MAX
    const news = { v: 1, t: 'news', head, entries: fits ? entries : [] }
    await this.#ports.publish('ledger', encodeCanonical(news)).catch((error: unknown) => {
      // nobody heard it; the next exchange of digests makes it good
      if (!(error instanceof Error)) throw error
    })
  }

  #frame(number: LinkNumber, raw: Uint8Array): void {
    const link = this.#links.get(number)
    if (link === undefined) return
    let frame: SyncFrame
    try {
      frame = openSyncFrame(raw)
    } catch (error) {
      this.#ports.onRefused?.({ peer: link.peer, error: asMeshError(error) })
      this.#drop(number)
      return
    }
    this.#step({ type: 'frame', link: number, frame: this.#ofConcern(frame) })
  }

  /** Of logs that a peer says forked, those that are anybody's here: others could be named without end. */
  #ofConcern(frame: SyncFrame): SyncFrame {
    if (frame.t !== 'forks') return frame
    const { forks } = this.#ports.ledger
    return { ...frame, logs: frame.logs.filter((log) => forks.concerns(logOf(log))) }
  }

  #step(input: WithoutTime): void {
    if (this.#closed) return
    const nowMs = this.#ports.nowMs()
    for (const effect of this.#machine.step({ ...input, nowMs })) this.#perform(effect)
  }

  #perform(effect: SyncEffect): void {
    switch (effect.type) {
      case 'send':
        this.#links.get(effect.link)?.send(encodeSyncFrame(effect.frame))
        break
      case 'serve':
        void this.#serve(effect)
        break
      case 'apply':
        void this.#apply(effect)
        break
      case 'show':
        void this.#show(effect)
        break
      case 'take':
        void this.#take(effect)
        break
      case 'close':
        this.#drop(effect.link)
        break
      case 'synced': {
        const link = this.#links.get(effect.link)
        if (link !== undefined) this.#ports.onSynced?.(link.peer)
        break
      }
      case 'timer':
        this.#cancelTimer?.()
        this.#cancelTimer = this.#ports.setTimer(effect.atMs, () => this.#step({ type: 'tick' }))
    }
  }

  async #serve({
    link,
    log,
    from,
    bytesMax
  }: Extract<SyncEffect, { type: 'serve' }>): Promise<void> {
    const to = this.#links.get(link)
    if (to === undefined) return
    try {
      const bundle = await this.#ports.ledger.bundle(log, from, bytesMax)
      const fits = bundle !== null && bundle.entries.length <= SYNC_BUNDLE_ENTRIES_MAX
      const place = { v: 1, log: hexToBytes(log), from } as const
      const frame: SyncFrame = fits
        ? { ...place, t: 'bundle', head: bundle.head, entries: [...bundle.entries] }
        : { ...place, t: 'none' }
      if (!to.send(encodeSyncFrame(frame))) await to.drained()
    } catch {
      // the store or the link is closing; the peer asks somebody else
      this.#drop(link)
    }
    this.#step({ type: 'served', link })
  }

  async #apply(effect: Extract<SyncEffect, { type: 'apply' }>): Promise<void> {
    const { link, log, from, head, entries } = effect
    const { ledger } = this.#ports
    try {
      await ledger.receive(head, entries)
      // true and old: asked again, who answers so would be asked for ever, and nobody else
      if ((ledger.head(log)?.seq ?? -1) < from)
        throw new MeshError('ledger.chain_broken', { log, seq: from, what: 'ends before it' })
      this.#step({ type: 'applied', link, log })
    } catch (error) {
      this.#step({ type: 'refused', link, log, isPeersFault: this.#tellOf(link, error) })
    }
  }

  async #show({ link, log }: Extract<SyncEffect, { type: 'show' }>): Promise<void> {
    const to = this.#links.get(link)
    if (to === undefined) return
    try {
      await this.forks.show(log, to)
    } catch {
      // as where entries are served
      this.#drop(link)
    }
    this.#step({ type: 'shown', link })
  }

  async #take({ link, log, proof }: Extract<SyncEffect, { type: 'take' }>): Promise<void> {
    try {
      await this.forks.take(log, proof)
      this.#step({ type: 'taken', link, log, isPeersFault: false })
    } catch (error) {
      this.#step({ type: 'taken', link, log, isPeersFault: this.#tellOf(link, error) })
    }
  }

  /** What a peer sent was refused: whether that is its fault. */
  #tellOf(link: LinkNumber, error: unknown): boolean {
    const refused = asMeshError(error)
    const peer = this.#links.get(link)?.peer
    if (peer !== undefined) this.#ports.onRefused?.({ peer, error: refused })
    return !NOT_THE_PEERS.includes(refused.code)
  }

  #drop(number: LinkNumber): void {
    const link = this.#links.get(number)
    if (link === undefined || !this.#links.delete(number)) return
    this.#step({ type: 'closed', link: number })
    link.close().catch(() => undefined)
  }
}

interface OpenedNews {
  readonly news: ReturnType<typeof openLedgerNews>
  readonly head: SignedHead
}

type WithoutTime = SyncInput extends infer Input
  ? Input extends SyncInput
    ? Omit<Input, 'nowMs'>
    : never
  : never

/** Only a MeshError is somebody else's fault. */
function asMeshError(error: unknown): MeshError {
  if (error instanceof MeshError) return error
  throw error
}

const NOT_THE_PEERS: readonly ErrorCode[] = [
  'ledger.conflict',
  'ledger.logs_full',
  'ledger.closed',
  'ledger.store_failed',
  'ledger.store_rolled_back'
]
