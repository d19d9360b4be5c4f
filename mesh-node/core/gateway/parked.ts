/**
 * Commitments and results that came for leases nobody knows yet: after a restart nodes may be back
 * before their session is opened again. Bounded, and kept for the grace period only.
 */
import {
  type Attestation,
  GATEWAY_PARKED_MAX,
  type LeaseId,
  type PeerId,
  type Receipt
} from '#contracts'

export interface ParkedItem {
  readonly node: PeerId
  readonly commitment: Uint8Array | null
  readonly result: { readonly attestation: Attestation; readonly receipt: () => Receipt } | null
}

export class Parked {
  readonly #items = new Map<LeaseId, ParkedItem>()

  get size(): number {
    return this.#items.size
  }

  /** False where there is no room. A result does not make a commitment forgotten. */
  add(lease: LeaseId, item: ParkedItem): boolean {
    const held = this.#items.get(lease)
    if (held === undefined && this.#items.size >= GATEWAY_PARKED_MAX) return false
    if (held !== undefined && held.node !== item.node) return false
    this.#items.set(lease, { ...item, commitment: item.commitment ?? held?.commitment ?? null })
    return true
  }

  take(lease: LeaseId): ParkedItem | undefined {
    const item = this.#items.get(lease)
    this.#items.delete(lease)
    return item
  }

  /** Everything that nobody came for; empty afterwards. */
  drain(): readonly (readonly [LeaseId, ParkedItem])[] {
    const items = [...this.#items]
    this.#items.clear()
    return items
  }
}
