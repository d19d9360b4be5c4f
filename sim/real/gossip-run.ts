/**
 * Gossip alone over the real stack: nodes that dial each other, messages from nodes that the seed
 * draws, and when and how often each arrives. Nobody works here.
 */
import { concatBytes, parseMeshId, sha256 } from '#contracts'
import type { RealGossipFigures } from './report.ts'
import { SeededChance } from './seeded-chance.ts'
import { dialOthers, msToUs, type World } from './world.ts'

const US_PER_MS = 1_000
/** Of a message's id in the trace: no two messages of a run share so much. */
const ID_BYTES = 8

/** The mesh that nodes of gossip alone are of. */
export const GOSSIP_MESH = parseMeshId('5a'.repeat(32))

/** Delivery times of messages, as the nodes' handlers were called. */
export class GossipWatch {
  readonly #world: World
  readonly #publishedUs = new Map<string, number>()
  readonly #delaysUs: number[] = []
  readonly #copiesBefore: number

  constructor(world: World) {
    this.#world = world
    this.#copiesBefore = world.copies()
  }

  listen(): void {
    const { clock, trace, networks } = this.#world
    for (const [node, network] of networks.entries()) {
      network.subscribe('work', {
        validate: () => 'accept',
        deliver: (bytes) => {
          const digest = sha256(bytes).subarray(0, ID_BYTES)
          trace.add({ kind: 'delivered', atUs: clock.nowUs, node, other: 0, bytes: 0, digest })
          const sentUs = this.#publishedUs.get(nameOf(bytes))
          if (sentUs !== undefined) this.#delaysUs.push(clock.nowUs - sentUs)
        }
      })
    }
  }

  publish(node: number, bytes: Uint8Array): void {
    const { clock, networks } = this.#world
    this.#publishedUs.set(nameOf(bytes), clock.nowUs)
    void networks[node]?.publish('work', bytes)
  }

  figures(): RealGossipFigures {
    const { copies, options } = this.#world
    const delays = Float64Array.from(this.#delaysUs).sort()
    const published = this.#publishedUs.size
    const delivered = delays.length
    const further = copies() - this.#copiesBefore - delivered
    return {
      published,
      delivered,
      missed: published * (options.nodes - 1) - delivered,
      delivery_p50_ms: quantile(delays, 0.5) / US_PER_MS,
      delivery_p99_ms: quantile(delays, 0.99) / US_PER_MS,
      duplicates: delivered === 0 ? 0 : further / delivered
    }
  }
}

/** Dials, lets meshes form, sends the messages and waits for the last of them. */
export async function runGossip(world: World): Promise<GossipWatch> {
  const { options, clock } = world
  const { messages, messageBytes, everyMs } = options.gossip
  const watch = new GossipWatch(world)
  watch.listen()
  dialOthers(world)
  await clock.pass(msToUs(options.settleMs))
  const chance = new SeededChance(options.seed, 'messages')
  for (let index = 0; index < messages && !clock.isStopped; index++) {
    watch.publish(chance.below(options.nodes), messageOf(index, messageBytes, chance))
    await clock.pass(msToUs(everyMs))
  }
  await clock.pass(msToUs(options.drainMs))
  return watch
}

/** The first bytes tell messages apart; the rest does not compress. */
function messageOf(index: number, bytes: number, chance: SeededChance): Uint8Array {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, index)
  return concatBytes(
    head,
    Uint8Array.from({ length: bytes - 4 }, () => chance.word())
  )
}

const nameOf = (bytes: Uint8Array): string =>
  `${new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)}`

/** The smallest value that at least this share does not exceed. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
