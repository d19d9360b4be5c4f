/**
 * What one step has to say, gathered so that one ledger append, one frame per node and kind, and one
 * judge request carry many units. Keeps the write-ahead order: records come before anything sent.
 */
import {
  type AckMessage,
  type AdmissionRefusal,
  type AnnouncementMessage,
  type Cid,
  type EntryBody,
  type EntryContent,
  type EventDraft,
  type GatewayFrame,
  type GrantMessage,
  INLINE_BLOB_BYTES_MAX,
  type LeaseId,
  MESSAGE_ITEMS_MAX,
  type MeshError,
  type PeerId,
  type Receipt,
  type RevokeMessage,
  type SessionId,
  type UnitInput,
  type UnitOutcome
} from '#contracts'
import type { GatewayEffect, JudgeRequest } from './gateway-io.ts'
import { ATTACHED_BYTES_MAX, GRANT_BYTES_MAX, RECEIPTS_BYTES_MAX } from './gateway-policy.ts'
import { inputBytes } from './gateway-state.ts'

type Items<K extends 'reserved' | 'accepted' | 'voided' | 'withdrawn' | 'escalated' | 'ended'> =
  EntryBody<`units.${K}`>['items']
type BySession<T> = Map<SessionId, T>
type Offer = GrantMessage['leases'][number]
interface Granted {
  readonly offer: Offer
  readonly inputs: readonly UnitInput[]
}
type AckItem = AckMessage['verdicts'][number]
type RevokeReason = RevokeMessage['reason']

/** What an item of a grant or an entry weighs beside its bytes: keys, ids, numbers. */
const ITEM_OVERHEAD_BYTES = 320

export class Outbox {
  #opening: EntryContent[] = []
  #reserved: BySession<Items<'reserved'>> = new Map()
  #accepted: BySession<Items<'accepted'>> = new Map()
  #voided: BySession<Items<'voided'>> = new Map()
  #withdrawn: BySession<Items<'withdrawn'>> = new Map()
  #escalated: BySession<Items<'escalated'>> = new Map()
  #ended: BySession<Items<'ended'>> = new Map()
  #closing: EntryContent[] = []
  #frames: GatewayEffect[] = []
  #grants = new Map<PeerId, Granted[]>()
  #acks = new Map<PeerId, AckItem[]>()
  #reveals = new Map<PeerId, LeaseId[]>()
  #revokes = new Map<string, { node: PeerId; reason: RevokeReason; leases: LeaseId[] }>()
  #judge: JudgeRequest[] = []
  #later: GatewayEffect[] = []
  // most steps write nothing and send nothing, and there are many steps
  #hasRecords = false
  #hasFrames = false

