/**
 * The sabotage arena: nodes of which some lie, and units that a policy hands to them. It knows the
 * truth and counts executions; it decides nothing about trust, that is what the policies are for.
 */
import { assert } from '#contracts'
import { type Actor, COLLUDED, honestActor, type Population, saboteur } from './actors.ts'
import { Chance } from './chance.ts'

export interface ArenaOptions extends Population {
  readonly seed: number
  readonly units: number
}

/** Random picks before a policy is told that nobody is to be had; misses by chance are below 1e-8. */
const PICK_ROUNDS = 20

export class Arena {
  readonly units: number
  readonly seed: number
  /** Names that there may ever be: those of the start, and those taken anew. */
  readonly namesMax: number
  readonly #options: ArenaOptions
  readonly #actors: Actor[]
  readonly #executed: Int32Array
  readonly #gone: Uint8Array
  readonly #pick: Chance
  #believes: (node: number) => boolean = () => false
  #executions = 0
  #lastFault = COLLUDED

  constructor(options: ArenaOptions) {
    this.units = options.units
    this.seed = options.seed
    this.namesMax = options.nodes + options.newNames
    this.#options = options
    this.#actors = actorsOf(options)
    this.#executed = new Int32Array(this.namesMax)
    this.#gone = new Uint8Array(this.namesMax)
    this.#pick = new Chance(options.seed, 'pick')
  }

  get executions(): number {
    return this.#executions
  }

  /** Names that were ever used: 0 to one less. */
  get nodes(): number {
    return this.#actors.length
  }

  /** Lets actors read whose word the policy takes. */
  showStanding(believes: (node: number) => boolean): void {
    this.#believes = believes
  }

  /** Runs the unit on the node: its value. */
  execute(node: number, unit: number): number {
    const actor = this.#actors[node]
    assert(actor !== undefined && this.isHere(node), 'a unit is run by a node that is here')
    const before = this.executedBy(node)
    this.#executed[node] = before + 1
    this.#executions += 1
    return actor.run({
      unit,
      before,
      believed: () => this.#believes(node),
      fault: () => ++this.#lastFault
    })
  }

  executedBy(node: number): number {
    return this.#executed[node] ?? 0
  }

  isHonest(node: number): boolean {
    return this.#actors[node]?.honest ?? false
  }

  isHere(node: number): boolean {
    return this.#gone[node] === 0
  }

  /** The policy holds the node guilty: it may go and come back under a new name. */
  convicted(node: number): void {
    if (this.isHonest(node) || !this.isHere(node) || this.nodes === this.namesMax) return
    this.#gone[node] = 1
    const { seed, units } = this
    this.#actors.push(saboteur(this.#options, { seed, units, node: this.nodes }))
  }

  /** A random node for which `allowed` holds; null where none was found in many tries. */
  pick(allowed: (node: number) => boolean): number | null {
    for (let tries = this.nodes * PICK_ROUNDS; tries > 0; tries--) {
      const node = this.#pick.below(this.nodes)
      if (this.isHere(node) && allowed(node)) return node
    }
    return null
  }

  /** A stream of chance of the policy's own. */
  chance(purpose: string): Chance {
    return new Chance(this.seed, purpose)
  }
}

/** Who is who is drawn by lot: no policy can gain from the order of the nodes. */
function actorsOf(options: ArenaOptions): Actor[] {
  const { nodes, seed, units } = options
  const lot = new Chance(seed, 'lot')
  const ranks = Array.from({ length: nodes }, (_, node) => node)
  for (let last = nodes - 1; last > 0; last--) {
    const other = lot.below(last + 1)
    const [a, b] = [ranks[last], ranks[other]]
    assert(a !== undefined && b !== undefined, 'a lot is drawn among the nodes')
    ranks[last] = b
    ranks[other] = a
  }
  const saboteurs = Math.floor((nodes * options.saboteursPerMille) / 1000)
  return ranks.map((rank, node) =>
    (rank < saboteurs ? saboteur : honestActor)(options, { seed, node, units })
  )
}
