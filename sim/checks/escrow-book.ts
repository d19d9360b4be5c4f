/**
 * Pay that waits for checks: whoever is convicted loses all of it. Asks the fold who was convicted and
 * what it holds, and knows by its own sums what was earned since the last record.
 */
import type { PeerId } from '#contracts'
import type { BookPorts } from './book.ts'

export interface EscrowView {
  readonly convictionsOf: (node: PeerId) => number
  /** What is held for it. */
  readonly escrowOf: (node: PeerId) => number
}

export class EscrowBook {
  readonly #ports: BookPorts
  /** As of the last record, of all who ever earned. */
  readonly #convictions = new Map<PeerId, number>()
  /** Earned by the records that the fold was not looked at after yet. */
  readonly #fresh = new Map<PeerId, number>()

  constructor(ports: BookPorts) {
    this.#ports = ports
  }

  paid(node: PeerId, micro: number): void {
    if (!this.#convictions.has(node)) this.#convictions.set(node, 0)
    this.#fresh.set(node, (this.#fresh.get(node) ?? 0) + micro)
  }

  folded({ convictionsOf, escrowOf }: EscrowView): void {
    for (const [node, before] of this.#convictions) {
      const convictions = convictionsOf(node)
      if (convictions === before) continue
      this.#convictions.set(node, convictions)
      const heldMicro = escrowOf(node)
      if (heldMicro > (this.#fresh.get(node) ?? 0)) {
        this.#ports.broken('convicted_unpaid', `${node} still has ${heldMicro} in escrow`)
      }
    }
    this.#fresh.clear()
  }
}
