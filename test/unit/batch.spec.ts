/** One signature over many items: together, or one at a time with its path. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import {
  AssertionFailure,
  BATCH_ITEMS_MAX,
  batchProver,
  decodeCanonical,
  encodeBatch,
  encodeCanonical,
  encodeItem,
  merkleRoot,
  openBatch,
  openItem,
  proveItem,
  signBatch,
  signMessage,
  tweetnaclVerifier
} from '#contracts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { goldenBytes } from '../support/golden.ts'
import { MESH, OTHER_MESH, OTHER_TYP, seed, TYP, withCode } from '../support/mesh-fixtures.ts'

const signer = nodeSigner(seed(1))
const itemsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => encodeCanonical({ index }))
const about = encodeCanonical({ session: 's1' })
const batch = signBatch({ typ: TYP, mesh: MESH, items: itemsOf(5), signer, about })
const bytes = encodeBatch(batch)
const options = { typ: TYP, mesh: MESH, verifier: nodeVerifier, bytesMax: 1_000_000 }

/** A batch whose signed head says `head` over `items`, whether or not they agree. */
function forged(head: unknown, items: unknown): Uint8Array {
  const payload = encodeCanonical(head)
  return encodeCanonical({ head: signMessage({ typ: TYP, mesh: MESH, payload, signer }), items })
}

