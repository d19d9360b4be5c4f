/**
 * Which host knows which message, in bits: seen at all, and still held in the windows of the last
 * beats, of which it tells others. Messages have places in a ring; a place is used again when nobody
 * has spoken of its message for longer than anybody holds it. Knows no peers and sends nothing.
 */
import { assert } from '#contracts'

const PLACES_FIRST = 64

export interface PublishedMessage {
  /** For the trace. */
  readonly digest: number
  readonly bytes: number
  readonly publishedUs: number
  readonly deliver: (host: number) => void
  /** False: no host takes it or hands it on. */
  readonly isValid: boolean
}

interface Held extends PublishedMessage {
  readonly message: number
  touchedUs: number
  /** By host: when its word that it wants no further copy had left it. */
  readonly toldUs: Float64Array | null
}

export interface MessageBookOptions {
  readonly hosts: number
  readonly historyBeats: number
  /** Nobody speaks of a message that nobody received for so long. */
  readonly retainUs: number
  /** Messages of at least this size are told of when they come. */
  readonly unwantedBytesMin: number
}

export class MessageBook {
  readonly #options: MessageBookOptions
  #places = PLACES_FIRST
  #held: (Held | undefined)[] = []
  #count = 0
  /** By host, a bit for each place. */
  #seen: Uint32Array
  /** By host and window. */
  #history: Uint32Array
  /** By host: the window that its last message or beat was in. */
  readonly #window: Int32Array
  readonly #spare: Float64Array[] = []

  constructor(options: MessageBookOptions) {
    this.#options = options
    this.#seen = new Uint32Array(options.hosts * this.words)
    this.#history = new Uint32Array(options.hosts * options.historyBeats * this.words)
    this.#window = new Int32Array(options.hosts)
  }

  /** Of a list: a bit for each place. */
  get words(): number {
    return this.#places >>> 5
  }

