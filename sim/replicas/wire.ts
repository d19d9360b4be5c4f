/**
 * A connection between two hosts that keep the ledger: frames take as long as they do on the path and
 * keep their order. What a cut does not let through is held and tried again, and breaks the connection
 * after a minute. Carries bytes, and reads none of them.
 */
import type { MeshError, PeerId } from '#contracts'
import type { SyncLink } from '#ledger'
import type { Paths } from '../network/paths.ts'
import type { ReplicaTime } from './ports.ts'

/** Around a frame on the wire. */
const HEADER_BYTES = 60
const HELD_LOOK_US = 1_000_000
const GIVE_UP_US = 60_000_000
/** More than this under way, and a sender is asked to wait. */
const FULL_BYTES = 1024 * 1024

export interface WirePorts {
  readonly time: ReplicaTime
  readonly paths: Paths
  readonly isLost: (from: number, to: number) => boolean
  /** Something is handed to a process: what it makes of that takes no time. */
  readonly busy: () => void
  /** Gone for both; one that an end closed still stands below it. */
  readonly broken: () => void
}

/** One side: its host, its name, and whether the process that began it is still there. */
export interface WireSide {
  readonly host: number
  readonly peer: PeerId
  readonly isAlive: () => boolean
}

type Way = 0 | 1
const other = (way: Way): Way => (way === 0 ? 1 : 0)

export class Wire {
  readonly sides: readonly [WireSide, WireSide]
  readonly ends: readonly [SyncLink, SyncLink]
  /** When it was made, in microseconds of the run. */
  readonly sinceUs: number
  isOpen = true
  readonly #ports: WirePorts
  readonly #ways: readonly [WayState, WayState]

  constructor(sides: readonly [WireSide, WireSide], ports: WirePorts) {
    this.sides = sides
    this.#ports = ports
    this.sinceUs = ports.time.nowUs
    this.#ways = [new WayState(), new WayState()]
    this.ends = [this.#end(0), this.#end(1)]
  }

  joins(host: number): boolean {
    return this.sides.some((side) => side.host === host)
  }

  /** Gone for both, as they both see at once. */
  break(): void {
    this.#close(null)
  }

  /** The process at that host is gone, and the other side hears of it. */
  left(host: number): void {
    this.#close(this.sides[0].host === host ? 0 : 1)
  }

  #end(way: Way): SyncLink {
    const mine = this.#ways[other(way)]
    return {
      peer: this.sides[other(way)].peer,
      send: (frame) => this.#send(way, frame),
      drained: () => this.#drained(way),
      onFrame: (listener) => {
        mine.listener = listener
      },
      onClose: (listener) => {
        mine.closed = listener
      },
      close: async () => this.#close(way)
    }
  }

  #send(way: Way, frame: Uint8Array): boolean {
    if (!this.isOpen) return true
    const { time, paths } = this.#ports
    const { host: from } = this.sides[way]
    const { host: to } = this.sides[other(way)]
    const state = this.#ways[way]
    const bytes = frame.length + HEADER_BYTES
    const sentUs = paths.sentUs(from, bytes, time.nowUs)
    const us = paths.arrivalUs({ from, to, relay: -1 }, bytes, sentUs)
    state.arrivesUs = Math.max(us, state.arrivesUs)
    state.bytes += frame.length
    time.after(state.arrivesUs - time.nowUs, to, 'sync', frame.length, () => {
      this.#arrived(way, frame)
    })
    return state.bytes < FULL_BYTES
  }

  #drained(way: Way): Promise<void> {
    const state = this.#ways[way]
    if (!this.isOpen || state.bytes < FULL_BYTES) return Promise.resolve()
    return new Promise((resolve) => state.waiting.push(resolve))
  }

  #arrived(way: Way, frame: Uint8Array): void {
    if (!this.isOpen) return
    const state = this.#ways[way]
    if (state.held.length === 0 && !this.#isLost(way)) {
      this.#take(way, frame)
      return
    }
    state.held.push(frame)
    if (state.held.length > 1) return
    state.heldUs = this.#ports.time.nowUs
    this.#lookLater(way)
  }

  #lookLater(way: Way): void {
    const { time } = this.#ports
    time.after(HELD_LOOK_US, this.sides[way].host, 'sync', 0, () => {
      if (!this.isOpen) return
      const state = this.#ways[way]
      if (!this.#isLost(way)) {
        for (const frame of state.held.splice(0)) this.#take(way, frame)
      } else if (time.nowUs - state.heldUs > GIVE_UP_US) this.break()
      else this.#lookLater(way)
    })
  }

  #isLost(way: Way): boolean {
    return this.#ports.isLost(this.sides[way].host, this.sides[other(way)].host)
  }

  #take(way: Way, frame: Uint8Array): void {
    if (!this.isOpen) return
    const state = this.#ways[way]
    state.bytes -= frame.length
    this.#ports.busy()
    if (state.bytes < FULL_BYTES) for (const resolve of state.waiting.splice(0)) resolve()
    if (this.sides[other(way)].isAlive()) state.listener(frame)
  }

  /** `by`: the side that knows already; the other hears of it when word is there. */
  #close(by: Way | null): void {
    if (!this.isOpen) return
    this.isOpen = false
    const { time, paths, broken, busy } = this.#ports
    if (by === null) broken()
    for (const way of [0, 1] as const) {
      const { host } = this.sides[way]
      const tell = (): void => {
        busy()
        if (this.sides[way].isAlive()) this.#ways[other(way)].closed(null)
      }
      if (by === null || by === way) tell()
      else {
        const us = paths.ways.oneWayUs(this.sides[by].host, host)
        time.after(us, host, 'sync', 1, tell)
      }
      for (const resolve of this.#ways[way].waiting.splice(0)) resolve()
    }
  }
}

/** What goes one way; its listener is at the other end. */
class WayState {
  arrivesUs = 0
  /** Under way, and held. */
  bytes = 0
  readonly held: Uint8Array[] = []
  heldUs = 0
  readonly waiting: (() => void)[] = []
  listener: (frame: Uint8Array) => void = () => {}
  closed: (fault: MeshError | null) => void = () => {}
}
