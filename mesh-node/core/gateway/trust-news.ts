/**
 * What the ledger's fold has come to think of nodes since the last step: said as events with their
 * reasons, taken over into the scheduler's books, and carried out where a conviction takes pay back and
 * leaves units for which nobody stands.
 */
import { giveBack } from './budget.ts'
import type { TrustView } from './gateway-io.ts'
import { reopen } from './rechecks.ts'
import type { World } from './world.ts'

export class TrustNews {
  readonly #view: TrustView | null
  #changes: number
  #reopenings: number
  #returned: number

  /** What was before the start was said by whoever was there. */
  constructor(view: TrustView | undefined) {
    this.#view = view ?? null
    this.#changes = view?.changes(Number.MAX_SAFE_INTEGER).next ?? 0
    this.#reopenings = view?.reopenings(0).length ?? 0
    this.#returned = view?.returned(0).length ?? 0
  }

  read(world: World): void {
    if (this.#view === null) return
    const { changes, next } = this.#view.changes(this.#changes)
    this.#changes = next
    for (const { node: id, rule, seq, deltaMilli, scoreMilli } of changes) {
      const node = world.nodes.get(id)
      if (node !== undefined) {
        node.trust = scoreMilli / 1000
        world.changes.risen(node)
      }
      const facts = { seq, delta_milli: deltaMilli, score_milli: scoreMilli }
      world.event('trust.updated', {}, { node: id, reason: rule, ...facts })
    }
    if (changes.length > 0) for (const waiting of world.classes.values()) waiting.proven = null
    this.#takeBack(world, this.#view)
    const reopenings = this.#view.reopenings(this.#reopenings)
    this.#reopenings += reopenings.length
    for (const { session, unit, node, isOpen } of reopenings) {
      // what took its place, or somebody who said the same, was written together with the conviction
      if (this.#view.checks?.isAbandoned(unit) !== true) continue
      if (isOpen && world.sessions.has(session)) reopen(world, session, unit, node)
      else world.doubted(session, unit, node)
    }
  }

  /** What went back may be spent again. */
  #takeBack(world: World, view: TrustView): void {
    const returned = view.returned(this.#returned)
    this.#returned += returned.length
    for (const { session, unit, attempt } of returned) {
      const leases = world.sessions.get(session)?.units.get(unit)?.leases ?? []
      const lease = leases.find((one) => one.attempt === attempt)
      if (lease !== undefined) giveBack(lease)
    }
  }
}
