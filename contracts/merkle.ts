/**
 * The Merkle tree of RFC 9162 (the same as RFC 6962): roots, inclusion and consistency proofs.
 *
 * Makes proofs from leaves that it is given and checks proofs from strangers. A check answers
 * false to whatever is malformed and never throws; it keeps no tree between calls.
 */

import { sha256 } from '#contracts/platform'
import { assert } from './errors.ts'
import { equalBytes } from './hex.ts'

const HASH_BYTES = 32
const LEAF_PREFIX = 0x00
const NODE_PREFIX = 0x01
/** A tree of 2^53 leaves has this height, so no honest proof is longer. */
const PROOF_HASHES_MAX = 2 * 53
const EMPTY_ROOT = sha256(new Uint8Array(0))

/** Hashes per level, leaves first; a node without a right neighbour moves up unchanged. */
export type MerkleLevels = readonly (readonly Uint8Array[])[]

/** RFC 9162 section 2.1.1: SHA-256(0x00 || leaf). */
export function leafHash(leaf: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + leaf.length)
  bytes[0] = LEAF_PREFIX
  bytes.set(leaf, 1)
  return sha256(bytes)
}

/** RFC 9162 section 2.1.1: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + left.length + right.length)
  bytes[0] = NODE_PREFIX
  bytes.set(left, 1)
  bytes.set(right, 1 + left.length)
  return sha256(bytes)
}

export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  return rootOfLevels(merkleLevels(leaves))
}

/** All hashes of the tree, for a caller who wants many proofs of one batch. */
export function merkleLevels(leaves: readonly Uint8Array[]): MerkleLevels {
  let level: readonly Uint8Array[] = leaves.map(leafHash)
  const levels = [level]
  while (level.length > 1) {
    level = levelAbove(level)
    levels.push(level)
  }
  return levels
}

export function rootOfLevels(levels: MerkleLevels): Uint8Array {
  return levels.at(-1)?.[0] ?? EMPTY_ROOT
}

/** RFC 9162 section 2.1.3: the hashes from the leaf's sibling up to the root's child. */
export function inclusionProof(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  return inclusionProofOfLevels(index, merkleLevels(leaves))
}

export function inclusionProofOfLevels(index: number, levels: MerkleLevels): Uint8Array[] {
  const size = levels[0]?.length ?? 0
  assert(Number.isSafeInteger(index) && index >= 0 && index < size, 'the leaf is in the tree')
  const proof: Uint8Array[] = []
  let position = index
  for (const level of levels.slice(0, -1)) {
    const sibling = level[position ^ 1]
    if (sibling !== undefined) proof.push(sibling)
    position >>>= 1
  }
  return proof
}

export interface InclusionClaim {
  readonly index: number
  readonly size: number
  /** The leaf's bytes, not its hash. */
  readonly leaf: Uint8Array
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
}

export function verifyInclusion({ leaf, ...claim }: InclusionClaim): boolean {
  return leaf instanceof Uint8Array && verifyInclusionOfHash({ ...claim, hash: leafHash(leaf) })
}

export type HashInclusionClaim = Omit<InclusionClaim, 'leaf'> & { readonly hash: Uint8Array }

/** RFC 9162 section 2.1.3.2, for a leaf of which only the hash is at hand. */
export function verifyInclusionOfHash(claim: HashInclusionClaim): boolean {
  const { index, size, hash, proof, root } = claim
  if (!isSize(size) || !isSize(index) || index >= size) return false
  if (!isHash(hash) || !isHash(root) || !isProof(proof)) return false
  let position = index
  let last = size - 1
  let running = hash
  for (const sibling of proof) {
    if (last === 0) return false
    if (isOdd(position) || position === last) {
      running = nodeHash(sibling, running)
      while (!isOdd(position) && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else {
      running = nodeHash(running, sibling)
    }
    position = half(position)
    last = half(last)
  }
  return last === 0 && equalBytes(running, root)
}

/** RFC 9162 section 2.1.4: shows that the tree over all leaves extends that over the first `firstSize`. */
export function consistencyProof(firstSize: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  assert(
    Number.isSafeInteger(firstSize) && firstSize > 0 && firstSize <= leaves.length,
    'the first tree is a beginning of the second'
  )
  return subproof(firstSize, leaves, true)
}

export interface ConsistencyClaim {
  readonly firstSize: number
  readonly secondSize: number
  readonly firstRoot: Uint8Array
  readonly secondRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** RFC 9162 section 2.1.4.2. An empty first tree is consistent with any, by an empty proof. */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { firstSize, secondSize, firstRoot, secondRoot, proof } = claim
  if (!isSize(firstSize) || !isSize(secondSize) || firstSize > secondSize) return false
  if (!isHash(firstRoot) || !isHash(secondRoot) || !isProof(proof)) return false
  if (firstSize === secondSize) return proof.length === 0 && equalBytes(firstRoot, secondRoot)
  if (firstSize === 0) return proof.length === 0 && equalBytes(firstRoot, EMPTY_ROOT)
  let path = proof
  if (isPowerOfTwo(firstSize)) path = [firstRoot, ...proof]
  return walkConsistency(claim, path)
}

function walkConsistency(claim: ConsistencyClaim, path: readonly Uint8Array[]): boolean {
  const [seed, ...siblings] = path
  if (seed === undefined) return false
  let first = claim.firstSize - 1
  let second = claim.secondSize - 1
  while (isOdd(first)) {
    first = half(first)
    second = half(second)
  }
  let firstRunning = seed
  let secondRunning = seed
  for (const sibling of siblings) {
    if (second === 0) return false
    if (isOdd(first) || first === second) {
      firstRunning = nodeHash(sibling, firstRunning)
      secondRunning = nodeHash(sibling, secondRunning)
      while (!isOdd(first) && first !== 0) {
        first = half(first)
        second = half(second)
      }
    } else {
      secondRunning = nodeHash(secondRunning, sibling)
    }
    first = half(first)
    second = half(second)
  }
  return (
    second === 0 &&
    equalBytes(firstRunning, claim.firstRoot) &&
    equalBytes(secondRunning, claim.secondRoot)
  )
}

/** SUBPROOF of RFC 9162 section 2.1.4.1; `whole` says that the first tree's root is known. */
function subproof(count: number, leaves: readonly Uint8Array[], whole: boolean): Uint8Array[] {
  const size = leaves.length
  if (count === size) return whole ? [] : [merkleRoot(leaves)]
  const split = largestPowerOfTwoBelow(size)
  const left = leaves.slice(0, split)
  const right = leaves.slice(split)
  if (count <= split) return [...subproof(count, left, whole), merkleRoot(right)]
  return [...subproof(count - split, right, false), merkleRoot(left)]
}

function levelAbove(level: readonly Uint8Array[]): readonly Uint8Array[] {
  const above: Uint8Array[] = []
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i]
    const right = level[i + 1]
    assert(left !== undefined, 'a level has no holes')
    above.push(right === undefined ? left : nodeHash(left, right))
  }
  return above
}

function largestPowerOfTwoBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}

function isPowerOfTwo(size: number): boolean {
  return size === 1 || (size > 1 && largestPowerOfTwoBelow(size) * 2 === size)
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isHash(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === HASH_BYTES
}

function isProof(value: unknown): boolean {
  return Array.isArray(value) && value.length <= PROOF_HASHES_MAX && value.every(isHash)
}

/** Sizes go beyond 2^31, so parity and halving are done without bit operators. */
function isOdd(value: number): boolean {
  return value % 2 === 1
}

function half(value: number): number {
  return Math.floor(value / 2)
}
