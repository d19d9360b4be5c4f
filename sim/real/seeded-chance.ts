/**
 * Streams of chance, one for each purpose, from one seed: what one part of a run draws moves nothing
 * in another. Integers alone, so that a seed gives the same run on every machine. No key material.
 */
import { sha256 } from '#contracts'

/** Chris Doty-Humphrey's sfc32: four words of state, passes PractRand. */
export class SeededChance {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, purpose: string) {
    const digest = new DataView(seededBytes(seed, purpose).buffer)
    this.#a = digest.getUint32(0)
    this.#b = digest.getUint32(4)
    this.#c = digest.getUint32(8)
    for (let round = 0; round < 12; round++) this.word()
  }

  /** 32 random bits. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  /** From 0 to one less than the bound; the bias is below bound / 2^32. */
  below(bound: number): number {
    return this.word() % bound
  }

  /** True that many times in a million. */
  happens(perMillion: number): boolean {
    return this.below(1_000_000) < perMillion
  }
}

/** 32 bytes that this seed gives for this purpose: a node's key, an incarnation. */
export const seededBytes = (seed: number, purpose: string): Uint8Array =>
  Uint8Array.from(sha256(new TextEncoder().encode(`${seed} ${purpose}`)))