  /** Enters a message; `moved` hears of lists that are under way when places change. */
  publish(
    published: PublishedMessage,
    moved: (relist: (list: Uint32Array) => Uint32Array) => void
  ): number {
    const message = this.#count++
    if (message % 32 === 0) {
      if (this.#isWordLive(message, published.publishedUs)) moved(this.#grow())
      this.#clearWord(message)
    }
    const place = this.#placeOf(message)
    this.#forget(place)
    const toldUs =
      published.bytes < this.#options.unwantedBytesMin
        ? null
        : (this.#spare.pop() ?? new Float64Array(this.#options.hosts))
    this.#held[place] = { ...published, message, touchedUs: published.publishedUs, toldUs }
    return message
  }

  /** Undefined: nobody holds it any more. */
  find(message: number): Held | undefined {
    const held = this.#held[this.#placeOf(message)]
    return held?.message === message ? held : undefined
  }

  hasSeen(host: number, message: number): boolean {
    const place = this.#placeOf(message)
    return (((this.#seen[host * this.words + (place >>> 5)] ?? 0) >>> (place & 31)) & 1) === 1
  }

  /** The message came: it is known, and in this window of the host's. */
  receive(host: number, held: Held, { window, nowUs }: { window: number; nowUs: number }): void {
    this.#shift(host, window)
    const place = this.#placeOf(held.message)
    const bit = 1 << (place & 31)
    const seen = host * this.words + (place >>> 5)
    const row = this.#row(host, window) + (place >>> 5)
    this.#seen[seen] = (this.#seen[seen] ?? 0) | bit
    held.touchedUs = nowUs
    if (!held.isValid) return
    this.#history[row] = (this.#history[row] ?? 0) | bit
  }

  /** What the host got in the `beats` windows up to `window`; null: nothing. */
  recent(host: number, window: number, beats: number): Uint32Array | null {
    this.#shift(host, window)
    const { words } = this
    const list = new Uint32Array(words)
    let any = 0
    for (let back = 0; back < Math.min(beats, this.#options.historyBeats); back++) {
      if (window - back < 0) break
      const row = this.#row(host, window - back)
      for (let word = 0; word < words; word++) {
        const bits = this.#history[row + word] ?? 0
        list[word] = (list[word] ?? 0) | bits
        any |= bits
      }
    }
    return any === 0 ? null : list
  }

  /** Of that list what the host has never seen; null: all of it is known. */
  unseen(host: number, list: Uint32Array): Uint32Array | null {
    const start = host * this.words
    let wanted: Uint32Array | null = null
    for (let word = 0; word < list.length; word++) {
      const bits = (list[word] ?? 0) & ~(this.#seen[start + word] ?? 0)
      if (bits === 0) continue
      wanted ??= new Uint32Array(list.length)
      wanted[word] = bits
    }
    return wanted
  }

  /** The messages of a list, in the order of their places. */
  *listed(list: Uint32Array): Generator<Held> {
    for (let word = 0; word < list.length; word++) {
      let bits = list[word] ?? 0
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits)
        bits &= bits - 1
        const held = this.#held[word * 32 + bit]
        if (held !== undefined) yield held
      }
    }
  }

  #placeOf(message: number): number {
    return message & (this.#places - 1)
  }

  #row(host: number, window: number): number {
    const beats = this.#options.historyBeats
    return (host * beats + (window % beats)) * this.words
  }

  /** Windows that began since are empty. */
  #shift(host: number, window: number): void {
    const last = this.#window[host] ?? 0
    if (window <= last) return
    const first = Math.max(last + 1, window - this.#options.historyBeats + 1)
    for (let fresh = first; fresh <= window; fresh++) {
      const row = this.#row(host, fresh)
      this.#history.fill(0, row, row + this.words)
    }
    this.#window[host] = window
  }

  #isWordLive(message: number, nowUs: number): boolean {
    const first = this.#placeOf(message)
    for (let place = first; place < first + 32; place++) {
      const held = this.#held[place]
      if (held !== undefined && held.touchedUs + this.#options.retainUs >= nowUs) return true
    }
    return false
  }

  #clearWord(message: number): void {
    const word = this.#placeOf(message) >>> 5
    for (let at = word; at < this.#seen.length; at += this.words) this.#seen[at] = 0
    for (let at = word; at < this.#history.length; at += this.words) this.#history[at] = 0
    for (let place = word * 32; place < word * 32 + 32; place++) this.#forget(place)
  }

  #forget(place: number): void {
    const told = this.#held[place]?.toldUs
    if (told !== undefined && told !== null) this.#spare.push(told)
    this.#held[place] = undefined
  }

  /** Twice the places; gives how a list of before reads now. */
  #grow(): (list: Uint32Array) => Uint32Array {
    const [held, words] = [this.#held, this.words]
    assert(this.#places < 2 ** 24, 'messages that are held at one time are counted')
    this.#places *= 2
    this.#held = []
    const moves: [from: number, to: number][] = []
    for (const [from, one] of held.entries()) {
      if (one === undefined) continue
      const to = this.#placeOf(one.message)
      this.#held[to] = one
      moves.push([from, to])
    }
    const relist = (list: Uint32Array): Uint32Array => {
      const fresh = new Uint32Array(this.words)
      for (const [from, to] of moves) {
        const bit = ((list[from >>> 5] ?? 0) >>> (from & 31)) & 1
        fresh[to >>> 5] = (fresh[to >>> 5] ?? 0) | (bit << (to & 31))
      }
      return fresh
    }
    this.#seen = this.#widened(this.#seen, words, relist)
    this.#history = this.#widened(this.#history, words, relist)
    return relist
  }

  #widened(
    rows: Uint32Array,
    words: number,
    relist: (list: Uint32Array) => Uint32Array
  ): Uint32Array {
    const wide = new Uint32Array(rows.length * 2)
    for (let row = 0; row * words < rows.length; row++) {
      wide.set(relist(rows.subarray(row * words, (row + 1) * words)), row * words * 2)
    }
    return wide
  }
}
