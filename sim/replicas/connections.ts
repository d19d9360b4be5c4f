/**
 * Which hosts that keep the ledger are connected, and by what. A connection that sync has given up stands
 * as it does in the product: no other link is opened on it until it breaks. Dials nobody by itself.
 */
import { assert } from '#contracts'
import type { ReplicaBook } from '../checks/replica-book.ts'
import type { Paths } from '../network/paths.ts'
import type { LedgerHost } from './ledger-host.ts'
import type { LedgerProcess } from './ledger-process.ts'
import type { ReplicaTime } from './ports.ts'
import { Wire } from './wire.ts'

/** Two that are connected are looked at so often. */
const COMPARE_US = 5_000_000

export interface ConnectionsPorts {
  readonly time: ReplicaTime
  readonly paths: Paths
  readonly isLost: (from: number, to: number) => boolean
  readonly hostOf: (number: number) => LedgerHost | undefined
  /** Something is handed to a process. */
  readonly busy: () => void
  /** Told of who is connected; null: nobody asks. */
  readonly book: ReplicaBook | null
}

export class Connections {
  readonly #ports: ConnectionsPorts
  readonly #wires = new Map<string, Wire>()

  constructor(ports: ConnectionsPorts) {
    this.#ports = ports
  }

  has(one: number, other: number): boolean {
    return this.#wires.has(pairOf(one, other))
  }

  /** Where both are there, and each hears the other. */
  open(one: number, other: number): void {
    const { time, paths, isLost, hostOf, busy, book } = this.#ports
    const key = pairOf(one, other)
    const mine = hostOf(one)?.processFor(other)
    const theirs = hostOf(other)?.processFor(one)
    const isApart = isLost(one, other) || isLost(other, one)
    if (mine === undefined || theirs === undefined || isApart || this.#wires.has(key)) return
    const [first, second] = [mine, theirs].map(sideOf)
    assert(first !== undefined && second !== undefined, 'a connection has two sides')
    const broken = (): void => {
      if (this.#wires.get(key) === wire) this.#wires.delete(key)
    }
    const wire = new Wire([first, second], { time, paths, isLost, busy, broken })
    this.#wires.set(key, wire)
    mine.attach(wire.ends[0])
    theirs.attach(wire.ends[1])
    busy()
    if (book !== null) this.#compareLater(wire, [mine, theirs], book)
  }

  break(one: number, other: number): void {
    const key = pairOf(one, other)
    const wire = this.#wires.get(key)
    this.#wires.delete(key)
    wire?.break()
    this.#ports.busy()
  }

  /** The process of that host is gone, and all its connections with it. */
  left(host: number): void {
    for (const [key, wire] of this.#wires) {
      if (!wire.joins(host)) continue
      this.#wires.delete(key)
      wire.left(host)
    }
  }

  #compareLater(
    wire: Wire,
    sides: readonly [LedgerProcess, LedgerProcess],
    book: ReplicaBook
  ): void {
    const { time } = this.#ports
    time.after(COMPARE_US, sides[0].host, 'timer', 4, () => {
      if (!wire.isOpen) return
      book.linked(...sides, Math.floor(wire.sinceUs / 1_000))
      this.#compareLater(wire, sides, book)
    })
  }
}

const sideOf = (process: LedgerProcess) => ({
  host: process.host,
  peer: process.identity.signer.peerId,
  isAlive: () => process.isAlive
})

const pairOf = (one: number, other: number): string =>
  one < other ? `${one} ${other}` : `${other} ${one}`
