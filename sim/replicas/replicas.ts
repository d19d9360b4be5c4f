/**
 * Who keeps the ledger in a simulated mesh: the control node, and some of the nodes, each with the
 * product's ledger and sync. Begins and ends them as the mesh does its hosts, carries their gossip,
 * and lets one of them fork. At the end all that can be reached must hold the same.
 */
import { type Attestation, type LogId, PEERS_FOUND_MAX, type PeerId } from '#contracts'
import type { SyncTopic } from '#ledger'
import type { Broken } from '../checks/book.ts'
import { ReplicaBook, type ReplicaFigures, TOLD_MS } from '../checks/replica-book.ts'
import { Chance } from '../kernel/chance.ts'
import type { SealedResults } from '../kernel/signing.ts'
import type { Paths } from '../network/paths.ts'
import type { SimulatedClock } from '../nodes/clock.ts'
import { Connections } from './connections.ts'
import type { ReplicaKeys } from './keys.ts'
import { LedgerHost } from './ledger-host.ts'
import type { LedgerProcess } from './ledger-process.ts'
import { drawLies } from './lies.ts'
import type { ReplicaTime, WrittenLog } from './ports.ts'
import { slanders } from './slander.ts'
import { turn } from './turn-driver.ts'

/** Ways there and back until a connection stands. */
const DIAL_WAYS = 3
/** Whoever has too few others to sync with looks for more. */
const LOOK_US = 10_000_000
/** Who forks speaks ill of others so long after. */
const SLANDER_US = 5_000_000
/** After the last fault: links stand within 30 s, digests are compared every 30 s, requests take 15. */
const FOLLOW_US = 180_000_000

export interface ReplicasPorts {
  readonly keys: ReplicaKeys
  readonly seed: number
  readonly time: ReplicaTime
  readonly paths: Paths
  /** The control node's host number, behind all nodes. */
  readonly hub: number
  readonly sequencer: WrittenLog
  readonly clockOf: (host: number) => SimulatedClock
  readonly nameOf: (host: number) => PeerId
  readonly isLost: (from: number, to: number) => boolean
  /** Gossips to every host that is there. */
  readonly publish: (host: number, bytes: number, deliver: (host: number) => void) => void
  readonly broken: Broken
}

type Verdicts = Parameters<LedgerHost['judged']>[1]

export class Replicas {
  readonly #ports: ReplicasPorts
  readonly #book: ReplicaBook
  readonly #hosts = new Map<number, LedgerHost>()
  readonly #connections: Connections
  readonly #chance: Chance
  #isBusy = false
  #settling: Promise<void> | null = null
  #linkedToHub = new Set<number>()

