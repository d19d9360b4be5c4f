/** Finding peers through relays: who is dialled, how often, and what a relay that lies can cost. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import {
  encodeCanonical,
  encodePeers,
  MeshError,
  openPeers,
  PEERS_BYTES_MAX,
  PEERS_FOUND_MAX,
  PEERS_TOLD_MAX,
  type PeerId,
  parsePeerId
} from '#contracts'
import { nodeSigner } from '#mesh-node'
import { PeerFinder } from '../../mesh-node/net/peer-finder.ts'
import { seed, withCode } from '../support/mesh-fixtures.ts'

const peer = (fill: number): PeerId => nodeSigner(seed(fill)).peerId
const SELF = peer(1)
const RELAY = peer(2)
const ADDRESS = `/ip4/127.0.0.1/tcp/4001/ws/p2p/${RELAY}`
const tabs = (count: number): readonly PeerId[] =>
  Array.from({ length: count }, (_, index) => peer(10 + index))

/** A host with a relay that names these, on a clock of its own. */
class Bench {
  readonly connected = new Set<PeerId>([RELAY])
  readonly dialled: string[] = []
  readonly answers = new Set<PeerId>()
  named: readonly PeerId[] = []
  asked = 0
  nowMs = 0
  #timer: { atMs: number; fire: () => void } | null = null
  readonly finder = new PeerFinder({
    self: SELF,
    relays: () => new Map([[RELAY, ADDRESS]]),
    ask: async () => {
      this.asked += 1
      return this.named
    },
    dial: async (address) => {
      this.dialled.push(address)
      const found = parsePeerId(/[^/]+$/.exec(address)?.[0] ?? '')
      if (!this.answers.has(found)) throw new MeshError('net.unreachable', { address })
      this.connected.add(found)
      return found
    },
    connected: () => [...this.connected],
    nowMs: () => this.nowMs,
    setTimer: (ms, fire) => {
      const timer = { atMs: this.nowMs + ms, fire }
      this.#timer = timer
      return () => {
        if (this.#timer === timer) this.#timer = null
      }
    },
    chance: () => 0
  })

  /** Lets so much time go by, look after look. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms
    for (let timer = this.#timer; timer !== null && timer.atMs <= endMs; timer = this.#timer) {
      this.#timer = null
      this.nowMs = timer.atMs
      timer.fire()
      await new Promise(setImmediate)
    }
    this.nowMs = endMs
  }

  /** Of those who were dialled. */
  get names(): readonly string[] {
    return this.dialled.map((address) => address.slice(address.lastIndexOf('/') + 1))
  }
}

describe('a host that finds peers by itself', () => {
  it('asks a relay as it comes, and dials by its own connection to it', async () => {
    const bench = new Bench()
    const [one = SELF] = tabs(1)
    bench.named = [one]
    bench.answers.add(one)
    bench.finder.onPeer('connected', RELAY)
    await bench.pass(0)
    deepEqual(bench.dialled, [`${ADDRESS}/p2p-circuit/webrtc/p2p/${one}`])
    ok(bench.connected.has(one))
  })

  it('stays at a few, whoever else is named, and never dials itself or whom it has', async () => {
    const bench = new Bench()
    bench.named = [SELF, RELAY, ...tabs(12)]
    for (const one of tabs(12)) bench.answers.add(one)
    bench.finder.onPeer('connected', RELAY)
    await bench.pass(600_000)
    equal(bench.dialled.length, PEERS_FOUND_MAX)
    equal(new Set(bench.names).size, PEERS_FOUND_MAX)
    const [gone = SELF] = [...bench.connected].filter((one) => one !== RELAY)
    bench.connected.delete(gone)
    bench.finder.onPeer('disconnected', gone)
    await bench.pass(10_000)
    equal(bench.dialled.length, PEERS_FOUND_MAX + 1)
  })

  it('leaves one that does not answer alone for longer and longer', async () => {
    const bench = new Bench()
    bench.named = tabs(1)
    bench.finder.onPeer('connected', RELAY)
    const counts: number[] = []
    for (let minute = 0; minute < 60; minute++) {
      await bench.pass(60_000)
      counts.push(bench.dialled.length)
    }
    ok((counts[0] ?? 0) >= 2)
    ok((counts[59] ?? 0) <= 14, `${counts}`)
    ok(bench.asked <= 70, `${bench.asked} questions in an hour`)
  })

  it('asks no more often because strangers come and go', async () => {
    const bench = new Bench()
    bench.finder.onPeer('connected', RELAY)
    await bench.pass(0)
    for (let second = 0; second < 60; second++) {
      for (const one of tabs(20)) bench.finder.onPeer('connected', one)
      for (const one of tabs(20)) bench.finder.onPeer('disconnected', one)
      await bench.pass(1_000)
    }
    ok(bench.asked <= 31, `${bench.asked} questions in a minute`)
  })

  it('looks no more once it is stopped', async () => {
    const bench = new Bench()
    bench.finder.onPeer('connected', RELAY)
    await bench.pass(0)
    const { asked } = bench
    bench.finder.stop()
    bench.finder.onPeer('connected', RELAY)
    await bench.pass(600_000)
    equal(bench.asked, asked)
  })
})

describe('names of peers on the wire', () => {
  it('come back as they were sent', () => {
    for (const count of [0, 1, PEERS_TOLD_MAX]) {
      deepEqual(openPeers(encodePeers(tabs(count))), tabs(count))
    }
  })

  it('are refused where they are too many, no names, or longer than any answer', () => {
    const named = (peers: readonly string[]) => encodeCanonical({ v: 1, t: 'peers', peers })
    for (const raw of [named(tabs(PEERS_TOLD_MAX + 1)), named(['nobody']), encodeCanonical({})]) {
      throws(() => openPeers(raw), withCode('net.peers_malformed'))
    }
    throws(() => openPeers(new Uint8Array(PEERS_BYTES_MAX + 1)), withCode('contracts.too_large'))
  })
})
