/**
 * The gateway of a mesh: sessions and their units, the nodes that serve them, and everything between
 * the submission of a unit and its one outcome. Decides, never acts: time
 * arrives in inputs, a driver performs the effects strictly in order. Adds no work of its own.
 */
import { assertNever, MeshError, type PeerId, type SessionId, type UnitId } from '#contracts'
import { announce } from './announce.ts'
import { onClaim, onWithdraw } from './claims.ts'
import { dispatch } from './dispatch.ts'
import type { GatewayEffect, GatewayInput, GatewayOptions } from './gateway-io.ts'
import type { NodeRecord } from './gateway-state.ts'
import { Housekeeping } from './housekeeping.ts'
import { applyStanding, onDisconnected, onHeartbeat, onHello, seen } from './nodes.ts'
import { onCommit, onFailure, onRelease, onResults } from './results.ts'
import { cancelSession, closeSession, openSession, submit } from './sessions.ts'
import { TrustNews } from './trust-news.ts'
import { tellDependants } from './unit-end.ts'
import { onJudged, settleRest } from './verification.ts'
import {
  explainUnit,
  type GatewaySizes,
  type GatewaySnapshot,
  nodesReady,
  sizesOf,
  snapshotOf,
  type UnitExplanation
} from './views.ts'
import { World } from './world.ts'

export class GatewayMachine {
  readonly #world: World
  readonly #housekeeping = new Housekeeping()
  readonly #trustNews: TrustNews
  #wakeAtMs = Number.POSITIVE_INFINITY

  constructor(options: GatewayOptions) {
    this.#world = new World(options)
    this.#trustNews = new TrustNews(options.trust)
  }

  step(input: GatewayInput): readonly GatewayEffect[] {
    this.#one(input)
    return this.#end()
  }

  /** Several inputs as one step: one append, one frame per node and kind, one look for places. */
  steps(inputs: readonly GatewayInput[]): readonly GatewayEffect[] {
    for (const input of inputs) this.#one(input)
    return this.#end()
  }

  #one(input: GatewayInput): void {
    const world = this.#world
    // a clock that is set back must not make leases live again
    world.nowMs = Math.max(world.nowMs, input.nowMs)
    // a tick that comes a little early has used its timer up all the same
    const isWoken = input.type === 'tick' || world.nowMs >= this.#wakeAtMs
    if (isWoken) this.#wakeAtMs = Number.POSITIVE_INFINITY
    this.#trustNews.read(world)
    this.#housekeeping.run(world)
    this.#take(input)
    settleRest(world)
    tellDependants(world)
  }

  #end(): readonly GatewayEffect[] {
    const world = this.#world
    if (world.dispatchWanted || world.changes.hasFresh) {
      dispatch(world)
      tellDependants(world)
    }
    announce(world)
    this.#setTimer()
    return world.out.seal()
  }

  /** Why a unit is where it is, and which rule keeps each node from it. Null: no such unit here. */
  explain(session: SessionId, unit: UnitId): UnitExplanation | null {
    return explainUnit(this.#world, session, unit)
  }

  nodesReady(): number {
    return nodesReady(this.#world)
  }

  snapshot(): GatewaySnapshot {
    return snapshotOf(this.#world)
  }

  sizes(): GatewaySizes {
    return sizesOf(this.#world)
  }

  #take(input: GatewayInput): void {
    const world = this.#world
    if (isFromNode(input)) {
      const node = this.#alive(input.node)
      if (node !== undefined) this.#takeFrom(node, input)
      return
    }
    switch (input.type) {
      case 'open':
        openSession(world, input)
        break
      case 'submit':
        submit(world, input.session, input.units)
        break
      case 'cancel':
        cancelSession(world, input.session)
        break
      case 'close':
        closeSession(world, input)
        break
      case 'model':
        world.models.set(input.cid, input)
        break
      case 'judged':
        for (const item of input.items) onJudged(world, item)
        break
      case 'hello':
        onHello(world, input)
        break
      case 'disconnected':
        onDisconnected(world, input.node)
        break
      case 'trust': {
        const node = world.nodes.get(input.node)
        if (node !== undefined) applyStanding(world, node, input.standing)
        break
      }
      case 'tick':
        break
      default:
        assertNever(input)
    }
  }

  #takeFrom(node: NodeRecord, input: NodeInput): void {
    const world = this.#world
    switch (input.type) {
      case 'claim':
        onClaim(world, node, input.body)
        break
      case 'withdraw':
        onWithdraw(node, input.body)
        break
      case 'commit':
        for (const item of input.body.commitments) onCommit(world, node.id, item)
        break
      case 'result':
        onResults(world, node.id, input.results)
        break
      case 'failure':
        for (const failure of input.body.failures) onFailure(world, node.id, failure)
        break
      case 'release':
        for (const id of input.body.leases) onRelease(world, node.id, id, input.body.reason)
        break
      case 'heartbeat':
        onHeartbeat(world, node, input.body)
        break
      default:
        assertNever(input)
    }
  }

  /** The node that speaks, if it has said hello. */
  #alive(id: PeerId): NodeRecord | undefined {
    const node = this.#world.nodes.get(id)
    if (node === undefined) this.#world.out.refuse(id, new MeshError('gateway.hello_missing'))
    else seen(this.#world, node)
    return node
  }

  #setTimer(): void {
    const world = this.#world
    const next = Math.min(
      world.timers.nextAtMs,
      world.newcomers.dueAtMs,
      this.#housekeeping.nextAtMs(world)
    )
    if (next === this.#wakeAtMs || next === Number.POSITIVE_INFINITY) return
    this.#wakeAtMs = next
    world.out.timer(next)
  }
}

const NODE_INPUTS = [
  'claim',
  'withdraw',
  'commit',
  'result',
  'failure',
  'release',
  'heartbeat'
] as const
type NodeInput = Extract<GatewayInput, { readonly type: (typeof NODE_INPUTS)[number] }>
const FROM_NODES: ReadonlySet<string> = new Set(NODE_INPUTS)

/** What a node says once it has said hello. */
const isFromNode = (input: GatewayInput): input is NodeInput => FROM_NODES.has(input.type)