  constructor(ports: ReplicasPorts) {
    this.#ports = ports
    const { seed, sequencer, time, broken, hub, keys } = ports
    this.#chance = new Chance(seed, 'replicas')
    const { genesis, keys: verifier } = sequencer
    const mesh = genesis.id
    this.#book = new ReplicaBook({
      mesh,
      verifier,
      broken,
      nowMs: () => Math.floor(time.nowUs / 1_000)
    })
    this.#connections = new Connections({
      time,
      paths: ports.paths,
      isLost: ports.isLost,
      hostOf: (number) => this.#hosts.get(number),
      busy: () => {
        this.#isBusy = true
      },
      // without a fork all hold one log, and there is nothing to compare
      book: keys.fork === null ? null : this.#book
    })
    for (const host of drawn(hub, keys.nodes, this.#chance)) {
      this.#hosts.set(host, this.#host(host, ports.nameOf(host)))
    }
    this.#hosts.set(hub, this.#host(hub, sequencer.gateway))
    sequencer.onAppend = (contents) => {
      this.#hosts.get(hub)?.append(contents)
      this.#isBusy = true
    }
    this.joined(hub)
    const { fork } = keys
    if (fork === null) return
    time.after(fork.at_ms * 1_000, hub, 'fault', 1, () => this.#fork(fork))
  }

  get figures(): ReplicaFigures {
    return { replicas: this.#hosts.size - 1, ...this.#book.figures }
  }

  /** Set while something of the ledgers goes on that takes no time: the next event waits for it. */
  get settling(): Promise<void> | null {
    if (this.#settling === null && this.#isBusy) {
      this.#isBusy = false
      this.#settling = turn().then(() => {
        this.#settling = null
        this.#book.throwFailure()
      })
    }
    return this.#settling
  }

  /** The log that a node writes; null: it keeps none. */
  logOf(host: number, name: PeerId): LogId | null {
    const found = this.#hosts.get(host)
    found?.named(name)
    return found?.log ?? null
  }

  /** The process of that host is there. */
  joined(host: number): void {
    const found = this.#hosts.get(host)
    if (found === undefined || found.isUp) return
    this.#run(found.begin())
    this.#lookLater(found)
  }

  left(host: number): void {
    const found = this.#hosts.get(host)
    if (found === undefined || !found.isUp) return
    found.stop()
    this.#linkedToHub.delete(host)
    this.#connections.left(host)
  }

  /** Its link to the control node stands. */
  linked(host: number): void {
    if (!this.#hosts.has(host)) return
    this.#linkedToHub.add(host)
    this.#connections.open(host, this.#ports.hub)
  }

  unlinked(host: number): void {
    this.#linkedToHub.delete(host)
    this.#connections.break(host, this.#ports.hub)
  }

  sealed(host: number, attestations: readonly Attestation[], sealed: SealedResults): void {
    this.#hosts.get(host)?.sealed(attestations, sealed)
  }

  judged(host: number, verdicts: Verdicts): void {
    this.#hosts.get(host)?.judged(this.#ports.sequencer.gateway, verdicts)
    this.#isBusy = true
  }

  /** `pass` lets the mesh go on until then; all who can must come to hold the same. */
  async follow(pass: (untilUs: number) => Promise<void>, healedMs: number): Promise<void> {
    const { time, keys, broken } = this.#ports
    let lacking: LedgerProcess | undefined
    const toldUs = keys.fork === null ? 0 : (keys.fork.at_ms + 2 * TOLD_MS) * 1_000
    const fromUs = Math.max(time.nowUs, healedMs * 1_000, toldUs)
    await pass(fromUs)
    let behind: LedgerHost | undefined
    for (let atUs = fromUs; atUs <= fromUs + FOLLOW_US; atUs += LOOK_US) {
      behind = this.#reachable().find((host) => !this.#follows(host))
      lacking = this.#book.lacking(this.#reachable().flatMap(({ processes }) => processes))
      if (behind === undefined && lacking === undefined) return this.#beginAgain()
      await pass(atUs + LOOK_US)
    }
    if (behind !== undefined) broken('replicas_follow', `${behind.peer} does not`)
    if (lacking !== undefined) broken('fork_spread', `${lacking.name} lacks what others know`)
  }

  /** Nothing goes on after it: the book looks at what of the forks each finds on its disk. */
  async #beginAgain(): Promise<void> {
    if (this.#ports.keys.fork === null) return
    for (const host of this.#reachable()) {
      host.stop()
      await host.begin()
    }
    this.#book.throwFailure()
  }

  /** A control node that writes two logs has two faces: each that it shows to anybody is followed by all. */
  #follows(host: LedgerHost): boolean {
    const [mine] = host.processes
    const hub = this.#hosts.get(this.#ports.hub)
    const shown = new Set(this.#reachable().map(({ number }) => hub?.processFor(number)))
    return [...shown].every(
      (face) => mine === undefined || face === undefined || this.#book.follows(mine, face)
    )
  }

  /** Those who have a link to the control node; who has forked holds what it likes. */
  #reachable(): readonly LedgerHost[] {
    return [...this.#hosts.values()].filter(
      ({ number, isForked }) => this.#linkedToHub.has(number) && !isForked
    )
  }

  #host(number: number, peer: PeerId): LedgerHost {
    const { seed, sequencer, keys, hub, clockOf } = this.#ports
    const isHub = number === hub
    const writeUs = keys.write_ms * 1_000
    return new LedgerHost(peer, {
      number,
      genesis: sequencer.genesis,
      keys: sequencer.keys,
      incarnation: isHub ? sequencer.incarnation : null,
      book: this.#book,
      disk: {
        // what the control node's own disk does is the affair of `crashes`
        kind: isHub ? 'keeps' : keys.disk,
        chance: new Chance(seed, 'replica disk', number),
        after: (written) => this.#later(number, isHub ? 0 : writeUs, 'disk', written)
      },
      nowMs: () => clockOf(number).nowMs,
      after: (atMs, act) => this.#later(number, clockOf(number).untilUs(atMs), 'timer', act),
      publish: (host, topic, bytes) => {
        // who forks shows its second log over links alone, and says nothing to all
        if (!host.isForked) this.#publish(host, topic, bytes)
      }
    })
  }

  #later(host: number, us: number, kind: 'disk' | 'timer', act: () => void) {
    this.#ports.time.after(us, host, kind, 2, () => {
      this.#isBusy = true
      act()
    })
  }

  #run(work: Promise<void>): void {
    this.#isBusy = true
    work.catch((error: unknown) => this.#book.failed(error))
  }

  #publish(host: LedgerHost, topic: SyncTopic, raw: Uint8Array): void {
    this.#ports.publish(host.number, raw.length, (at) => {
      if (at === host.number) return
      this.#hosts.get(at)?.processes[0]?.deliver(topic, raw, host.peer)
      this.#isBusy = true
    })
  }

  /** As a host finds others to connect with; it dials those that it has no connection to. */
  #lookLater(host: LedgerHost): void {
    const { time, paths, hub } = this.#ports
    const [process] = host.processes
    if (host.number === hub) return
    const others = [...this.#hosts.values()].filter(
      ({ number, isUp }) => isUp && number !== hub && number !== host.number
    )
    const known = others.filter(({ number }) => this.#connections.has(number, host.number))
    const strange = others.filter((other) => !known.includes(other))
    for (let more = PEERS_FOUND_MAX - known.length; more > 0 && strange.length > 0; more--) {
      const [other] = strange.splice(this.#chance.below(strange.length), 1)
      if (other === undefined) break
      const us = DIAL_WAYS * paths.ways.oneWayUs(host.number, other.number)
      time.after(us, host.number, 'link', 3, () => {
        if (process === host.processes[0]) this.#connections.open(host.number, other.number)
      })
    }
    time.after(LOOK_US, host.number, 'timer', 3, () => {
      if (process === host.processes[0] && host.isUp) this.#lookLater(host)
    })
  }

  #fork(fork: NonNullable<ReplicaKeys['fork']>): void {
    const { time, hub, seed } = this.#ports
    const chance = new Chance(seed, 'fork')
    const replicas = [...this.#hosts.keys()].filter((host) => host !== hub)
    const host = this.#hosts.get(
      fork.who === 'sequencer' ? hub : (replicas[chance.below(replicas.length)] ?? hub)
    )
    if (host === undefined) return
    if (!host.isUp) {
      time.after(1_000_000, hub, 'fault', 1, () => this.#fork(fork))
      return
    }
    const others = replicas.filter((one) => one !== host.number)
    const victims = shown(others, fork.share_per_mille, chance)
    const lies = drawLies(host.peer, fork.who, chance)
    this.#run(host.fork(new Set(victims), lies))
    time.after(SLANDER_US, host.number, 'fault', 2, () => this.#run(this.#slander(host)))
    for (const victim of victims) {
      this.#connections.break(host.number, victim)
      time.after(1_000_000, victim, 'link', 3, () => this.#connections.open(host.number, victim))
    }
  }

  async #slander(host: LedgerHost): Promise<void> {
    const ledger = host.processes[0]?.ledger
    if (ledger === undefined || ledger === null) return
    for (const raw of await slanders(ledger, host.log)) this.#publish(host, 'fork', raw)
  }
}

/** Those who are shown the second log: one at least, or there would be no fork to find. */
function shown(others: readonly number[], perMille: number, chance: Chance): readonly number[] {
  const some = others.filter(() => chance.below(1_000) < perMille)
  if (some.length > 0 || others.length === 0) return some
  const at = chance.below(others.length)
  return others.slice(at, at + 1)
}

/** Of so many hosts some, in the order of their numbers. */
function drawn(hosts: number, count: number, chance: Chance): readonly number[] {
  const left = Array.from({ length: hosts }, (_, host) => host)
  const some = Array.from({ length: Math.min(count, hosts) }, () => {
    return left.splice(chance.below(left.length), 1)[0] ?? 0
  })
  return some.sort((a, b) => a - b)
}
