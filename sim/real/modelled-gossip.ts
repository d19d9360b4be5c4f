/**
 * The other fidelity's gossip on a calibration case: the same dials, latencies, bandwidths and
 * messages from the same nodes, counted the same way.
 */
import { GOSSIP_SETTINGS } from '#contracts'
import { Chance } from '../kernel/chance.ts'
import { GossipRouter } from '../network/gossip-router.ts'
import { Paths } from '../network/paths.ts'
import { KIND, VirtualTime } from '../world/virtual-time.ts'
import type { CalibrationCase, GossipFigures } from './calibrate.ts'

const US_PER_MS = 1_000
/** Nodes dial one after the other, as in the other fidelity. */
const ARRIVAL_PAUSE_US = 5_000
const BITS_PER_KBIT_BYTE = 125

export function modelledGossip(one: CalibrationCase): GossipFigures {
  const { nodes, seed, gossip, settleMs, drainMs } = one.options
  const time = new VirtualTime()
  const router = routerOf(one, time)
  time.carry({
    kind: KIND.gossip,
    digestOf: (frame) => router.digestOf(frame),
    take: (frame) => router.take(frame)
  })
  for (let node = 0; node < nodes; node++) router.join(node)
  const ways = router.state.ports.paths.ways
  for (const [node, others] of one.dials.entries()) {
    let us = node * ARRIVAL_PAUSE_US
    for (const other of others) {
      time.after(us, node, KIND.link, other, () => router.dial(node, other))
      us += DIAL_WAYS * ways.baseUs(node, other)
    }
  }
  const chance = new Chance(seed, 'messages')
  for (let index = 0; index < gossip.messages; index++) {
    // the content that the other fidelity draws first
    for (let byte = 4; byte < gossip.messageBytes; byte++) chance.word()
    const from = chance.below(nodes)
    time.after((settleMs + index * gossip.everyMs) * US_PER_MS, from, KIND.gossip, index, () =>
      router.publish(from, { digest: index, bytes: gossip.messageBytes, deliver: () => {} })
    )
  }
  const untilMs = settleMs + gossip.messages * gossip.everyMs + drainMs
  while (time.step(untilMs * US_PER_MS));
  const { delays, copies, deliveries } = router.state
  return {
    delivery_p50_ms: delays.quantileUs(500) / US_PER_MS,
    delivery_p99_ms: delays.quantileUs(990) / US_PER_MS,
    duplicates: deliveries === 0 ? 0 : (copies - deliveries) / deliveries
  }
}

/** Who dials one after the other waits for each. */
const DIAL_WAYS = 6

function routerOf({ options, latencyUs }: CalibrationCase, time: VirtualTime): GossipRouter {
  const { nodes, seed, links } = options
  const jitter = new Chance(seed, 'jitter')
  const jitterUs = Math.floor(links.jitterMs * US_PER_MS)
  const baseUs = (from: number, to: number): number => latencyUs[from]?.[to] ?? 0
  const oneWayUs = (from: number, to: number): number =>
    baseUs(from, to) + jitter.below(jitterUs + 1)
  const kbps = (bytesPerSecond: number | null): number | null =>
    bytesPerSecond === null ? null : bytesPerSecond / BITS_PER_KBIT_BYTE
  const paths = new Paths(
    { baseUs, oneWayUs },
    {
      hosts: nodes,
      lossPerMille: links.lossPerMillion / 1_000,
      upKbps: kbps(links.upBytesPerSecond),
      downKbps: kbps(links.downBytesPerSecond)
    },
    new Chance(seed, 'loss')
  )
  const own = Array.from({ length: nodes }, (_, node) => new Chance(seed, 'gossip', node))
  const shared = new Chance(seed, 'gossip')
  return new GossipRouter(nodes, GOSSIP_SETTINGS, {
    nowUs: () => time.nowUs,
    enter: (atUs, host, frame) => time.enter(atUs, host, KIND.gossip, frame),
    isLost: () => false,
    chance: (host) => own[host] ?? shared,
    paths,
    relayOf: () => -1
  })
}
