/**
 * One end of a connection on a `Wire`, and the way of its bytes to the other end: a socket's buffer
 * and its pushing back, ends in order and resets. Carries bytes; whose they are it does not ask.
 */
import { AbstractMultiaddrConnection } from '@libp2p/utils'
import type { Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { GIVE_UP_US, type Wire } from './wire.ts'

/** What a socket takes before the program has to wait: a quarter of what Linux lets it grow to. */
const BUFFER_BYTES_MAX = 1024 * 1024
/** A write goes over in parts, so that the first bytes of a large one do not wait for the last. */
const PART_BYTES = 64 * 1024

/** What two ends and their ways share. */
export interface WireGround {
  readonly clock: VirtualClock
  readonly wire: Wire
  readonly trace: Trace
}

type Parcel =
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'open' | 'end' | 'reset' }

/** The way of bytes from one node to another, in order. */
export class Way {
  readonly #ground: WireGround
  readonly #from: number
  readonly #to: number
  readonly #receive: (parcel: Parcel) => void
  readonly #fail: () => void
  readonly #held: (() => void)[] = []
  #lastUs = 0
  #bufferedBytes = 0
  #isFull = false
  #isPaused = false
  #onRoom: () => void = () => {}
  #onEmpty: (() => void)[] = []

  constructor(
    ground: WireGround,
    ends: {
      readonly from: number
      readonly to: number
      readonly receive: (parcel: Parcel) => void
      /** Nothing has got through for too long. */
      readonly fail: () => void
    }
  ) {
    this.#ground = ground
    this.#from = ends.from
    this.#to = ends.to
    this.#receive = ends.receive
    this.#fail = ends.fail
  }

  /** Called when a full buffer has room again. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener
  }

  /** False: the buffer is full. */
  send(parcel: Parcel): boolean {
    const bytes = parcel.type === 'data' ? parcel.bytes.length : 0
    const { clock, wire } = this.#ground
    const arrivalUs = wire.arrivalUs(this.#from, this.#to, bytes)
    if (arrivalUs === null) {
      clock.after(GIVE_UP_US, this.#fail)
      return false
    }
    this.#bufferedBytes += bytes
    this.#lastUs = Math.max(arrivalUs, this.#lastUs)
    clock.at(this.#lastUs, () => this.#atLine(parcel, bytes))
    this.#isFull = this.#bufferedBytes >= BUFFER_BYTES_MAX
    return !this.#isFull
  }

  /** Calls back when everything sent so far is known to be there. */
  whenEmpty(listener: () => void): void {
    this.#onEmpty.push(listener)
  }

  /** The receiver takes nothing for a while; what arrives waits. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const deliver of this.#held.splice(0)) deliver()
  }

  #atLine(parcel: Parcel, bytes: number): void {
    const { clock, wire, trace } = this.#ground
    trace.add({
      kind: 'wrote',
      atUs: clock.nowUs,
      node: this.#from,
      other: this.#to,
      bytes,
      digest: null
    })
    clock.at(wire.takenInUs(this.#to, bytes), () => {
      const deliver = () => this.#deliver(parcel, bytes)
      if (this.#isPaused) this.#held.push(deliver)
      else deliver()
    })
  }

  #deliver(parcel: Parcel, bytes: number): void {
    const { clock, wire } = this.#ground
    const heardUs = wire.heardUs(this.#from, this.#to, clock.nowUs)
    if (heardUs === null) clock.after(GIVE_UP_US, this.#fail)
    else clock.at(heardUs, () => this.#heard(bytes))
    this.#receive(parcel)
  }

  #heard(bytes: number): void {
    this.#bufferedBytes -= bytes
    if (this.#isFull && this.#bufferedBytes < BUFFER_BYTES_MAX / 2) {
      this.#isFull = false
      this.#onRoom()
    }
    if (this.#bufferedBytes > 0) return
    for (const listener of this.#onEmpty.splice(0)) listener()
  }
}

type SocketInit = ConstructorParameters<typeof AbstractMultiaddrConnection>[0]

/** One end, as libp2p takes it. */
export class MemorySocket extends AbstractMultiaddrConnection {
  readonly #out: Way
  readonly #in: Way

  constructor(init: SocketInit, ways: { readonly out: Way; readonly in: Way }) {
    super(init)
    this.#out = ways.out
    this.#in = ways.in
    this.#out.onRoom(() => this.safeDispatchEvent('drain'))
  }

  take(parcel: Parcel): void {
    switch (parcel.type) {
      case 'open':
        return
      case 'data':
        if (this.status === 'open') this.onData(parcel.bytes)
        return
      case 'end':
        this.onTransportClosed()
        return
      case 'reset':
        if (this.status === 'open') this.onRemoteReset()
    }
  }

  override sendData(data: Parameters<AbstractMultiaddrConnection['sendData']>[0]): {
    readonly sentBytes: number
    readonly canSendMore: boolean
  } {
    const bytes = data.subarray()
    let canSendMore = true
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      canSendMore = this.#out.send({ type: 'data', bytes: bytes.subarray(at, at + PART_BYTES) })
    }
    return { sentBytes: bytes.length, canSendMore }
  }

  override sendReset(): void {
    this.#out.send({ type: 'reset' })
  }

  /** Resolves when the other end has everything and knows that it is the end. */
  override sendClose(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#out.send({ type: 'end' })
      this.#out.whenEmpty(resolve)
      options.signal?.addEventListener('abort', () => reject(options.signal?.reason))
    })
  }

  override sendPause(): void {
    this.#in.pause()
  }

  override sendResume(): void {
    this.#in.resume()
  }
}
