/**
 * Batches: one signature over many items. WorkUnits, attestations and ledger entries travel so.
 *
 * What is signed is the RFC 9162 Merkle root of the items' bytes, their number, and `about`,
 * canonical bytes that hold for all of them. An item leaves its batch with its inclusion path
 * and the signed head, and can be checked alone. What the items mean, and the typ that says so,
 * is the caller's; each item's bytes stay exactly as they were received.
 */

import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { type MeshOrGenesis, type OpenMessageOptions, openMessage, signMessage } from './cose.ts'
import { assert, MeshError } from './errors.ts'
import { equalBytes } from './hex.ts'
import { BATCH_ITEMS_MAX } from './limits.ts'
import {
  inclusionProofOfLevels,
  type MerkleLevels,
  merkleLevels,
  rootOfLevels,
  verifyInclusion
} from './merkle.ts'
import type { PeerId, Signer } from './signing.ts'

/** {root, size, about} with its COSE envelope; `about` is bounded by the caller's `bytesMax`. */
const HEAD_KEYS = ['about', 'root', 'size'] as const
const BATCH_KEYS = ['head', 'items'] as const
const ITEM_KEYS = ['head', 'index', 'item', 'path'] as const
const ROOT_BYTES = 32
const NO_BYTES = new Uint8Array(0)

export interface SignBatchOptions {
  readonly typ: string
  readonly mesh: MeshOrGenesis
  readonly items: readonly Uint8Array[]
  readonly signer: Signer
  /** Canonical bytes of what holds for every item; empty where nothing does. */
  readonly about?: Uint8Array
}

/** A batch in hand: made here, or opened and verified. */
export interface Batch {
  /** The COSE_Sign1 envelope, as made or as received. */
  readonly head: Uint8Array
  readonly items: readonly Uint8Array[]
  readonly root: Uint8Array
  /** All hashes of its tree, from which the root was made or checked. */
  readonly levels: MerkleLevels
  readonly about: Uint8Array
  readonly kid: PeerId
}

/** One item and all that is needed to believe it. */
export interface BatchItem {
  readonly head: Uint8Array
  readonly index: number
  readonly item: Uint8Array
  readonly path: readonly Uint8Array[]
}

export interface OpenedItem {
  readonly item: Uint8Array
  readonly index: number
  readonly size: number
  readonly root: Uint8Array
  readonly about: Uint8Array
  readonly kid: PeerId
}

export function signBatch(options: SignBatchOptions): Batch {
  const { typ, mesh, items, signer, about = NO_BYTES } = options
  assert(items.length > 0 && items.length <= BATCH_ITEMS_MAX, 'a batch holds 1 to the maximum')
  const levels = merkleLevels(items)
  const root = rootOfLevels(levels)
  const payload = encodeCanonical({ about, root, size: items.length })
  const head = signMessage({ typ, mesh, payload, signer })
  return { head, items: [...items], root, levels, about, kid: signer.peerId }
}

/** The bytes of a batch on the wire. */
export function encodeBatch({ head, items }: Pick<Batch, 'head' | 'items'>): Uint8Array {
  return encodeCanonical({ head, items })
}

/** Checks size, shape, signature and root, in this order; `bytesMax` bounds the whole batch. */
export function openBatch(bytes: Uint8Array, options: OpenMessageOptions): Batch {
  return openBatchParts(readBatch(decodeCanonical(bytes, options)), options)
}

/** As `openBatch`, for head and items that came as parts of a larger document. */
export function openBatchParts(
  { head, items }: Pick<Batch, 'head' | 'items'>,
  options: OpenMessageOptions
): Batch {
  const { kid, payload } = openMessage(head, options)
  const { root, size, about } = readHead(payload)
  if (size !== items.length) throw malformed('size differs from the items')
  const levels = merkleLevels(items)
  if (!equalBytes(rootOfLevels(levels), root)) {
    throw new MeshError('contracts.signature_invalid', { typ: options.typ, kid, part: 'root' })
  }
  return { head, items, root, levels, about, kid }
}

