/**
 * The links between the nodes and the gateway, and who can reach whom: frames take as long as they do
 * between places and keep their order; a link that is cut breaks at once on both sides, and frames on
 * it are lost with it.
 */
import type { Places } from './places.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { KIND, type VirtualTime } from './virtual-time.ts'

/** Who dials one that is not there waits so long. */
const DIAL_LIMIT_US = 5_000_000
/** Ways there and back until a link stands. */
const DIAL_WAYS = 3
/** Reading a frame and finding whom it is for. */
const FRAME_US = 100

export interface LinkPorts {
  readonly time: VirtualTime
  readonly places: Places
  /** The host number of the gateway, behind all nodes. */
  readonly hub: number
  readonly node: (host: number) => SimulatedNode | undefined
  /** The gateway's end of a link is gone. */
  readonly onBroken: (node: SimulatedNode) => void
}

export class Links {
  readonly #ports: LinkPorts
  /** When the last frame to and from each node arrives: a link keeps its order. */
  readonly #toNodeUs: Float64Array
  readonly #toGatewayUs: Float64Array
  #isHubUp = true

  constructor(ports: LinkPorts) {
    this.#ports = ports
    this.#toNodeUs = new Float64Array(ports.hub)
    this.#toGatewayUs = new Float64Array(ports.hub)
  }

  /** Microseconds of a message's way; null where it does not get through now. */
  wayUs(from: number, to: number): number | null {
    return this.isApart(from, to) ? null : this.#ports.places.oneWayUs(from, to)
  }

  /** Cut nodes reach each other, and nobody else; who is down reaches nobody. */
  isApart(from: number, to: number): boolean {
    const { hub } = this.#ports
    if (!this.#isHubUp && (from === hub || to === hub)) return true
    const [a, b] = [this.#ports.node(from), this.#ports.node(to)]
    if (a?.isUp === false || b?.isUp === false) return true
    return (a?.isCut ?? false) !== (b?.isCut ?? false)
  }

  /** The node hears how it went when it did. */
  dial(node: SimulatedNode): void {
    const { time, places, hub } = this.#ports
    const { number, link } = node
    const there = places.oneWayUs(number, hub)
    const isBarred = this.isApart(number, hub)
    const isRefused = isBarred && !this.#isHubUp && !node.isCut
    const us = isBarred && !isRefused ? DIAL_LIMIT_US : DIAL_WAYS * there
    time.after(us, number, KIND.link, isBarred ? 1 : 2, () => {
      if (!node.isUp || node.link !== link) return
      const isLinked = !isBarred && !this.isApart(number, hub)
      node.isLinked = isLinked
      node.linked(isLinked)
    })
  }

  /** Its process is gone, and its link with it. */
  stop(node: SimulatedNode): void {
    node.stop()
    this.#break(node)
  }

  /** The gateway's process is gone, and all its links with it; or it is there again. */
  hubIs(isUp: boolean, nodes: readonly SimulatedNode[]): void {
    this.#isHubUp = isUp
    for (const node of nodes) if (!isUp) this.drop(node)
  }

  /** The gateway wants no more of the node. */
  drop(node: SimulatedNode): void {
    if (this.#break(node)) node.linked(false)
  }

  cut(node: SimulatedNode): void {
    node.isCut = true
    this.drop(node)
  }

  /** Runs `act` when the frame arrives, if its link still stands then. */
  toNode(node: SimulatedNode, digest: number, act: () => void): void {
    const { hub } = this.#ports
    const at = { arrivals: this.#toNodeUs, from: hub, to: node.number, kind: KIND.frameToNode }
    this.#send(node, at, digest, act)
  }

  toGateway(node: SimulatedNode, digest: number, act: () => void): void {
    const { hub } = this.#ports
    const { number } = node
    const at = { arrivals: this.#toGatewayUs, from: number, to: hub, kind: KIND.frameToGateway }
    this.#send(node, at, digest, act)
  }

  #send(
    node: SimulatedNode,
    { arrivals, from, to, kind }: Way,
    digest: number,
    act: () => void
  ): void {
    if (!node.isLinked) return
    const { time, places } = this.#ports
    const { link, number } = node
    const us = time.nowUs + places.oneWayUs(from, to) + FRAME_US
    const atUs = Math.max(us, arrivals[number] ?? 0)
    arrivals[number] = atUs
    time.after(atUs - time.nowUs, number, kind, digest, () => {
      if (node.isUp && node.isLinked && node.link === link) act()
    })
  }

  /** The gateway is told; true where there was a link. */
  #break(node: SimulatedNode): boolean {
    if (!node.isLinked) return false
    node.isLinked = false
    node.link += 1
    this.#ports.onBroken(node)
    return true
  }
}

interface Way {
  readonly arrivals: Float64Array
  readonly from: number
  readonly to: number
  readonly kind: typeof KIND.frameToNode | typeof KIND.frameToGateway
}
