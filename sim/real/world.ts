/**
 * Hosts of the product on one virtual network: each opened by `openNetwork` as a node's is, with a
 * key from the seed, and dialled as the options say. Counts copies of gossip as gossipsub sees them
 * before it drops those it knows; changes nothing of it.
 */
import { MeshError, type MeshId, type PeerId } from '#contracts'
import { type MeshNetwork, type NetworkParts, openNetwork } from '#mesh-node/portable'
import { dialsOf } from './dials.ts'
import { addressOf, MemoryNet } from './memory-transport.ts'
import type { RealOptions } from './options.ts'
import { seededBytes } from './seeded-bytes.ts'
import { Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { Wire } from './wire.ts'

const US_PER_MS = 1_000
/** Nodes come one after the other, as they do. */
const ARRIVAL_PAUSE_US = 5_000
/** A host that is not there by then never will be. */
const OPEN_LIMIT_US = 600_000_000

export interface World {
  readonly options: RealOptions
  readonly clock: VirtualClock
  readonly trace: Trace
  /** By number of the node. */
  readonly networks: readonly MeshNetwork[]
  readonly numbers: ReadonlyMap<PeerId, number>
  /** Copies of gossip messages that came in, known ones too. */
  copies(): number
  /** Connections between nodes, each counted once. */
  connections(): number
}

export const keyOf = ({ seed }: Pick<RealOptions, 'seed'>, node: number): Uint8Array =>
  seededBytes(seed, `key ${node}`)

/** Opens all hosts; `clock.settled` carries it. Node 0 is everybody's way in where `isStar`. */
export async function openWorld(
  options: RealOptions,
  { clock, mesh, isStar }: { clock: VirtualClock; mesh: MeshId; isStar: boolean }
): Promise<World> {
  const trace = new Trace()
  const wire = new Wire(clock, options)
  const net = new MemoryNet({ clock, wire, trace }, options.nodes)
  let copies = 0
  const counting = countCopies(() => {
    copies += 1
  })
  const networks: MeshNetwork[] = []
  const numbers = new Map<PeerId, number>()
  for (let node = 0; node < options.nodes; node++) {
    const bootstrap = isStar && node > 0 ? [`${addressOf(0)}/p2p/${networks[0]?.peerId}`] : []
    const network = await clock.settled(
      openNetwork(
        { seed: keyOf(options, node), mesh, listen: [addressOf(node)], bootstrap },
        { transports: [net.transport(node)], services: { counting } }
      ),
      clock.nowUs + OPEN_LIMIT_US,
      `host ${node} opens`
    )
    networks.push(network)
    numbers.set(network.peerId, node)
  }
  return {
    options,
    clock,
    trace,
    networks,
    numbers,
    copies: () => copies,
    connections: () => networks.reduce((sum, one) => sum + one.connections().length, 0) / 2
  }
}

/** Each node dials its others, one after the other; an unreachable one costs it nothing but that. */
export function dialOthers({ options, clock, networks }: World): void {
  const drawn = dialsOf(options)
  for (const [node, network] of networks.entries()) {
    const dial = async (): Promise<void> => {
      for (const other of drawn[node] ?? []) {
        try {
          await network.dial(addressOf(other))
        } catch (error) {
          // cut off or full: the mesh is what it is without this link
          if (!(error instanceof MeshError)) throw error
        }
      }
    }
    // a fault of ours is nobody's to wait for: it ends the run
    clock.after(node * ARRIVAL_PAUSE_US, () => void dial())
  }
}

export const msToUs = (ms: number): number => Math.round(ms * US_PER_MS)

type Service = NonNullable<NetworkParts['services']>[string]

/** A service beside gossipsub that sees each copy of a message come in. */
const countCopies =
  (count: () => void): Service =>
  (components) => ({
    start() {
      const pubsub: unknown = Reflect.get(components, 'pubsub')
      if (typeof pubsub !== 'object' || pubsub === null) throw new Error('a host has gossipsub')
      const receive: unknown = Reflect.get(pubsub, 'handleReceivedMessage')
      if (typeof receive !== 'function') throw new Error('gossipsub takes messages one by one')
      Reflect.set(pubsub, 'handleReceivedMessage', (...given: unknown[]): unknown => {
        count()
        return Reflect.apply(receive, pubsub, given)
      })
    },
    stop() {}
  })
