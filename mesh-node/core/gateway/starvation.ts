/**
 * Units that wait for what does not come: a node that could run them, or as many owners as must agree.
 * Each is given the time that its dispatch may take, from when it began to lack them; then it goes on
 * with the results that it has, where these can be enough, or ends. Looks at what lasts, not at load.
 */
import { type EscalationTrigger, isTerminal, UNIT_ATTEMPTS_MAX } from '#contracts'
import { ownerRules } from './dispatch.ts'
import { lastingRefusal } from './eligibility.ts'
import { isLive, isOutstanding, type NodeRecord, type UnitRecord } from './gateway-state.ts'
import { majorityOf } from './retry.ts'
import { endLeases, giveUp, type UnitEnding } from './unit-end.ts'
import type { WaitingClass } from './waiting-class.ts'
import type { World } from './world.ts'

/** No unit ever has more leases, so that of so many owners one is left for it. */
const OWNERS_MANY = UNIT_ATTEMPTS_MAX

/** Ends, or lets go on, what has lacked nodes or owners for the time of its dispatch. */
export function starve(world: World, waiting: WaitingClass): void {
  const { able, isRegion } = lookForNodes(world, waiting)
  if (able.length === 0) {
    waiting.starvedSinceMs ??= world.nowMs
    const starvedMs = world.nowMs - waiting.starvedSinceMs
    if (starvedMs < waiting.sample.timeouts.dispatch_ms) return
    for (const unit of [...waiting.units()]) {
      if (world.nowMs - unit.queuedAtMs < unit.packed.unit.timeouts.dispatch_ms) continue
      giveUpUnplaced(world, unit, isRegion ? NO_REGION : NO_NODE)
    }
    return
  }
  waiting.starvedSinceMs = null
  if (needsOwners(waiting) && able.length < OWNERS_MANY) starveOfOwners(world, waiting, able)
  else waiting.lackingSinceMs.clear()
}

/** Somebody can run it, if only until the next look: the time without anybody begins anew then. */
export function endStarvation(world: World, node: NodeRecord): void {
  for (const waiting of world.classes.values()) {
    if (waiting.starvedSinceMs === null) continue
    if (lastingRefusal(waiting.sample, node, world) === null) waiting.starvedSinceMs = null
  }
}

const needsOwners = ({ sample: { verification } }: WaitingClass): boolean =>
  verification.mode === 'quorum' || verification.mode === 'recompute'

/** Nodes that could run the class, one for each owner, backend class and zone. */
function lookForNodes(
  world: World,
  waiting: WaitingClass
): { readonly able: readonly NodeRecord[]; readonly isRegion: boolean } {
  const able = new Map<string, NodeRecord>()
  let isRegion = world.connectedNodes > 0
  const isOneEnough = !needsOwners(waiting)
  for (const node of world.nodes.values()) {
    if (!node.connected) continue
    const refusal = lastingRefusal(waiting.sample, node, world)
    if (refusal === null) {
      const owner = node.descriptor?.owner ?? node.id
      able.set(`${owner}\0${node.backendClass}\0${world.trusted.has(node.id)}`, node)
      if (isOneEnough || able.size >= OWNERS_MANY) break
    } else if (refusal.rule !== 'region') isRegion = false
  }
  return { able: [...able.values()], isRegion }
}

function starveOfOwners(world: World, waiting: WaitingClass, able: readonly NodeRecord[]): void {
  const { lackingSinceMs } = waiting
  let isFreshPlaceable: boolean | null = null
  const late: UnitRecord[] = []
  for (const unit of waiting.units()) {
    if (isTerminal(unit.state)) continue
    // units that hold nothing ask for the same as each other
    const isFresh = !unit.leases.some(isLive)
    if (isFresh) isFreshPlaceable ??= isPlaceable(world, unit, able)
    if (isFresh ? isFreshPlaceable : isPlaceable(world, unit, able)) {
      lackingSinceMs.delete(unit)
      continue
    }
    const sinceMs = lackingSinceMs.get(unit) ?? world.nowMs
    lackingSinceMs.set(unit, sinceMs)
    if (world.nowMs - sinceMs >= unit.packed.unit.timeouts.dispatch_ms) late.push(unit)
  }
  for (const unit of late) {
    lackingSinceMs.delete(unit)
    giveUpUnplaced(world, unit, NO_OWNER)
  }
}

/** Whether the owners that are there are enough, however busy they may be now. */
function isPlaceable(world: World, unit: UnitRecord, able: readonly NodeRecord[]): boolean {
  const rules = ownerRules(world, unit)
  let placed = 0
  for (const node of able) {
    if (rules.takes(node)) placed += 1
    if (placed >= unit.wanted) return true
  }
  return false
}

function giveUpUnplaced(world: World, unit: UnitRecord, ending: UnitEnding): void {
  const trigger: EscalationTrigger = 'failure'
  if (mayStillAgree(unit)) {
    world.leave(unit)
    unit.wanted = 0
    world.unsettled.push(unit)
    return
  }
  endLeases(world, unit, ending.code)
  giveUp(world, unit, ending, trigger)
}

/** Results that are still to come may make a majority without another owner. */
function mayStillAgree({ packed, leases }: UnitRecord): boolean {
  const { mode, replicas } = packed.unit.verification
  const live = leases.filter(isLive)
  return mode === 'quorum' && live.some(isOutstanding) && live.length >= majorityOf(replicas)
}

const NO_NODE: UnitEnding = {
  status: 'timeout',
  stopReason: 'substrate_failure',
  class: 'execution',
  code: 'unit.no_node',
  detail: 'no node known can run it'
}
const NO_OWNER: UnitEnding = {
  ...NO_NODE,
  detail: 'too few owners are there who have not run it'
}
const NO_REGION: UnitEnding = {
  status: 'timeout',
  stopReason: 'admission_rejected',
  class: null,
  code: 'unit.no_node',
  detail: 'REGION_UNAVAILABLE'
}