/** Proves one item. For many items of one batch, take `batchProver` once. */
export function proveItem(batch: Batch, index: number): BatchItem {
  return batchProver(batch)(index)
}

/** Proves any item of the batch: its tree is hashed already. */
export function batchProver({ head, items, levels }: Batch): (index: number) => BatchItem {
  return (index) => {
    const item = items[index]
    assert(item !== undefined, 'the item is in the batch')
    return { head, index, item, path: inclusionProofOfLevels(index, levels) }
  }
}

/** The bytes of a single proven item on the wire. */
export function encodeItem({ head, index, item, path }: BatchItem): Uint8Array {
  return encodeCanonical({ head, index, item, path })
}

/** Verifies an item outside its batch, from the bytes that `encodeItem` made. */
export function openItem(bytes: Uint8Array, options: OpenMessageOptions): OpenedItem {
  return openProvenItem(readItem(decodeCanonical(bytes, options)), options)
}

export type OpenedHead = Omit<OpenedItem, 'item' | 'index'>

/** Verifies the head of a batch alone: for one who checks many items of the batch, one by one. */
export function openBatchHead(head: Uint8Array, options: OpenMessageOptions): OpenedHead {
  const { kid, payload } = openMessage(head, options)
  return { kid, ...readHead(payload) }
}

/** As `openItem`, for a proof that came as a part of a larger document. */
export function openProvenItem(proven: BatchItem, options: OpenMessageOptions): OpenedItem {
  const { item, index, path } = proven
  const { kid, root, size, about } = openBatchHead(proven.head, options)
  if (!verifyInclusion({ index, size, leaf: item, proof: path, root })) {
    throw new MeshError('contracts.signature_invalid', { typ: options.typ, kid, part: 'path' })
  }
  return { item, index, size, root, about, kid }
}

/** Reads a proven item out of a decoded document. */
export function readItem(value: unknown): BatchItem {
  const { head, index, item, path } = readFields(value, ITEM_KEYS)
  if (!(head instanceof Uint8Array) || !(item instanceof Uint8Array)) throw malformed('item')
  if (typeof index !== 'number' || !Number.isSafeInteger(index)) throw malformed('index')
  return { head, index, item, path: readByteStrings(path, 'path') }
}

function readBatch(value: unknown): Pick<Batch, 'head' | 'items'> {
  const { head, items } = readFields(value, BATCH_KEYS)
  if (!(head instanceof Uint8Array)) throw malformed('head')
  const list = readByteStrings(items, 'items')
  if (list.length === 0) throw malformed('items')
  return { head, items: list }
}

function readHead(payload: Uint8Array): Pick<Batch, 'root' | 'about'> & { readonly size: number } {
  const value = decodeCanonical(payload, { bytesMax: payload.length })
  const { root, size, about } = readFields(value, HEAD_KEYS)
  if (!(root instanceof Uint8Array) || root.length !== ROOT_BYTES) throw malformed('root')
  if (!(about instanceof Uint8Array)) throw malformed('about')
  if (typeof size !== 'number' || !Number.isSafeInteger(size)) throw malformed('size')
  if (size < 1 || size > BATCH_ITEMS_MAX) throw malformed('size')
  return { root, size, about }
}

function readByteStrings(value: unknown, part: string): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length > BATCH_ITEMS_MAX) throw malformed(part)
  return value.map((item: unknown) => {
    if (!(item instanceof Uint8Array)) throw malformed(part)
    return item
  })
}

/** Exactly these keys, no others. */
function readFields<Key extends string>(
  value: unknown,
  keys: readonly Key[]
): Readonly<Record<Key, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('map')
  if (Object.keys(value).length !== keys.length) throw malformed('keys')
  if (!keys.every((key) => Object.hasOwn(value, key))) throw malformed('keys')
  return value as Readonly<Record<Key, unknown>>
}

function malformed(part: string): MeshError {
  return new MeshError('contracts.message_malformed', { part })
}
