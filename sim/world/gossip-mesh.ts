/**
 * Gossip as a mesh of neighbours: a message goes to all of them at its first arrival, and further
 * copies are counted. A model of gossipsub's eager push with D = 8; it has no lazy push, no heartbeat
 * and no scores.
 */
import type { Chance } from '../kernel/chance.ts'

/** gossipsub's D: each node picks half of them, and is picked as often. */
const NEIGHBOURS = 8
/** Reading, checking and handing on a message of some hundred bytes. */
const HANDLING_US = 300

export interface GossipPorts {
  /** Null: not connected now. */
  readonly wayUs: (from: number, to: number) => number | null
  readonly after: (us: number, node: number, digest: number, act: () => void) => void
  readonly nowUs: () => number
}

export class GossipMesh {
  readonly #ports: GossipPorts
  readonly #neighbours: readonly Set<number>[]
  readonly #delaysUs: number[] = []
  published = 0
  #deliveries = 0
  #copies = 0

  constructor(hosts: number, chance: Chance, ports: GossipPorts) {
    this.#ports = ports
    this.#neighbours = Array.from({ length: hosts }, () => new Set<number>())
    const picks = Math.min(NEIGHBOURS >> 1, hosts - 1)
    for (let host = 0; host < hosts; host++) {
      const mine = this.#neighbours[host]
      for (let pick = 0; pick < picks; pick++) {
        const other = chance.below(hosts)
        if (other === host || mine === undefined) continue
        mine.add(other)
        this.#neighbours[other]?.add(host)
      }
    }
  }

  publish(from: number, digest: number, deliver: (host: number) => void): void {
    const sentUs = this.#ports.nowUs()
    const seen = new Set([from])
    this.published += 1
    const spread = (host: number, source: number): void => {
      for (const next of this.#neighbours[host] ?? []) {
        const us = next === source ? null : this.#ports.wayUs(host, next)
        if (us === null) continue
        this.#ports.after(us + HANDLING_US, next, digest, () => {
          this.#copies += 1
          if (seen.has(next)) return
          seen.add(next)
          this.#deliveries += 1
          this.#delaysUs.push(this.#ports.nowUs() - sentUs)
          deliver(next)
          spread(next, host)
        })
      }
    }
    spread(from, -1)
  }

  figures(): { readonly p50Ms: number; readonly p99Ms: number; readonly duplicates: number } {
    const sorted = this.#delaysUs.toSorted((a, b) => a - b)
    const at = (share: number): number => (sorted[Math.floor(share * sorted.length)] ?? 0) / 1_000
    const more = this.#copies - this.#deliveries
    const duplicates = this.#deliveries === 0 ? 0 : more / this.#deliveries
    return { p50Ms: at(0.5), p99Ms: at(0.99), duplicates }
  }
}
