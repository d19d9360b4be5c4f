/**
 * What nodes say to the gateway, as a copier hears it who has tapped every line: the commitment and the
 * result of each run, at the moment at which they are sent. Nobody has so good an ear in the product.
 */
import type { Attestation, Cid, LeaseId, PackedUnit, PeerId, UnitId } from '#contracts'

export interface Listener {
  readonly node: PeerId
  readonly committed: (commitment: Uint8Array) => void
  readonly shown: (outputCid: Cid) => void
}

export class Rumours {
  readonly #units = new Map<LeaseId, UnitId>()
  readonly #listeners = new Map<UnitId, Listener[]>()
  readonly #thieves: ((lease: LeaseId, unit: PackedUnit, by: PeerId) => void)[] = []

  /** A run of the unit has begun under that lease. */
  began(lease: LeaseId, unit: PackedUnit, by: PeerId): void {
    this.#units.set(lease, unit.id)
    for (const heard of this.#thieves) heard(lease, unit, by)
  }

  /** Tells of every run that begins. */
  tap(heard: (lease: LeaseId, unit: PackedUnit, by: PeerId) => void): void {
    this.#thieves.push(heard)
  }

  listen(unit: UnitId, listener: Listener): void {
    const known = this.#listeners.get(unit)
    if (known === undefined) this.#listeners.set(unit, [listener])
    else known.push(listener)
  }

  committed(by: PeerId, lease: LeaseId, commitment: Uint8Array): void {
    const unit = this.#units.get(lease)
    if (unit === undefined) return
    for (const { node, committed } of this.#of(unit)) if (node !== by) committed(commitment)
  }

  shown({ node: by, work_unit_id: unit, output_cid: outputCid }: Attestation): void {
    for (const { node, shown } of this.#of(unit)) if (node !== by) shown(outputCid)
  }

  /** Listeners may begin to listen while they are told. */
  #of(unit: UnitId): readonly Listener[] {
    return [...(this.#listeners.get(unit) ?? [])]
  }
}
