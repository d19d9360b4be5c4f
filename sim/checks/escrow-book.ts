/**
 * Pay that waits for checks: whoever is convicted loses all of it. Asks the fold who was convicted and
 * what it holds, and knows by its own sums what was earned since the last record.
 */
import type { PeerId } from '#contracts'
import type { BookPorts } from './book.ts'

export interface EscrowView {
  /** Of all nodes together. */
  readonly convictions: number
  readonly convictionsOf: (node: PeerId) => number
  /** What is held for it. */
  readonly escrowOf: (node: PeerId) => number
}

export class EscrowBook {
  readonly #ports: BookPorts
  /** As of the last record, of all who ever earned. */
  readonly #convictions = new Map<PeerId, number>()
  #convictionsOfAll = 0
  /** Earned by the records that the fold was not looked at after yet. */
  readonly #fresh = new Map<PeerId, number>()
  /** Of those, who never earned before. */
  #newcomers: PeerId[] = []

  constructor(ports: BookPorts) {
    this.#ports = ports
  }

  paid(node: PeerId, micro: number): void {
    if (!this.#convictions.has(node)) {
      this.#convictions.set(node, 0)
      this.#newcomers.push(node)
    }
    this.#fresh.set(node, (this.#fresh.get(node) ?? 0) + micro)
  }

  /** Where nobody was convicted since the last record, newcomers alone may differ from what is known. */
  folded(view: EscrowView): void {
    const isSame = view.convictions === this.#convictionsOfAll
    this.#convictionsOfAll = view.convictions
    for (const node of isSame ? this.#newcomers : this.#convictions.keys()) this.#look(node, view)
    if (this.#newcomers.length > 0) this.#newcomers = []
    this.#fresh.clear()
  }

  #look(node: PeerId, { convictionsOf, escrowOf }: EscrowView): void {
    const convictions = convictionsOf(node)
    if (convictions === this.#convictions.get(node)) return
    this.#convictions.set(node, convictions)
    const heldMicro = escrowOf(node)
    if (heldMicro > (this.#fresh.get(node) ?? 0)) {
      this.#ports.broken('convicted_unpaid', `${node} still has ${heldMicro} in escrow`)
    }
  }
}
