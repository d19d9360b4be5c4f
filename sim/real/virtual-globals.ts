/**
 * Puts virtual time and seeded chance in the place of the process's own: timers, immediates, dates,
 * `performance.now`, `AbortSignal.timeout`, `Math.random` and random bytes, X25519 keys among them.
 * For a process of its own, before anything of the product or libp2p is loaded; nothing is put back.
 *
 * What runs on Node's thread pool ends in an order that nobody can repeat, so it is refused here:
 * WebCrypto throws, and nothing else of it is used by what runs.
 */
import crypto, {
  createPrivateKey,
  createPublicKey,
  type KeyExportOptions,
  type KeyObject
} from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { Chance } from '../kernel/chance.ts'
import type { Planned, VirtualClock } from './virtual-clock.ts'

/** As Node's timers: nothing is sooner than a millisecond. */
const TIMER_MS_MIN = 1
const TIMER_MS_MAX = 2 ** 31 - 1
const US_PER_MS = 1_000
/** DER of a PKCS #8 X25519 key (RFC 8410) up to the 32 bytes themselves. */
const X25519_PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')

type Callback = (...given: unknown[]) => void

export function installVirtualGlobals(clock: VirtualClock, chance: Chance): void {
  installTimers(clock)
  installDates(clock)
  installChance(chance)
}

/** What `setTimeout` gives in Node, without a loop to keep alive. */
class VirtualTimer {
  readonly #clock: VirtualClock
  readonly #delayUs: number
  readonly #fire: () => void
  readonly #repeats: boolean
  #planned: Planned

  constructor(
    clock: VirtualClock,
    { delayMs, fire, repeats }: { delayMs: unknown; fire: () => void; repeats: boolean }
  ) {
    const wholeMs = Math.trunc(Number(delayMs ?? TIMER_MS_MIN))
    const isInRange = wholeMs >= TIMER_MS_MIN && wholeMs <= TIMER_MS_MAX
    this.#clock = clock
    this.#delayUs = (isInRange ? wholeMs : TIMER_MS_MIN) * US_PER_MS
    this.#fire = fire
    this.#repeats = repeats
    this.#planned = this.#plan()
  }

  cancel(): void {
    this.#planned.cancel()
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }

  refresh(): this {
    this.#planned.cancel()
    this.#planned = this.#plan()
    return this
  }

  [Symbol.dispose](): void {
    this.cancel()
  }

  #plan(): Planned {
    return this.#clock.after(this.#delayUs, () => {
      if (this.#repeats) this.#planned = this.#plan()
      this.#fire()
    })
  }
}

class VirtualImmediate {
  readonly #planned: Planned

  constructor(planned: Planned) {
    this.#planned = planned
  }

  cancel(): void {
    this.#planned.cancel()
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

function installTimers(clock: VirtualClock): void {
  const clear = (handle: unknown): void => {
    if (handle instanceof VirtualTimer || handle instanceof VirtualImmediate) handle.cancel()
  }
  const set =
    (repeats: boolean) =>
    (call: Callback, delayMs?: unknown, ...given: unknown[]) =>
      new VirtualTimer(clock, { delayMs, fire: () => call(...given), repeats })
  Object.assign(globalThis, {
    setTimeout: set(false),
    setInterval: set(true),
    setImmediate: (call: Callback, ...given: unknown[]) =>
      new VirtualImmediate(clock.soon(() => call(...given))),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear
  })
  Object.assign(AbortSignal, {
    timeout(delayMs: number): AbortSignal {
      const abort = new AbortController()
      const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError')
      setTimeout(() => abort.abort(reason), delayMs)
      return abort.signal
    }
  })
}

function installDates(clock: VirtualClock): void {
  const RealDate = Date
  class VirtualDate extends RealDate {
    constructor(...given: readonly [] | ConstructorParameters<DateConstructor>) {
      if (given.length === 0) super(clock.nowMs)
      else super(...given)
    }

    static override now(): number {
      return clock.nowMs
    }
  }
  Object.assign(globalThis, { Date: VirtualDate })
  Object.defineProperty(performance, 'now', { value: () => clock.nowUs / US_PER_MS })
}

function installChance(chance: Chance): void {
  Object.assign(Math, {
    random: () => (chance.word() * 2 ** 21 + (chance.word() >>> 11)) / 2 ** 53
  })
  const fill = <Bytes extends ArrayBufferView>(view: Bytes): Bytes => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    for (let at = 0; at < bytes.length; at++) bytes[at] = chance.word()
    return view
  }
  Object.defineProperty(globalThis.crypto, 'getRandomValues', { value: fill })
  Object.defineProperty(globalThis.crypto, 'subtle', { value: refusing('WebCrypto') })
  Object.assign(crypto, {
    randomBytes: (size: number) => fill(Buffer.alloc(size)),
    randomFillSync: fill,
    generateKeyPairSync: (kind: string, options: PairOptions) => seededPair(kind, options, fill)
  })
  syncBuiltinESMExports()
}

interface PairOptions {
  readonly publicKeyEncoding: KeyExportOptions<'der'>
  readonly privateKeyEncoding: KeyExportOptions<'der'>
}

/** The ephemeral keys of Noise, drawn from the seed. */
function seededPair(
  kind: string,
  { publicKeyEncoding, privateKeyEncoding }: PairOptions,
  fill: (view: Uint8Array) => Uint8Array
): { readonly publicKey: Buffer; readonly privateKey: Buffer } {
  if (kind !== 'x25519') throw unrepeatable(`a ${kind} key`)
  const key: KeyObject = createPrivateKey({
    key: Buffer.concat([X25519_PKCS8_PREFIX, fill(new Uint8Array(32))]),
    format: 'der',
    type: 'pkcs8'
  })
  return {
    publicKey: createPublicKey(key).export(publicKeyEncoding),
    privateKey: key.export(privateKeyEncoding)
  }
}

/** Throws at the first use of what cannot be repeated. */
const refusing = (what: string): object =>
  new Proxy(
    {},
    {
      get: (_target, name) => {
        throw unrepeatable(`${what} (${String(name)})`)
      }
    }
  )

const unrepeatable = (what: string): Error => new Error(`${what} cannot be repeated from a seed`)
