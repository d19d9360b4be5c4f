/**
 * Seeded chance: one stream for each (seed, purpose, node), integers alone, so
 * that a seed gives the same run on every machine. It is no key material and hides nothing.
 */

/** FNV-1a over the parts, finished so that near seeds give far streams. */
function seedOf(seed: number, purpose: string, node: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < purpose.length; index++) {
    hash = Math.imul(hash ^ purpose.charCodeAt(index), 0x01000193)
  }
  return mixed(mixed(hash ^ Math.imul(seed, 0x9e3779b1)) ^ Math.imul(node + 1, 0x85ebca77))
}

function mixed(word: number): number {
  let mix = word
  mix = Math.imul(mix ^ (mix >>> 16), 0x7feb352d)
  mix = Math.imul(mix ^ (mix >>> 15), 0x846ca68b)
  return (mix ^ (mix >>> 16)) >>> 0
}

/** Chris Doty-Humphrey's sfc32: four words of state, passes PractRand. */
export class Chance {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, purpose: string, node = -1) {
    const first = seedOf(seed, purpose, node)
    this.#a = first
    this.#b = mixed(first ^ 0x68bc21eb)
    this.#c = mixed(first ^ 0x02e5be93)
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
