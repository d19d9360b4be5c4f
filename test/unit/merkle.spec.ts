/** The Merkle tree of RFC 9162: proofs of every leaf and size, and no forgery among them. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import {
  AssertionFailure,
  bytesToHex,
  consistencyProof,
  inclusionProof,
  inclusionProofOfLevels,
  leafHash,
  merkleLevels,
  merkleRoot,
  nodeHash,
  rootOfLevels,
  sha256,
  verifyConsistency,
  verifyInclusion
} from '#contracts'

const SIZES = 40
const leaves = Array.from({ length: SIZES }, (_, index) => Uint8Array.of(index, 1, 2))
const take = (size: number) => leaves.slice(0, size)

/** MTH of RFC 9162 section 2.1.1 word for word: the definition beside our level-wise way. */
function definition(input: readonly Uint8Array[]): Uint8Array {
  const [first] = input
  if (first === undefined) return sha256(new Uint8Array(0))
  if (input.length === 1) return leafHash(first)
  let split = 1
  while (split * 2 < input.length) split *= 2
  return nodeHash(definition(input.slice(0, split)), definition(input.slice(split)))
}

describe('the Merkle tree', () => {
  it('hashes the empty tree, leaves and nodes as the RFC says', () => {
    equal(
      bytesToHex(merkleRoot([])),
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    )
    equal(
      bytesToHex(merkleRoot([new Uint8Array(0)])),
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
    )
  })

  it('has the root of the definition at every size', () => {
    for (let size = 0; size <= SIZES; size++)
      deepEqual(merkleRoot(take(size)), definition(take(size)))
  })

  it('proves every leaf of every size, and nothing else with that proof', () => {
    for (let size = 1; size <= SIZES; size++) {
      const levels = merkleLevels(take(size))
      const root = rootOfLevels(levels)
      for (let index = 0; index < size; index++) {
        const leaf = leaves[index] ?? new Uint8Array(0)
        const proof = inclusionProofOfLevels(index, levels)
        deepEqual(proof, inclusionProof(index, take(size)))
        const claim = { index, size, leaf, proof, root }
        equal(verifyInclusion(claim), true)
        equal(verifyInclusion({ ...claim, leaf: leaf.with(0, 200) }), false)
        equal(verifyInclusion({ ...claim, index: size }), false)
        equal(verifyInclusion({ ...claim, root: leafHash(leaf.with(0, 99)) }), false)
        equal(verifyInclusion({ ...claim, proof: [...proof, root] }), false)
        if (proof.length > 0) equal(verifyInclusion({ ...claim, proof: proof.slice(1) }), false)
        for (let other = 0; other < size; other++) {
          if (other !== index) equal(verifyInclusion({ ...claim, index: other }), false)
        }
      }
    }
  })

  it('proves every earlier tree a beginning of every later one, and no other', () => {
    for (let second = 1; second <= SIZES; second++) {
      const secondRoot = merkleRoot(take(second))
      for (let first = 1; first <= second; first++) {
        const firstRoot = merkleRoot(take(first))
        const proof = consistencyProof(first, take(second))
        const claim = { firstSize: first, secondSize: second, firstRoot, secondRoot, proof }
        equal(verifyConsistency(claim), true)
        equal(verifyConsistency({ ...claim, firstRoot: leafHash(firstRoot) }), false)
        equal(verifyConsistency({ ...claim, secondRoot: leafHash(firstRoot) }), false)
        equal(verifyConsistency({ ...claim, proof: [...proof, firstRoot] }), false)
        if (proof.length > 0) equal(verifyConsistency({ ...claim, proof: proof.slice(1) }), false)
        if (first < second) equal(verifyConsistency({ ...claim, firstSize: second }), false)
      }
    }
  })

  it('takes the empty tree as the beginning of any, and only by an empty proof', () => {
    const claim = {
      firstSize: 0,
      secondSize: 3,
      firstRoot: merkleRoot([]),
      secondRoot: merkleRoot(take(3)),
      proof: []
    }
    equal(verifyConsistency(claim), true)
    equal(verifyConsistency({ ...claim, firstRoot: merkleRoot(take(1)) }), false)
    equal(verifyConsistency({ ...claim, proof: [merkleRoot([])] }), false)
  })

  it('answers false to hostile values instead of throwing', () => {
    const good = { index: 0, size: 1, leaf: leaves[0] ?? new Uint8Array(0), proof: [] }
    const root = merkleRoot(take(1))
    equal(verifyInclusion({ ...good, root }), true)
    const bad: readonly number[] = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]
    for (const number of bad) {
      equal(verifyInclusion({ ...good, root, index: number }), false)
      equal(verifyInclusion({ ...good, root, size: number }), false)
    }
    equal(verifyInclusion({ ...good, root: new Uint8Array(31) }), false)
    equal(verifyInclusion({ ...good, root, proof: [new Uint8Array(33)] }), false)
    equal(verifyInclusion({ ...good, root, size: 2 ** 52, proof: Array(10_000).fill(root) }), false)
    for (const proof of JSON.parse('[null, 7, "x", {}, [null], [[]], [{"length":32}]]')) {
      equal(verifyInclusion({ ...good, root, proof }), false)
      equal(
        verifyConsistency({
          firstSize: 1,
          secondSize: 1,
          firstRoot: root,
          secondRoot: root,
          proof
        }),
        false
      )
    }
    equal(
      verifyInclusion(JSON.parse('{"index":0,"size":1,"leaf":null,"proof":[],"root":[]}')),
      false
    )
  })

  it('handles indices beyond 2^32 without wrapping', () => {
    const root = merkleRoot(take(1))
    const proof = Array.from({ length: 40 }, () => root)
    equal(
      verifyInclusion({ index: 2 ** 32, size: 2 ** 40, leaf: new Uint8Array(1), proof, root }),
      false
    )
  })

  it('stops on our own mistake: a proof asked for a leaf that is not there', () => {
    throws(() => inclusionProof(3, take(3)), AssertionFailure)
    throws(() => inclusionProof(-1, take(3)), AssertionFailure)
    throws(() => consistencyProof(0, take(3)), AssertionFailure)
    throws(() => consistencyProof(4, take(3)), AssertionFailure)
  })
})