describe('a signed batch', () => {
  it('opens with its items, what is said of all of them, and its signer', () => {
    for (const verifier of [nodeVerifier, tweetnaclVerifier]) {
      deepEqual(openBatch(bytes, { ...options, verifier, signedBy: signer.peerId }), batch)
    }
    equal(batch.kid, signer.peerId)
  })

  it('has the bytes it always had, and so has an item with its path', () => {
    goldenBytes('batch', bytes)
    goldenBytes('batch-item', encodeItem(proveItem(batch, 3)))
  })

  it('proves each of its items at every size up to 33, and at its largest', () => {
    for (let size = 1; size <= 33; size++) {
      const some = signBatch({ typ: TYP, mesh: MESH, items: itemsOf(size), signer })
      const prove = batchProver(some)
      for (let index = 0; index < size; index++) {
        const opened = openItem(encodeItem(prove(index)), options)
        deepEqual(opened.item, some.items[index])
        deepEqual([opened.index, opened.size, opened.kid], [index, size, signer.peerId])
      }
    }
    const full = signBatch({ typ: TYP, mesh: MESH, items: itemsOf(BATCH_ITEMS_MAX), signer })
    equal(openBatch(encodeBatch(full), options).items.length, BATCH_ITEMS_MAX)
    equal(proveItem(full, BATCH_ITEMS_MAX - 1).path.length, Math.log2(BATCH_ITEMS_MAX))
  })

  it('is refused as another typ, for another mesh, from another signer, over its limit', () => {
    const item = encodeItem(proveItem(batch, 0))
    for (const open of [
      (changed: object) => openBatch(bytes, { ...options, ...changed }),
      (changed: object) => openItem(item, { ...options, ...changed })
    ]) {
      throws(() => open({ typ: OTHER_TYP }), withCode('contracts.typ_mismatch'))
      throws(() => open({ mesh: OTHER_MESH }), withCode('contracts.signature_invalid'))
      const signedBy = nodeSigner(seed(2)).peerId
      throws(() => open({ signedBy }), withCode('contracts.signature_invalid'))
      throws(() => open({ bytesMax: 50 }), withCode('contracts.too_large'))
    }
  })

  it('is refused with an item changed, missing, added, doubled or moved', () => {
    const { head, items } = batch
    const [first, second, ...rest] = items
    const changes = {
      changed: [encodeCanonical({ index: 99 }), second, ...rest],
      moved: [second, first, ...rest]
    }
    for (const changed of Object.values(changes)) {
      throws(
        () => openBatch(encodeCanonical({ head, items: changed }), options),
        withCode('contracts.signature_invalid')
      )
    }
    for (const counted of [items.slice(1), [...items, first], [first, ...items]]) {
      throws(
        () => openBatch(encodeCanonical({ head, items: counted }), options),
        withCode('contracts.message_malformed')
      )
    }
  })

  it('refuses a signed head that does not fit its items', () => {
    const items = itemsOf(2)
    const root = merkleRoot(items)
    const none = new Uint8Array(0)
    const heads: readonly unknown[] = [
      { about: none, root, size: 3 },
      { about: none, root, size: 0 },
      { about: none, root, size: 1.5 },
      { about: none, root, size: 2n ** 60n },
      { about: none, root: root.slice(1), size: 2 },
      { about: 'x', root, size: 2 },
      { root, size: 2 },
      { about: none, root, size: 2, more: 1 },
      [none, root, 2],
      null
    ]
    openBatch(forged({ about: none, root, size: 2 }, items), options)
    for (const head of heads) {
      throws(() => openBatch(forged(head, items), options), withCode('contracts.message_malformed'))
    }
  })

  it('refuses a batch document of another shape', () => {
    const { head, items } = batch
    const shapes: readonly unknown[] = [
      {},
      { head },
      { items },
      { head, items: [] },
      { head, items: 'x' },
      { head, items: ['x'] },
      { head: 'x', items },
      { head, items, more: 1 },
      [head, items],
      null,
      { head, items: Array(BATCH_ITEMS_MAX + 1).fill(new Uint8Array(0)) }
    ]
    for (const shape of shapes) {
      throws(
        () => openBatch(encodeCanonical(shape), options),
        withCode('contracts.message_malformed')
      )
    }
  })

  it('refuses a proof of another item, another place, another path or another head', () => {
    const proven = proveItem(batch, 2)
    const other = proveItem(batch, 3)
    const otherBatch = signBatch({ typ: TYP, mesh: MESH, items: itemsOf(6), signer })
    for (const changed of [
      { ...proven, item: other.item },
      { ...proven, index: 3 },
      { ...proven, index: -1 },
      { ...proven, index: 5 },
      { ...proven, path: other.path },
      { ...proven, path: [] },
      { ...proven, path: [...proven.path, ...proven.path] },
      { ...proven, head: otherBatch.head }
    ]) {
      throws(() => openItem(encodeItem(changed), options), withCode('contracts.signature_invalid'))
    }
  })

  it('refuses a proof of another shape', () => {
    const { head, index, item, path } = proveItem(batch, 2)
    for (const shape of [
      { head, index, item },
      { head, index: '2', item, path },
      { head, index: 2.5, item, path },
      { head, index, item: 'x', path },
      { head: null, index, item, path },
      { head, index, item, path: [1] },
      { head, index, item, path: null },
      { head, index, item, path, more: 1 }
    ]) {
      throws(
        () => openItem(encodeCanonical(shape), options),
        withCode('contracts.message_malformed')
      )
    }
  })

  it('keeps the bytes of its items as they were, canonical or not', () => {
    const odd = [Uint8Array.of(0xff), new Uint8Array(0), Uint8Array.of(0x18, 0x01)]
    const signed = signBatch({ typ: TYP, mesh: MESH, items: odd, signer })
    deepEqual(openBatch(encodeBatch(signed), options).items, odd)
    equal(typeof decodeCanonical(encodeBatch(signed), options), 'object')
  })

  it('stops on our own mistake: an empty batch, one too large, an item that is not there', () => {
    throws(() => signBatch({ typ: TYP, mesh: MESH, items: [], signer }), AssertionFailure)
    const items = Array(BATCH_ITEMS_MAX + 1).fill(new Uint8Array(0))
    throws(() => signBatch({ typ: TYP, mesh: MESH, items, signer }), AssertionFailure)
    throws(() => proveItem(batch, 5), AssertionFailure)
  })
})
