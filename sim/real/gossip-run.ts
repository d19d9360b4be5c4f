/**
 * Gossip alone over the real stack: nodes that dial each other, messages from nodes that the seed
 * draws, and when and how often each arrives. Nobody works here.
 */
import { bytesToHex, concatBytes, parseMeshId, sha256 } from '#contracts'
import type { MeshNetwork, Topic, TopicHandler } from '#mesh-node/portable'
import { Chance } from '../kernel/chance.ts'
import type { RealGossipFigures } from './report.ts'
import { dialOthers, msToUs, type World } from './world.ts'

const US_PER_MS = 1_000
/** Of a message's id in the trace: no two messages of a run share so much. */
const ID_BYTES = 8

/** The mesh that nodes of gossip alone are of. */
export const GOSSIP_MESH = parseMeshId('5a'.repeat(32))

/** What nodes gossip, when each message arrives, and how often. */
export class GossipWatch {
  readonly #world: World
  readonly #sentUs = new Map<string, number>()
  readonly #delaysUs: number[] = []
  /** Who listens to each topic, by number. */
  readonly #listening = new Map<Topic, Set<number>>()
  #expected = 0
  #delivered = 0

  constructor(world: World) {
    this.#world = world
  }

  /** The network of a node, told of here: nothing else of it is changed. */
  watched(node: number): MeshNetwork {
    const network = this.#world.networks[node]
    if (network === undefined) throw new Error(`there is no node ${node}`)
    return new Proxy(network, {
      get: (target, name) => {
        if (name === 'publish') {
          return (topic: Topic, bytes: Uint8Array) => {
            this.#sent(node, topic, bytes)
            return target.publish(topic, bytes)
          }
        }
        if (name === 'subscribe') {
          return (topic: Topic, handler: TopicHandler) =>
            target.subscribe(topic, this.#told(node, topic, handler))
        }
        const part: unknown = Reflect.get(target, name)
        return typeof part === 'function' ? part.bind(target) : part
      }
    })
  }

  figures(): RealGossipFigures {
    const delays = Float64Array.from(this.#delaysUs).sort()
    const further = this.#world.copies() - this.#delivered
    return {
      published: this.#sentUs.size,
      delivered: this.#delivered,
      missed: this.#expected - delays.length,
      delivery_p50_ms: quantile(delays, 0.5) / US_PER_MS,
      delivery_p99_ms: quantile(delays, 0.99) / US_PER_MS,
      duplicates: this.#delivered === 0 ? 0 : further / this.#delivered
    }
  }

  #sent(node: number, topic: Topic, bytes: Uint8Array): void {
    const name = bytesToHex(idOf(bytes))
    if (this.#sentUs.has(name)) return
    this.#sentUs.set(name, this.#world.clock.nowUs)
    const listening = this.#listening.get(topic) ?? new Set()
    this.#expected += listening.size - (listening.has(node) ? 1 : 0)
  }

  #told(node: number, topic: Topic, handler: TopicHandler): TopicHandler {
    const { clock, trace } = this.#world
    this.#listening.set(topic, (this.#listening.get(topic) ?? new Set()).add(node))
    return {
      validate: (bytes, from) => handler.validate(bytes, from),
      deliver: (bytes, from) => {
        const digest = idOf(bytes)
        trace.add({ kind: 'delivered', atUs: clock.nowUs, node, other: 0, bytes: 0, digest })
        const sentUs = this.#sentUs.get(bytesToHex(digest))
        this.#delivered += 1
        if (sentUs !== undefined) this.#delaysUs.push(clock.nowUs - sentUs)
        handler.deliver(bytes, from)
      }
    }
  }
}

/** Dials, lets meshes form, sends the messages and waits for the last of them. */
export async function runGossip(world: World, watch: GossipWatch): Promise<void> {
  const { options, clock } = world
  const { messages, messageBytes, everyMs } = options.gossip
  const networks = world.networks.map((_, node) => watch.watched(node))
  for (const network of networks) {
    network.subscribe('work', { validate: () => 'accept', deliver: () => {} })
  }
  dialOthers(world)
  await clock.pass(msToUs(options.settleMs))
  const chance = new Chance(options.seed, 'messages')
  for (let index = 0; index < messages && !clock.isStopped; index++) {
    const message = messageOf(index, messageBytes, chance)
    const publishing = networks[chance.below(options.nodes)]?.publish('work', message)
    await Promise.all([publishing, clock.pass(msToUs(everyMs))])
  }
  await clock.pass(msToUs(options.drainMs))
}

/** The first bytes tell messages apart; the rest does not compress. */
function messageOf(index: number, bytes: number, chance: Chance): Uint8Array {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, index)
  return concatBytes(
    head,
    Uint8Array.from({ length: bytes - 4 }, () => chance.word())
  )
}

const idOf = (bytes: Uint8Array): Uint8Array => sha256(bytes).subarray(0, ID_BYTES)

/** The smallest value that at least this share does not exceed. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
