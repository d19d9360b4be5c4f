/**
 * What reading and writing CBOR remembers of map keys: messages of one kind have the same keys in the
 * same order, a thousand times over. Bounded, and only a memory: what is not in it is worked out anew,
 * with the same result.
 */

import { MAJOR, writeHead } from './cbor-head.ts'
import { MeshError } from './errors.ts'
import { compareBytes } from './hex.ts'

const utf8 = new TextEncoder()
/** Keys of our own messages have at most 24 characters. */
const KEY_BYTES_MAX = 32
/** A power of two, several times the number of keys of all messages. */
const TEXT_SLOTS = 1_024

interface KnownText {
  readonly bytes: Uint8Array
  readonly text: string
}

/** Texts of short ASCII keys by their bytes; a key takes the place of an older one with its hash. */
export class KeyTexts {
  readonly #slots: (KnownText | undefined)[] = new Array(TEXT_SLOTS).fill(undefined)

  /** The text of these bytes where it is known; undefined says nothing about the bytes. */
  find(bytes: Uint8Array, start: number, length: number): string | undefined {
    const known = this.#slots[slotOf(bytes, start, length)]
    if (known === undefined || known.bytes.length !== length) return undefined
    for (let i = 0; i < length; i++) {
      if (known.bytes[i] !== bytes[start + i]) return undefined
    }
    return known.text
  }

  keep(bytes: Uint8Array, start: number, text: string): void {
    const { length } = text
    if (length > KEY_BYTES_MAX) return
    const own = utf8.encode(text)
    if (own.length === length) this.#slots[slotOf(bytes, start, length)] = { bytes: own, text }
  }
}

function slotOf(bytes: Uint8Array, start: number, length: number): number {
  const first = bytes[start] ?? 0
  const middle = bytes[start + (length >> 1)] ?? 0
  const last = bytes[start + length - 1] ?? 0
  return (length * 37 + first * 131 + middle * 31 + last * 7) & (TEXT_SLOTS - 1)
}

/** One key as it is written. */
export interface WrittenKey {
  readonly text: string
  /** Head and text. */
  readonly bytes: Uint8Array
}

interface OrderNode {
  readonly next: Map<string, OrderNode>
  /** The step that was taken last: the next object most often has the same keys. */
  lastKey: string
  last: OrderNode | null
  order: readonly WrittenKey[] | null
}

const newNode = (): OrderNode => ({ next: new Map(), lastKey: '', last: null, order: null })

/** Steps of all remembered key lists together; a stranger's documents cannot make it more. */
const ORDER_NODES_MAX = 4_096

/** Canonical order and bytes of the keys of an object, found by walking its keys as they stand. */
export class KeyOrders {
  readonly #root = newNode()
  #nodes = 0

  orderOf(keys: readonly string[]): readonly WrittenKey[] {
    let node = this.#root
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] ?? ''
      if (node.lastKey === key && node.last !== null) {
        node = node.last
        continue
      }
      const next = node.next.get(key) ?? this.#grow(node, key)
      if (next === null) return inOrder(keys)
      node.lastKey = key
      node.last = next
      node = next
    }
    node.order ??= inOrder(keys)
    return node.order
  }

  /** Null where there is no room, or the key is longer than any of a message's. */
  #grow(node: OrderNode, key: string): OrderNode | null {
    if (this.#nodes >= ORDER_NODES_MAX || key.length > KEY_BYTES_MAX) return null
    this.#nodes += 1
    const made = newNode()
    node.next.set(key, made)
    return made
  }
}

/** Bytewise order of the encoded keys: the shorter in UTF-8 first, then byte by byte. */
function inOrder(keys: readonly string[]): readonly WrittenKey[] {
  return keys
    .map((text) => ({ text, bytes: writtenKey(text) }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes))
}

/** Head and text. */
function writtenKey(text: string): Uint8Array {
  if (!text.isWellFormed()) {
    throw new MeshError('contracts.cbor_malformed', { reason: 'text holds a lone surrogate' })
  }
  const encoded = utf8.encode(text)
  const bytes = new Uint8Array(encoded.length + 9)
  const start = writeHead(bytes, 0, MAJOR.text, encoded.length)
  bytes.set(encoded, start)
  return bytes.subarray(0, start + encoded.length)
}
