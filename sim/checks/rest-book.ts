/**
 * What owners want of their machines, held against what their nodes do: who rests begins nothing, takes
 * nothing to begin it later and is soon given nothing; who does not rest offers to work.
 */
import type { LeaseId, PeerId } from '#contracts'
import type { GatewayInput } from '#mesh-node/core'
import type { BookPorts } from './book.ts'

interface NodeRest {
  /** Since when its owner wants the machine back; null: it serves. */
  restsSinceMs: number | null
  /** Since when a claim is due from it; null: one stands, or none is due. */
  owesSinceMs: number | null
}

/** What a node says over a quiet network has come by then. */
const TOLD_MS_MAX = 20_000

export class RestBook {
  readonly #ports: BookPorts
  readonly #nodes = new Map<PeerId, NodeRest>()

  constructor(ports: BookPorts) {
    this.#ports = ports
  }

  /** Its owner wants the machine back, or gives it again. */
  rests(id: PeerId, isResting: boolean): void {
    const node = this.#node(id)
    const nowMs = this.#ports.nowMs()
    const was = node.restsSinceMs
    node.restsSinceMs = isResting ? (was ?? nowMs) : null
    if (isResting) node.owesSinceMs = null
    else if (was !== null) node.owesSinceMs = nowMs
  }

  /** The process is gone; the next one serves. */
  stopped(id: PeerId): void {
    this.#nodes.delete(id)
  }

  begins(id: PeerId, lease: LeaseId): void {
    if (!this.#isResting(id)) return
    this.#ports.broken('rests_when_told', `${id} begins ${lease}`)
  }

  /** The gateway has work for the node. */
  reserved(id: PeerId): void {
    const { nowMs, isQuiet, isHonest, ledgerMs, broken } = this.#ports
    const restsSinceMs = this.#nodes.get(id)?.restsSinceMs ?? null
    if (restsSinceMs === null || !isQuiet || !isHonest(id)) return
    const restsMs = nowMs() - restsSinceMs
    if (restsMs > TOLD_MS_MAX + ledgerMs) {
      broken('rests_when_told', `${id} is given work after ${restsMs} ms`)
    }
  }

  /** A grant has reached the node: how much it now holds that it has not begun. */
  granted(id: PeerId, unbegun: () => number): void {
    if (!this.#isResting(id)) return
    const held = unbegun()
    if (held > 0) this.#ports.broken('rests_when_told', `${id} takes ${held} to begin later`)
  }

  /** The gateway hears whether the node offers to work. */
  took(input: GatewayInput): void {
    switch (input.type) {
      case 'hello':
        this.#owes(input.node)
        return
      case 'claim':
        this.#node(input.node).owesSinceMs = null
        return
      case 'heartbeat':
        this.#beats(input.node)
        return
      case 'withdraw':
        if (input.body.reason === 'paused') this.#owes(input.node)
        return
      default:
        return
    }
  }

  #beats(id: PeerId): void {
    const { nowMs, isQuiet, isHonest, broken } = this.#ports
    const owesSinceMs = this.#nodes.get(id)?.owesSinceMs ?? null
    if (owesSinceMs === null || !isQuiet || !isHonest(id)) return
    const owesMs = nowMs() - owesSinceMs
    if (owesMs > TOLD_MS_MAX) broken('serves_again', `${id} offers nothing for ${owesMs} ms`)
  }

  /** What was claimed before no longer stands. */
  #owes(id: PeerId): void {
    const node = this.#node(id)
    if (node.restsSinceMs === null) node.owesSinceMs = this.#ports.nowMs()
  }

  #isResting(id: PeerId): boolean {
    return (this.#nodes.get(id)?.restsSinceMs ?? null) !== null
  }

  #node(id: PeerId): NodeRest {
    const known = this.#nodes.get(id)
    if (known !== undefined) return known
    const rest = { restsSinceMs: null, owesSinceMs: null }
    this.#nodes.set(id, rest)
    return rest
  }
}