  /** An entry that comes before those of units. */
  recordFirst(content: EntryContent): void {
    this.#hasRecords = true
    this.#opening.push(content)
  }
  /** An entry that comes after those of units. */
  recordLast(content: EntryContent): void {
    this.#hasRecords = true
    this.#closing.push(content)
  }
  reserved(session: SessionId, item: Items<'reserved'>[number]): void {
    this.#hasRecords = true
    listOf(this.#reserved, session).push(item)
  }
  accepted(session: SessionId, item: Items<'accepted'>[number]): void {
    this.#hasRecords = true
    listOf(this.#accepted, session).push(item)
  }
  voided(session: SessionId, item: Items<'voided'>[number]): void {
    this.#hasRecords = true
    listOf(this.#voided, session).push(item)
  }
  /** Comes before what is accepted in the same step: another result takes its place. */
  withdrawn(session: SessionId, item: Items<'withdrawn'>[number]): void {
    this.#hasRecords = true
    listOf(this.#withdrawn, session).push(item)
  }
  escalated(session: SessionId, item: Items<'escalated'>[number]): void {
    this.#hasRecords = true
    listOf(this.#escalated, session).push(item)
  }
  ended(session: SessionId, item: Items<'ended'>[number]): void {
    this.#hasRecords = true
    listOf(this.#ended, session).push(item)
  }

  send(node: PeerId, frame: GatewayFrame): void {
    this.#hasFrames = true
    this.#frames.push({ type: 'send', node, frame })
  }
  /** `inputs`: those that are small ride along. */
  grant(node: PeerId, offer: Offer, inputs: readonly UnitInput[]): void {
    this.#hasFrames = true
    listOf(this.#grants, node).push({ offer, inputs })
  }
  ack(node: PeerId, item: AckItem): void {
    this.#hasFrames = true
    listOf(this.#acks, node).push(item)
  }
  reveal(node: PeerId, lease: LeaseId): void {
    this.#hasFrames = true
    listOf(this.#reveals, node).push(lease)
  }
  revoke(node: PeerId, lease: LeaseId, reason: RevokeReason): void {
    this.#hasFrames = true
    const key = `${reason} ${node}`
    const held = this.#revokes.get(key)
    if (held === undefined) this.#revokes.set(key, { node, reason, leases: [lease] })
    else held.leases.push(lease)
  }

  judge(request: JudgeRequest): void {
    this.#judge.push(request)
  }
  event(event: EventDraft): void {
    this.#later.push({ type: 'event', event })
  }
  outcome(outcome: UnitOutcome): void {
    this.#later.push({ type: 'outcome', outcome })
  }
  corrected(outcome: UnitOutcome): void {
    this.#later.push({ type: 'corrected', outcome })
  }
  announce(body: AnnouncementMessage): void {
    this.#later.push({ type: 'announce', body })
  }
  refuseSession(session: SessionId, refusal: AdmissionRefusal): void {
    this.#later.push({ type: 'refuse-session', session, refusal })
  }
  refuse(node: PeerId, { code, facts }: Pick<MeshError, 'code' | 'facts'>): void {
    this.#later.push({ type: 'refuse', node, code, facts })
  }
  drop(node: PeerId): void {
    this.#later.push({ type: 'drop', node })
  }
  timer(atMs: number): void {
    this.#later.push({ type: 'timer', atMs })
  }

  /** All effects of the step in their order; the outbox is empty afterwards. */
  seal(): readonly GatewayEffect[] {
    const effects: GatewayEffect[] = []
    if (this.#hasRecords) effects.push({ type: 'record', contents: this.#contents() })
    if (this.#hasFrames) this.#sealFrames(effects)
    if (this.#judge.length > 0) effects.push({ type: 'judge', items: this.#judge })
    for (const effect of this.#later) effects.push(effect)
    if (this.#judge.length > 0) this.#judge = []
    if (this.#later.length > 0) this.#later = []
    return effects
  }

  #contents(): EntryContent[] {
    const contents = this.#opening
    for (const [session, all] of drained(this.#withdrawn)) {
      for (const items of parts(all))
        contents.push({ kind: 'units.withdrawn', body: { session, items } })
    }
    for (const [session, all] of drained(this.#accepted)) {
      for (const items of parts(all, RECEIPTS_BYTES_MAX, (item) => receiptBytes(item.receipt))) {
        contents.push({ kind: 'units.accepted', body: { session, items } })
      }
    }
    for (const [session, all] of drained(this.#voided)) {
      for (const items of parts(all, RECEIPTS_BYTES_MAX, (item) => receiptBytes(item.receipt))) {
        contents.push({ kind: 'units.voided', body: { session, items } })
      }
    }
    for (const [session, all] of drained(this.#escalated)) {
      for (const items of parts(all))
        contents.push({ kind: 'units.escalated', body: { session, items } })
    }
    for (const [session, all] of drained(this.#ended)) {
      for (const items of parts(all))
        contents.push({ kind: 'units.ended', body: { session, items } })
    }
    for (const [session, all] of drained(this.#reserved)) {
      for (const items of parts(all))
        contents.push({ kind: 'units.reserved', body: { session, items } })
    }
    for (const content of this.#closing) contents.push(content)
    this.#closing = []
    this.#opening = []
    this.#hasRecords = false
    return contents
  }

  /** Welcomes first: a node takes nothing before it. Revocations before grants: they make room. */
  #sealFrames(effects: GatewayEffect[]): void {
    this.#hasFrames = false
    for (const effect of this.#frames) effects.push(effect)
    if (this.#frames.length > 0) this.#frames = []
    for (const [, { node, reason, leases: all }] of drained(this.#revokes)) {
      for (const leases of parts(all)) {
        effects.push(sent(node, { kind: 'revoke', body: { v: 1, leases, reason } }))
      }
    }
    for (const [node, all] of drained(this.#acks)) {
      for (const verdicts of parts(all)) {
        effects.push(sent(node, { kind: 'ack', body: { v: 1, verdicts } }))
      }
    }
    for (const [node, all] of drained(this.#reveals)) {
      for (const leases of parts(all)) {
        effects.push(sent(node, { kind: 'reveal', body: { v: 1, leases } }))
      }
    }
    for (const [node, all] of drained(this.#grants)) {
      for (const granted of parts(all, GRANT_BYTES_MAX, ({ offer }) => offer.unit.length)) {
        const leases = granted.map(({ offer }) => offer)
        const frame: GatewayFrame = { kind: 'grant', body: { v: 1, leases, blobs: [] } }
        const attach = smallInputs(granted)
        effects.push(attach.length === 0 ? sent(node, frame) : { ...sent(node, frame), attach })
      }
    }
  }
}

const sent = (node: PeerId, frame: GatewayFrame) => ({ type: 'send', node, frame }) as const

/** Inputs that ride along with a grant, each once, as many as there is room for beside the leases. */
function smallInputs(granted: readonly Granted[]): readonly Cid[] {
  const cids = new Set<Cid>()
  let bytes = 0
  for (const { inputs } of granted) {
    for (const input of inputs) {
      const size = inputBytes(input)
      if (size > INLINE_BLOB_BYTES_MAX || cids.has(input.cid)) continue
      if (bytes + size > ATTACHED_BYTES_MAX || cids.size >= MESSAGE_ITEMS_MAX) return [...cids]
      cids.add(input.cid)
      bytes += size
    }
  }
  return [...cids]
}

function listOf<K, T>(lists: Map<K, T[]>, key: K): T[] {
  const held = lists.get(key)
  if (held !== undefined) return held
  const made: T[] = []
  lists.set(key, made)
  return made
}

/** Most steps say nothing of most things. */
const NONE: readonly never[] = []

/** The entries of a map, which is empty afterwards. */
function drained<K, T>(map: Map<K, T>): readonly (readonly [K, T])[] {
  if (map.size === 0) return NONE
  const entries = [...map]
  map.clear()
  return entries
}

const receiptBytes = (receipt: Receipt | null): number =>
  receipt === null ? 0 : receipt.item.length + receipt.head.length + receipt.path.length * 34

/** Consecutive parts of at most MESSAGE_ITEMS_MAX items and about `bytesMax` bytes. */
function parts<T>(
  items: T[],
  bytesMax: number = Number.POSITIVE_INFINITY,
  bytesOf: (item: T) => number = () => 0
): T[][] {
  const made: T[][] = []
  let part: T[] = []
  let bytes = 0
  for (const item of items) {
    const size = bytesOf(item) + ITEM_OVERHEAD_BYTES
    if (part.length >= MESSAGE_ITEMS_MAX || (part.length > 0 && bytes + size > bytesMax)) {
      made.push(part)
      part = []
      bytes = 0
    }
    part.push(item)
    bytes += size
  }
  if (part.length > 0) made.push(part)
  return made
}
