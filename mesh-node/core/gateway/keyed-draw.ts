/**
 * Chance that nobody else can foresee: HMAC-SHA-256 (RFC 2104) of a secret of this gateway over what
 * is drawn for. The same question has the same answer, so that a step can be repeated; whoever lacks
 * the secret learns nothing from earlier answers.
 */
import { concatBytes, sha256 } from '#contracts'

const BLOCK_BYTES = 64
const utf8 = new TextEncoder()

export class KeyedDraw {
  readonly #inner: Uint8Array
  readonly #outer: Uint8Array

  constructor(secret: Uint8Array) {
    const key = secret.length > BLOCK_BYTES ? sha256(secret) : secret
    this.#inner = padded(key, 0x36)
    this.#outer = padded(key, 0x5c)
  }

  /** A row of draws for one purpose and subject; nothing is hashed before the first of them. */
  of(purpose: string, subject: string): Draws {
    return new Draws(() => this.#seed(`${purpose}\0${subject}`))
  }

  #seed(asked: string): number {
    const inner = sha256(concatBytes(this.#inner, utf8.encode(asked)))
    const mac = sha256(concatBytes(this.#outer, inner))
    return new DataView(mac.buffer, mac.byteOffset, mac.byteLength).getUint32(0)
  }
}

/** Numbers that follow from one seed: mulberry32, whose seed only the keyed hash can tell. */
export class Draws {
  readonly #seed: () => number
  #state: number | null = null

  constructor(seed: () => number) {
    this.#seed = seed
  }

  /** 32 bits. */
  word(): number {
    const state = ((this.#state ?? this.#seed()) + 0x6d2b79f5) >>> 0
    this.#state = state
    let word = state
    word = Math.imul(word ^ (word >>> 15), word | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return (word ^ (word >>> 14)) >>> 0
  }

  /** From 0 to one less than `count`. */
  below(count: number): number {
    return this.word() % count
  }
}

function padded(key: Uint8Array, pad: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(pad)
  key.forEach((byte, index) => {
    block[index] = byte ^ pad
  })
  return block
}
