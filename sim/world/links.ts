/**
 * The links between the nodes and the gateway, and who can reach whom: frames take as long as they do
 * on the paths and keep their order. A link that is cut breaks at once on both sides, and frames on it
 * are lost with it; one that is cut one way holds what does not get through, and breaks after a while.
 */
import { type Cut, Cuts } from '../network/cuts.ts'
import type { Paths } from '../network/paths.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { type Happening, KIND, type VirtualTime } from './virtual-time.ts'

/** Who dials one that is not there waits so long. */
const DIAL_LIMIT_US = 5_000_000
/** Ways there and back until a link stands. */
const DIAL_WAYS = 3
/** Reading a frame and finding whom it is for. */
const FRAME_US = 100
/** A frame of the work link as it is on the wire, more or less. */
const FRAME_BYTES = 600
/** A sender that hears nothing for so long gives the connection up. */
const GIVE_UP_US = 60_000_000

/** Where connections between hosts begin and end, for gossip goes over the same. */
export interface Connections {
  /** The host's process is there, or gone. */
  readonly joined: (host: number) => void
  readonly left: (host: number) => void
  /** The node's link to the gateway stands, or not. */
  readonly linked: (host: number) => void
  readonly unlinked: (host: number) => void
}

export interface LinkPorts {
  readonly time: VirtualTime
  readonly paths: Paths
  readonly connections: Connections
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
  readonly #cuts = new Cuts()
  /** By node: frames that wait for a way that is cut in their direction alone. */
  readonly #held = new Map<SimulatedNode, (() => void)[]>()
  #isHubUp = true

  constructor(ports: LinkPorts) {
    this.#ports = ports
    this.#toNodeUs = new Float64Array(ports.hub)
    this.#toGatewayUs = new Float64Array(ports.hub)
  }

  /** No connection can be made now: one of them is down, or what one sends does not get through. */
  isApart(from: number, to: number): boolean {
    return this.isLost(from, to) || this.#cuts.isLost(to, from)
  }

  /** What `from` sends does not reach `to` now. */
  isLost(from: number, to: number): boolean {
    const { hub } = this.#ports
    if (!this.#isHubUp && (from === hub || to === hub)) return true
    const [a, b] = [this.#ports.node(from), this.#ports.node(to)]
    return a?.isUp === false || b?.isUp === false || this.#cuts.isLost(from, to)
  }

  /** The node hears how it went when it did. */
  dial(node: SimulatedNode): void {
    const { time, paths, hub, connections } = this.#ports
    const { number, link } = node
    connections.joined(number)
    const there = paths.ways.oneWayUs(number, hub)
    const isBarred = this.isApart(number, hub)
    const isRefused = isBarred && !this.#isHubUp && !this.#cuts.isLost(number, hub)
    const us = isBarred && !isRefused ? DIAL_LIMIT_US : DIAL_WAYS * there
    time.after(us, number, KIND.link, isBarred ? 1 : 2, () => {
      if (!node.isUp || node.link !== link) return
      const isLinked = !isBarred && !this.isApart(number, hub)
      node.isLinked = isLinked
      if (isLinked) connections.linked(number)
      node.linked(isLinked)
    })
  }

  /** Its process is gone, and its link with it. */
  stop(node: SimulatedNode): void {
    node.stop()
    this.#break(node)
    this.#ports.connections.left(node.number)
  }

  /** The gateway's process is gone, and all its links with it; or it is there again. */
  hubIs(isUp: boolean, nodes: readonly SimulatedNode[]): void {
    const { hub, connections } = this.#ports
    this.#isHubUp = isUp
    if (isUp) connections.joined(hub)
    else connections.left(hub)
    for (const node of nodes) if (!isUp) this.drop(node)
  }

  /** The gateway wants no more of the node. */
  drop(node: SimulatedNode): void {
    if (this.#break(node)) node.linked(false)
  }

  begin(cut: Cut, nodes: readonly SimulatedNode[]): void {
    const { hub, time } = this.#ports
    this.#cuts.begin(cut)
    for (const node of nodes) {
      const { number, link } = node
      if (!node.isLinked || !this.isApart(number, hub)) continue
      const isHalfOpen = this.#cuts.isLost(number, hub) !== this.#cuts.isLost(hub, number)
      if (!isHalfOpen) this.drop(node)
      else {
        time.after(GIVE_UP_US, number, KIND.link, 0, () => {
          if (node.link === link && this.isApart(number, hub)) this.drop(node)
        })
      }
    }
  }

  /** What was held goes on its way, or is held again where another cut is still there. */
  end(cut: Cut): void {
    this.#cuts.end(cut)
    const all = [...this.#held.values()]
    this.#held.clear()
    for (const held of all) for (const send of held) send()
  }

  /** Runs `act` when the frame arrives, if its link still stands then. */
  toNode(node: SimulatedNode, digest: number, act: () => void): void {
    this.#send(node, KIND.frameToNode, digest, act)
  }

  toGateway(node: SimulatedNode, digest: number, act: () => void): void {
    this.#send(node, KIND.frameToGateway, digest, act)
  }

  #send(node: SimulatedNode, kind: FrameKind, digest: number, act: () => void): void {
    if (!node.isLinked) return
    const { time, paths, hub } = this.#ports
    const { link, number } = node
    const isToNode = kind === KIND.frameToNode
    const from = isToNode ? hub : number
    const to = isToNode ? number : hub
    const arrivals = isToNode ? this.#toNodeUs : this.#toGatewayUs
    if (this.#cuts.isLost(from, to)) {
      const again = () => {
        if (node.link === link) this.#send(node, kind, digest, act)
      }
      const held = this.#held.get(node)
      if (held === undefined) this.#held.set(node, [again])
      else held.push(again)
      return
    }
    const sentUs = paths.sentUs(from, FRAME_BYTES, time.nowUs)
    const us = paths.arrivalUs({ from, to, relay: -1 }, FRAME_BYTES, sentUs) + FRAME_US
    const atUs = Math.max(us, arrivals[number] ?? 0)
    arrivals[number] = atUs
    time.after(atUs - time.nowUs, number, kind, digest, new FrameUnderWay(node, act))
  }

  /** The gateway is told; true where there was a link. */
  #break(node: SimulatedNode): boolean {
    if (!node.isLinked) return false
    node.isLinked = false
    node.link += 1
    this.#held.delete(node)
    this.#ports.connections.unlinked(node.number)
    this.#ports.onBroken(node)
    return true
  }
}

type FrameKind = typeof KIND.frameToNode | typeof KIND.frameToGateway

/** Comes if the link that it was sent on still stands. */
class FrameUnderWay implements Happening {
  readonly #node: SimulatedNode
  readonly #link: number
  readonly #act: () => void

  constructor(node: SimulatedNode, act: () => void) {
    this.#node = node
    this.#link = node.link
    this.#act = act
  }

  happen(): void {
    const { isUp, isLinked, link } = this.#node
    if (isUp && isLinked && link === this.#link) this.#act()
  }
}
