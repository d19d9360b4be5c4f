/**
 * The trace of a run: a rolling hash over (time, node, kind, digest) of each event, with marks, so that
 * two runs of one seed are compared by one word and their first difference is found between two marks.
 * Integers alone, the same in Node and in a browser. It finds accidents; against forgery it is none.
 */

/** Events between two marks. */
export const MARK_EVERY = 1_000

export class RollingTrace {
  #a = 0x9e3779b9
  #b = 0x85ebca6b
  #events = 0
  readonly #marks: string[] = []

  get events(): number {
    return this.#events
  }

  /** The hash as it stood after each `MARK_EVERY` events. */
  get marks(): readonly string[] {
    return this.#marks
  }

  add(atUs: number, node: number, kind: number, digest: number): void {
    const high = Math.floor(atUs / 0x1_0000_0000)
    this.#a = mix(this.#a, (atUs | 0) ^ Math.imul(node + 1, 0x27d4eb2f))
    this.#b = mix(this.#b ^ this.#a, digest ^ Math.imul(kind + 1, 0x165667b1) ^ high)
    this.#events += 1
    if (this.#events % MARK_EVERY === 0) this.#marks.push(this.hash())
  }

  /** 16 hex digits. */
  hash(): string {
    const first = mix(this.#a, this.#events)
    const second = mix(this.#b, first)
    return hex(first) + hex(second)
  }
}

/** MurmurHash3's step of a word. */
export function mix(state: number, word: number): number {
  let key = Math.imul(word, 0xcc9e2d51)
  key = (key << 15) | (key >>> 17)
  let hash = state ^ Math.imul(key, 0x1b873593)
  hash = (hash << 13) | (hash >>> 19)
  return (Math.imul(hash, 5) + 0xe6546b64) | 0
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')

/** FNV-1a of a text, for what an event is about. */
export function digestOfText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash
}
