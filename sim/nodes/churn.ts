/**
 * Nodes that come and go as volunteers' machines do: each is there for a time and away for a time, drawn
 * from published fits again and again, from a stream of its own. Enters its comings and goings, no more.
 */
import { assert } from '#contracts'
import { Chance } from '../kernel/chance.ts'
import { AVAILABLE_MS, AWAY_MS } from './churn-combos.data.ts'
import type { Churn } from './keys.ts'

const GOES = 1
const COMES = 2

interface Machine {
  readonly number: number
  readonly isUp: boolean
  readonly restart: () => void
}

export interface ChurnPorts<Node extends Machine> {
  readonly nowUs: () => number
  /** Lets it happen to the machine of that number; `what` tells one kind of event from another. */
  readonly after: (us: number, number: number, what: number, act: () => void) => void
  readonly nodes: readonly Node[]
  readonly stop: (node: Node) => void
  readonly seed: number
}

/** All begin as they come to the mesh; whoever is away at the end of it is back then. */
export function planChurn<Node extends Machine>(churn: Churn, ports: ChurnPorts<Node>): void {
  for (const node of ports.nodes) {
    goLater(node, churn, { ...ports, chance: new Chance(ports.seed, 'churn', node.number) })
  }
}

type Drawn<Node extends Machine> = ChurnPorts<Node> & { readonly chance: Chance }

function goLater<Node extends Machine>(node: Node, churn: Churn, ports: Drawn<Node>): void {
  const us = drawnUs(AVAILABLE_MS, churn, ports)
  if (ports.nowUs() + us >= churn.until_ms * 1_000) return
  ports.after(us, node.number, GOES, () => {
    // another fault may have been faster
    if (node.isUp) ports.stop(node)
    comeLater(node, churn, ports)
  })
}

function comeLater<Node extends Machine>(node: Node, churn: Churn, ports: Drawn<Node>): void {
  const leftUs = churn.until_ms * 1_000 - ports.nowUs()
  const us = Math.min(drawnUs(AWAY_MS, churn, ports), leftUs)
  ports.after(us, node.number, COMES, () => {
    if (!node.isUp) node.restart()
    goLater(node, churn, ports)
  })
}

/** A second in a scenario stands for `speed` of them. */
function drawnUs(
  quantilesMs: readonly number[],
  { speed }: Churn,
  { chance }: { readonly chance: Chance }
): number {
  const ms = quantilesMs[chance.below(quantilesMs.length)]
  assert(ms !== undefined, 'a table has quantiles')
  return Math.floor((ms * 1_000) / speed)
}
