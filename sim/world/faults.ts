/** What a scenario lets go wrong, and when: drawn once, entered in virtual time, done to the links. */
import { Chance } from '../kernel/chance.ts'
import { planChurn } from '../nodes/churn.ts'
import type { Checks } from './checks.ts'
import { type GatewayHost, OPERATOR_MS } from './gateway-host.ts'
import type { Links } from './links.ts'
import { planCut } from './network-parts.ts'
import type { Scenario } from './scenario.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { KIND, type VirtualTime } from './virtual-time.ts'

export interface FaultPorts {
  readonly time: VirtualTime
  readonly links: Links
  readonly gateway: GatewayHost
  readonly checks: Checks
  readonly nodes: readonly SimulatedNode[]
  readonly seed: number
}

export function planFaults(scenario: Scenario, ports: FaultPorts): void {
  for (const [index, fault] of scenario.vanish.entries()) vanish(fault, index, ports)
  for (const [index, fault] of scenario.partitions.entries()) part(fault, index, ports)
  if (scenario.churn !== null) {
    const { time, links, nodes, seed } = ports
    planChurn(scenario.churn, {
      nodes,
      seed,
      nowUs: () => time.nowUs,
      after: (us, number, what, act) => time.after(us, number, KIND.fault, what, act),
      stop: (node) => links.stop(node)
    })
  }
  for (const [index, one] of scenario.pauses.entries()) pause(one, index, ports)
  for (const fault of scenario.crashes) crash(fault, ports)
  for (const [index, jump] of scenario.clocks.jumps.entries()) setClocks(jump, index, ports)
}

/** When the last fault is over, and everybody who will come has come. */
export function lastFaultMs(scenario: Scenario): number {
  const { vanish, partitions, pauses, crashes, churn, clocks, arrivals } = scenario
  return Math.max(
    0,
    ...vanish.map((one) => one.at_ms + (one.back_after_ms ?? 0)),
    ...partitions.map((one) => one.until_ms),
    ...pauses.map((one) => one.at_ms + one.for_ms),
    ...crashes.map((one) => one.at_ms + one.down_ms + OPERATOR_MS),
    ...clocks.jumps.map((one) => one.at_ms),
    ...arrivals.map((one) => one.at_ms + one.over_ms),
    churn?.until_ms ?? 0
  )
}

function vanish(fault: Scenario['vanish'][number], index: number, ports: FaultPorts): void {
  const { at_ms: atMs, share_per_mille: share, back_after_ms: backAfterMs } = fault
  const gone = drawn('vanish', index, share, ports)
  at(atMs, ports, () => {
    for (const node of gone) ports.links.stop(node)
  })
  if (backAfterMs === null) return
  at(atMs + backAfterMs, ports, () => {
    for (const node of gone) if (!node.isUp) node.restart()
  })
}

function part(fault: Scenario['partitions'][number], index: number, ports: FaultPorts): void {
  const { time, seed, nodes, links } = ports
  planCut(fault, index, {
    time,
    seed,
    // the control node is behind all nodes, and never among those cut off
    hosts: nodes.length + 1,
    nodes: nodes.length,
    begin: (cut) => links.begin(cut, nodes),
    end: (cut) => links.end(cut)
  })
}

/** Whoever is gone meanwhile comes back as one that serves. */
function pause(one: Scenario['pauses'][number], index: number, ports: FaultPorts): void {
  const { at_ms: atMs, for_ms: forMs, share_per_mille: share, how } = one
  const resting = drawn('pause', index, share, ports)
  at(atMs, ports, () => {
    for (const node of resting) {
      if (node.isUp) ports.checks.rests.rests(node.id, true)
      node.feed({ type: how, nowMs: node.clock.nowMs })
    }
  })
  at(atMs + forMs, ports, () => {
    for (const node of resting) {
      if (how !== 'drain') {
        ports.checks.rests.rests(node.id, false)
        node.feed({ type: 'resume', nowMs: node.clock.nowMs })
      } else {
        if (node.isUp) ports.links.stop(node)
        node.restart()
      }
    }
  })
}

/** The control node's process, and what its disk makes of it. */
function crash(fault: Scenario['crashes'][number], ports: FaultPorts): void {
  at(fault.at_ms, ports, () => ports.gateway.crash(fault))
  at(fault.at_ms + fault.down_ms, ports, () => ports.gateway.restart(fault))
}

/** Clocks are set, by their owners or by a time server. */
function setClocks(
  jump: Scenario['clocks']['jumps'][number],
  index: number,
  ports: FaultPorts
): void {
  const { at_ms: atMs, by_ms: byMs, who, share_per_mille: share } = jump
  const clocks =
    who === 'gateway'
      ? [ports.gateway.clock]
      : drawn('jump', index, share, ports).map(({ clock }) => clock)
  at(atMs, ports, () => {
    for (const clock of clocks) clock.jump(byMs)
    ports.checks.clockSet()
  })
}

/** The nodes that a fault is about. */
function drawn(
  purpose: string,
  index: number,
  sharePerMille: number,
  { nodes, seed }: FaultPorts
): readonly SimulatedNode[] {
  const chance = new Chance(seed, purpose, index)
  return nodes.filter(() => chance.below(1_000) < sharePerMille)
}

/** The gateway's host number stands for nobody in particular. */
function at(atMs: number, { time, nodes }: FaultPorts, act: () => void): void {
  time.after(atMs * 1_000 - time.nowUs, nodes.length, KIND.fault, 0, act)
}
